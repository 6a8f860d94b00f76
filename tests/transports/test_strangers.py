"""Nobody acts in a session as somebody else, or in a session that they are not in."""

from typing import Any

import pytest

from server.apis.session_relay import SESSION_RELAY
from tests.transports.conftest import Dial
from tests.transports.hostile import fields
from tests.transports.wire import Line, Pair

WITHIN = sorted(set(SESSION_RELAY.actions) - {"join-session"})
RIGHT: dict[str, Any] = {"encrypted": "words", "publicKey": "key", "fileName": "file"}


def payload_of(event: str, session_id: str, **more: Any) -> dict[str, Any]:
    wanted = {
        field.name: field.is_required for field in fields(SESSION_RELAY.actions[event].request)
    }
    right = {name: RIGHT[name] for name, is_required in wanted.items() if name in RIGHT}
    target = {"userId": "alice"} if event == "remove-member" else {}
    return {"sessionId": session_id, **right, **target, **more}


@pytest.fixture
async def mallory(dial: Dial) -> Line:
    line = await dial("websocket")
    await line.join("lair", "mallory")
    return line


@pytest.mark.parametrize("event", WITHIN)
async def test_a_stranger_cannot_act_in_a_session(event: str, mallory: Line, pair: Pair) -> None:
    for session_id in (pair.session_id, f"{pair.session_id}:key", "nobody's session"):
        ack = await mallory.ask(event, payload_of(event, session_id))

        assert (ack["success"], ack["error"]) == (False, "not_a_member")


SENDERS = {
    event: name
    for event in WITHIN
    for name in ("from", "userId")
    if event != "remove-member"
    and name in {field.name for field in fields(SESSION_RELAY.actions[event].request)}
}


@pytest.mark.parametrize("event", SENDERS)
async def test_nobody_speaks_as_another_member(event: str, mallory: Line, dial: Dial) -> None:
    alice = await dial("websocket")
    await alice.join("lair", "alice")
    heard_before = len(alice.heard)

    for claimed in ("alice", "MALLORY", "mallory ", "nobody", 0):
        request = payload_of(event, "lair", **{SENDERS[event]: claimed})
        ack = await mallory.ask(event, request)

        assert (ack["success"], ack["error"]) == (False, "forbidden")
    assert (await alice.ask("get-public-keys", {"sessionId": "lair"}))["success"]
    assert len(alice.heard) == heard_before + 2  # the answer, and the keys that it asked for


CREATORS: dict[str, dict[str, Any]] = {
    "lock-session": {"locked": True},
    "remove-member": {"userId": "bob"},
}


@pytest.mark.parametrize("event", CREATORS)
async def test_only_the_creator_rules(event: str, dial: Dial) -> None:
    creator, bob, mallory = [await dial("websocket") for _ in range(3)]
    for name, line in (("alice", creator), ("bob", bob), ("mallory", mallory)):
        await line.join("room", name)
    request = {"sessionId": "room", **CREATORS[event]}

    assert (await mallory.ask(event, request))["error"] == "forbidden"

    assert (await creator.ask(event, request))["success"]


async def test_a_name_in_use_is_not_given_to_another(mallory: Line, pair: Pair) -> None:
    for more in ({}, {"memberToken": "guess"}, {"publicKey": "another"}, {"isCreator": True}):
        ack = await mallory.join(pair.session_id, "alice", **more)

        assert (ack["success"], ack["error"]) == (False, "user_id_taken")


async def test_a_private_message_reaches_no_third(mallory: Line, dial: Dial) -> None:
    alice, bob, late = [await dial("websocket") for _ in range(3)]
    await alice.join("lair", "alice")
    await bob.join("lair", "bob")

    sent = {"sessionId": "lair", "encrypted": "for bob", "to": "bob"}
    assert (await alice.ask("send-message", sent))["success"]
    await bob.until(lambda: bob.events("new-message"))
    history = await late.join("lair", "late")

    assert mallory.events("new-message") == []
    assert history["messages"] == []
