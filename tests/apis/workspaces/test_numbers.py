"""Users of systems whose ids are numbers: one text names each of them, in whatever is told."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.apis.workspaces.people import Colleague
from tests.issuers import by_secret
from tests.servers import SECRET
from tests.transports.wire import Line, WebSocketLine

SEVEN = "7"

TOLD = (
    "conversation:new",
    "message:new",
    "message:edit",
    "message:reaction",
    "message:read",
    "typing:start",
    "presence_update",
)


@pytest.fixture
async def lines(http, server):
    """Of somebody whose token has the number 7, and of Erin, who have joined one workspace."""
    opened: list[Line] = []
    for name, url in ((7, server.node_urls[0]), ("erin", server.node_urls[-1])):
        token = by_secret({"sub": name, "workspaceId": "acme"}, SECRET.encode())
        line: Line = WebSocketLine(url)
        opened.append(line)
        line.prefix = "/chat,"
        await line.open({"token": token})
        assert await Colleague(http, name, token).workspaces()
    for one in opened:
        await one.ask("join_workspace", {"workspaceId": "acme"})
    yield opened
    for one in opened:
        await one.leave()


@pytest.fixture
async def people(http):
    return [
        Colleague(http, name, by_secret({"sub": name, "workspaceId": "acme"}, SECRET.encode()))
        for name in (7, "erin")
    ]


def names_in(value: Any) -> Iterator[Any]:
    """All that stands where a user is named."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name in ("userId", "createdById"):
                yield one
            elif name == "reactions":
                yield from (user for users in one.values() for user in users)
            else:
                yield from names_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from names_in(one)


async def test_whose_id_is_a_number_is_shown_as_there_while_there(lines, people):
    _, answer = await people[1].ask("GET", "/chat/presence/acme")
    assert {one["userId"]: one["status"] for one in answer["presence"]} == {
        SEVEN: "online",
        "erin": "online",
    }


async def test_whose_id_is_a_number_is_named_by_its_text_everywhere(lines, people):
    seven, erin = people
    line, hearer = lines
    room = {"conversationId": (await seven.makes("acme", erin))["id"]}
    await hearer.ask("join_conversation", room)
    answers = [await line.ask("send_message", {**room, "content": "x", "clientMessageId": "m"})]
    answers += [
        await line.ask("edit_message", {"messageId": "m", "content": "y"}),
        await line.ask("add_reaction", {"messageId": "m", "emoji": "x", **room}),
        await line.ask("typing_start", room),
        await line.ask("update_presence", {"workspaceId": "acme", "status": "busy"}),
    ]
    await erin.says(room["conversationId"], "z")
    answers.append(await line.ask("mark_as_read", room))
    for path in ("conversations", "workspaces", "workspaces/acme/members"):
        answers.append((await erin.ask("GET", f"/chat/{path}"))[1])
    answers += await erin.reads(room["conversationId"])
    await hearer.until(lambda: hearer.events("message:read"))
    heard = [hearer.events(name)[-1] for name in TOLD]
    named = list(names_in([*answers, *heard]))
    assert {*named} == {SEVEN, "erin"}
    assert 7 not in named
