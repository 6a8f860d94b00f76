"""Whatever clients of workspaces emit: it is answered, and harms nobody."""

import itertools
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.apis.workspaces import WORKSPACES
from server.transports.api import CHAT, MAIN
from tests.apis.attacks.scenes import CANARY, Person, Scene
from tests.apis.attacks.test_other_peoples_ids import filled
from tests.apis.session_relay.sessions import configured
from tests.servers import RunningServer
from tests.transports.hostile import NOT_OBJECTS, VALUES
from tests.transports.wire import Line, WebSocketLine

Connect = Callable[..., Awaitable[Line]]

_OF_CHANNEL = {"conversationId": "{conversationId}"}
_OF_MESSAGE = {"messageId": "{messageId}", **_OF_CHANNEL}
_OF_WORKSPACE = {"workspaceId": "{workspaceId}"}

ROWS: dict[str, dict[str, Any]] = {
    "join_workspace": _OF_WORKSPACE,
    "join_conversation": _OF_CHANNEL,
    "leave_conversation": _OF_CHANNEL,
    "send_message": {**_OF_CHANNEL, "content": "x", "clientMessageId": "{messageId}"},
    "edit_message": {**_OF_MESSAGE, "content": "x"},
    "delete_message": _OF_MESSAGE,
    "add_reaction": {**_OF_MESSAGE, "emoji": "x"},
    "typing_start": _OF_CHANNEL,
    "typing_stop": _OF_CHANNEL,
    "mark_as_read": _OF_MESSAGE,
    "update_presence": {**_OF_WORKSPACE, "status": "busy"},
}
"""What is asked of each, of things of alice's and bob's; or of mallory's own."""

TELLS_NOTHING = {"leave_conversation"}
"""What is looked up nowhere, and succeeds for whatever is named."""

REFUSED = {"invalid_request", "not_found", "forbidden", "recipient_not_found", "id_conflict"}

thorough = settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
async def connect(server: RunningServer) -> AsyncIterator[Connect]:
    """Opens lines: `line = await connect(scene.mallory, CHAT)`."""
    lines: list[Line] = []

    async def enter(who: Person, namespace: str = CHAT) -> Line:
        lines.append(line := WebSocketLine(server.url))
        line.prefix = "" if namespace == MAIN else f"{namespace},"
        return await line.open({"token": who.token})

    yield enter
    for line in lines:
        await line.leave()


@pytest.fixture
async def mine(scene: Scene) -> dict[str, str]:
    """Things of mallory's, by the same names."""
    mallory = scene.mallory
    made = await scene.done(mallory, "POST /chat/workspaces", {"name": "mine"})
    workspace = made["workspace"]["id"]
    wish = {"type": "GROUP", "name": "mine", "workspaceId": workspace}
    made = await scene.done(mallory, "POST /chat/conversations", wish)
    room = made["conversation"]["id"]
    said = {"content": "x", "clientMessageId": "mine"}
    await scene.done(mallory, f"POST /chat/conversations/{room}/messages", said)
    return {"workspaceId": workspace, "conversationId": room, "messageId": "mine"}


def test_every_event_has_a_row() -> None:
    assert ROWS.keys() == WORKSPACES.actions.keys()


@pytest.mark.parametrize("namespace", [CHAT, MAIN])
async def test_who_names_what_is_not_theirs_learns_and_changes_nothing(
    scene: Scene, connect: Connect, namespace: str
) -> None:
    bob, mallory = await connect(scene.bob), await connect(scene.mallory, namespace)
    await bob.ask("join_workspace", filled(_OF_WORKSPACE, scene.ids))
    await bob.ask("join_conversation", filled(_OF_CHANNEL, scene.ids))
    before = [await scene.seen_by(who) for who in (scene.alice, scene.bob)]
    heard = len(bob.heard)
    nowhere = dict.fromkeys(scene.ids, "nowhere")
    for name, payload in ROWS.items():
        theirs = await mallory.ask(name, filled(payload, scene.ids))
        assert theirs.get("error") == (None if name in TELLS_NOTHING else "not_found"), name
        assert name in TELLS_NOTHING or theirs == await mallory.ask(name, filled(payload, nowhere))
    assert [await scene.seen_by(who) for who in (scene.alice, scene.bob)] == before
    path = filled("POST /chat/conversations/{conversationId}/messages", scene.ids)
    await scene.done(scene.alice, path, {"content": "the end"})
    await bob.until(lambda: bob.events("message:new"))
    assert len(bob.heard) == heard + 1
    assert [name for name in WORKSPACES.heard if mallory.events(name)] == []
    assert CANARY not in json.dumps([str(one) for one in mallory.heard])


ODD: tuple[Any, ...] = (
    {"$gt": ""},
    [["a\0"]],
    1e300,
    True,
    "\0",
    "a\r\nb",
    "x" * 3_000,
    {"__proto__": {"admin": True}},
    [{}] * 600,
    {"_placeholder": True, "num": 0},
    2**53,
)

TAKES_ANYTHING = {"content", "encryptionMetadata", "attachments"}


async def test_a_field_of_a_wrong_kind_is_refused_in_every_event(
    scene: Scene, mine: dict[str, str], connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    mallory = await connect(scene.mallory)
    for name, action in WORKSPACES.actions.items():
        names = {one.encode_name for one in msgspec.structs.fields(action.request)}
        for field, odd in itertools.product(sorted(names - TAKES_ANYTHING), ODD):
            answer = await mallory.ask(name, {**filled(ROWS[name], mine), field: odd})
            refused = {"unknown_event"} if field == "conversationId" else set()
            assert answer.get("error") in REFUSED | refused, (name, field, odd, answer)
    assert caplog.records == []


@pytest.mark.parametrize("event", sorted(ROWS))
@given(data=st.data())
@thorough
async def test_no_payload_does_more_than_be_refused(
    event: str,
    data: st.DataObject,
    scene: Scene,
    mine: dict[str, str],
    connect: Connect,
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = [one.encode_name for one in msgspec.structs.fields(WORKSPACES.actions[event].request)]
    odd = data.draw(st.dictionaries(st.sampled_from([*names, "unknown"]), VALUES, max_size=4))
    mallory = await connect(scene.mallory)
    of_others = await mallory.ask(event, {**filled(ROWS[event], scene.ids), **odd})
    assert event in TELLS_NOTHING if of_others["success"] else of_others["error"] in REFUSED
    of_hers = await mallory.ask(event, {**filled(ROWS[event], mine), **odd})
    assert of_hers["success"] or of_hers["error"] in REFUSED | {"payload_too_large"}
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


@given(event=st.sampled_from(sorted(ROWS)), payload=NOT_OBJECTS, more=st.lists(VALUES, max_size=2))
@thorough
async def test_a_payload_that_is_no_object_is_refused(
    event: str, payload: object, more: list[object], scene: Scene, connect: Connect
) -> None:
    mallory = await connect(scene.mallory)
    assert (await mallory.ask(event, payload, *more))["error"] == "invalid_request"


# --- floods ---


async def flood(line: Line, event: str, payloads: list[dict[str, Any]]) -> list[str | None]:
    """What each is answered: None, or the code of the refusal."""
    return [(await line.ask(event, one)).get("error") for one in payloads]


@configured(RATE_LIMITS="on", MEMBER_SENDS_PER_MINUTE=40)
async def test_more_connections_do_not_let_a_user_say_more(
    scene: Scene, mine: dict[str, str], connect: Connect
) -> None:
    lines = [await connect(scene.mallory, one) for one in (CHAT, MAIN, CHAT)]
    said = {"conversationId": mine["conversationId"], "content": "x"}
    told = [one for line in lines * 5 for one in await flood(line, "send_message", [said])]
    assert told == [None] * 9 + ["rate_limited"] * 6
    reaction = {"messageId": "mine", "emoji": "x"}
    assert await flood(lines[0], "add_reaction", [reaction]) == ["rate_limited"]
    edit = {"messageId": "mine", "content": "x"}
    assert await flood(lines[1], "edit_message", [edit]) == ["rate_limited"]


@pytest.mark.parametrize(("event", "burst"), [("typing_start", 60), ("update_presence", 15)])
@configured(RATE_LIMITS="on")
async def test_who_goes_on_and_on_is_told_to_wait_on_all_its_connections(
    scene: Scene, mine: dict[str, str], connect: Connect, event: str, burst: int
) -> None:
    lines = [await connect(scene.mallory) for _ in range(4)]
    payload = filled(ROWS[event], mine)
    told = [one for line in lines for one in await flood(line, event, [payload] * 20)]
    assert told == [None] * burst + ["rate_limited"] * (80 - burst)


CHANGES: dict[str, tuple[str, tuple[dict[str, Any] | None, ...]]] = {
    "names": ("PUT /chat/conversations/{conversationId}", ({"name": "a"}, {"name": "b"})),
    "roles": (
        "PUT /chat/conversations/{conversationId}/members/{bob}/role",
        ({"role": "ADMIN"}, {"role": "MEMBER"}),
    ),
    "members": ("DELETE /chat/conversations/{conversationId}/members/nobody", (None,)),
    "people": ("DELETE /chat/workspaces/{workspaceId}/members/nobody", (None,)),
}
"""What all in a conversation are told of, and what is noted for operators, each time."""


@pytest.mark.parametrize("change", CHANGES)
@configured(RATE_LIMITS="on")
async def test_what_everybody_is_told_one_account_does_not_change_without_end(
    scene: Scene, mine: dict[str, str], change: str
) -> None:
    mallory, ids = scene.mallory, {**mine, "bob": scene.bob.user_id}
    for path in ("workspaces/{workspaceId}", "conversations/{conversationId}"):
        route = "POST " + filled(f"/chat/{path}/members", ids)
        await scene.done(mallory, route, {"userId": scene.bob.user_id})
    route, bodies = CHANGES[change]
    wishes = itertools.islice(itertools.cycle(bodies), 60)
    codes = [(await scene.ask(mallory, filled(route, ids), one)).code for one in wishes]
    assert codes.index("rate_limited") == 56  # four things were done before
