"""What happens in workspaces reaches whoever has joined them, in either namespace, anywhere."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from server.core.ids import RoomId, UserId, WorkspaceId
from server.core.kinds import Kind
from server.core.workspaces.channels import ChannelWish
from server.transports.api import CHAT, MAIN
from tests.installations import MEMORY, Installation
from tests.issuers import by_secret
from tests.redis_servers import shared_redis
from tests.servers import ADMIN_TOKEN, SECRET, RunningServer, running_nodes, until
from tests.transports.chapel import WITH_CHAPEL
from tests.transports.wire import Line, WebSocketLine

TEAM = "team"
PREFIXES = {MAIN: "", CHAT: "/chat,"}
TWO = Installation("two", nodes=2, has_redis=True)

Meet = Callable[..., Awaitable[Line]]


def token_of(name: str) -> str:
    return by_secret({"sub": name, "workspaceIds": [TEAM]}, SECRET.encode())


@pytest.fixture(params=[MEMORY, TWO], ids=str)
async def server(request: pytest.FixtureRequest, tmp_path: Any) -> AsyncIterator[RunningServer]:
    settings: dict[str, Any] = {"JWT_SECRET": SECRET, "RECONNECT_GRACE_S": 0}
    if request.param.has_redis:
        shared_redis().flush()
        settings |= {
            "ADMIN_TOKEN": ADMIN_TOKEN,
            "REDIS_URL": shared_redis().url,
            "DATABASE_URL": f"sqlite:///{tmp_path / 'data.sqlite3'}",
        }
    async with running_nodes(request.param.nodes, settings, None, None, WITH_CHAPEL) as one:
        yield one


@pytest.fixture
async def meet(server: RunningServer) -> AsyncIterator[Meet]:
    """Connects somebody who joins the team, to the last node: `bob = await meet("bob", CHAT)`."""
    lines: list[Line] = []

    async def connect(name: str, namespace: str, url: str = server.node_urls[-1]) -> Line:
        line = WebSocketLine(url)
        lines.append(line)
        line.prefix = PREFIXES[namespace]
        await line.open({"token": token_of(name), "recover": True})
        assert (await line.ask("enter", {"workspaceId": TEAM}))["success"] is True
        return line

    yield connect
    for line in lines:
        await line.leave()


async def room_of(server: RunningServer, by: str, *members: str) -> RoomId:
    """A conversation that is made while they are there."""
    chat = server.chat
    user = await chat.tokens.read(token_of(by))
    wish = ChannelWish(
        workspace_id=WorkspaceId(TEAM),
        kind=Kind.GROUP,
        name="Tea",
        members=tuple(map(UserId, members)),
    )
    channel, _ = await chat.channels.create(user, wish)
    return channel.conversation.room_id


async def test_what_one_says_all_others_hear_once_in_the_words_of_their_namespace(
    server: RunningServer, meet: Meet
) -> None:
    alice = await meet("alice", CHAT, server.node_urls[0])
    hearers = [await meet(*who) for who in (("alice", CHAT), ("bob", CHAT), ("bob", MAIN))]
    carol = await meet("carol", CHAT)
    room = await room_of(server, "alice", "bob")

    for words in ("1", "2", "3"):
        answer = await alice.ask("sing", {"roomId": room, "words": words})
        assert answer == {"success": True}

    for line in hearers:
        await until(lambda: len(line.events("song")) == 3)  # noqa: B023
        assert line.events("song") == [{"by": "alice", "words": words} for words in "123"]
    assert alice.events("song") == carol.events("song") == []


async def test_who_is_put_out_of_the_workspace_hears_nothing_from_then_on(
    server: RunningServer, meet: Meet
) -> None:
    alice, bob, tab = [await meet(*who) for who in (("alice", CHAT), ("bob", CHAT), ("bob", MAIN))]
    room = await room_of(server, "alice", "bob")
    await alice.ask("sing", {"roomId": room, "words": "1"})
    for line in (bob, tab):
        await until(lambda: line.events("song"))  # noqa: B023

    user = await server.chat.tokens.read(token_of("bob"))
    await server.chat.workspaces.remove_member(user, WorkspaceId(TEAM), UserId("bob"))
    carol = await meet("carol", CHAT)
    assert (await alice.ask("sing", {"roomId": room, "words": "2"}))["success"] is True
    assert (await carol.ask("whisper", {"words": 1}))["success"] is True
    for line in (bob, tab):
        assert (await line.ask("whisper", {"words": 1}))["success"] is True
        assert len(line.events("song")) == 1
        assert (await line.ask("enter", {"workspaceId": TEAM}))["error"] == "not_found"


async def test_who_has_joined_in_the_main_namespace_is_not_restored_after_a_drop(
    server: RunningServer, meet: Meet
) -> None:
    line = await meet("bob", MAIN)
    pid = line.welcome["pid"]
    assert (await line.join("tea-room", "bob"))["success"] is True
    await line.leave()

    async with WebSocketLine(server.node_urls[-1]) as again:
        await again.open({"token": token_of("bob"), "pid": pid, "offset": line.offset})
        assert again.welcome["sid"] != line.welcome["sid"]


async def test_nothing_is_left_of_those_who_have_gone(server: RunningServer, meet: Meet) -> None:
    for namespace in (MAIN, CHAT):
        await (await meet("bob", namespace)).leave()

    for node in server.nodes:
        attendance = node.chat.attendance
        await until(lambda: not attendance.gathering.guests)  # noqa: B023
