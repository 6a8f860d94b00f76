"""Thirty idle minutes end a session, and nothing of it stays."""

import pytest

from tests.apis.session_relay.sessions import configured, events, metrics_of, texts
from tests.people import catch_up
from tests.servers import ADMIN_TOKEN

JOINED = "abc123:xyz789"
HERE = {"sessionId": "abc123"}
OPERATOR = {"Authorization": f"Bearer {ADMIN_TOKEN}"}

ACTIVITY = {
    "join": ("join-session", {"sessionId": JOINED, "userId": "bob"}),
    "message": ("send-message", {"encrypted": "hello"}),
    "typing": ("typing-start", {}),
    "typing stopped": ("typing-stop", {}),
}
NO_ACTIVITY = {
    "asking for keys": ("get-public-keys", {}),
    "saving a key": ("save-public-key", {"publicKey": "new"}),
    "a signal": ("send-signal", {"encrypted": "hello"}),
    "a private signal": ("send-signal", {"encrypted": "hello", "to": "alice"}),
    "a refused message": ("send-message", {"encrypted": "hello", "to": "nobody"}),
    "a message as somebody else": ("send-message", {"encrypted": "hello", "from": "alice"}),
}


@pytest.fixture
def transport():
    return "websocket"


async def live_sessions(http):
    return (await (await http.get("/health")).json())["sessions"]


async def test_every_member_is_told_that_the_session_has_expired(session, alice, bob, later):
    await later(minutes=30)
    await catch_up(alice, bob)

    for member in (alice, bob):
        assert [(name, data["error"]) for name, data in member.heard] == [
            ("session-error", "session_expired")
        ]


async def test_everything_of_an_expired_session_is_forgotten(
    session, alice, bob, later, http, server
):
    await alice.ask("send-message", {**HERE, "encrypted": "hello"})

    await later(minutes=30)

    assert await live_sessions(http) == 0
    for url in server.node_urls:
        assert (await metrics_of(url))["hushwire_held_bytes"] == 0
    assert (await bob.ask("get-public-keys", HERE))["error"] == "not_a_member"
    assert (await bob.join(JOINED, "bob"))["error"] == "session_not_found"
    anew = await bob.join("abc123:another key", "bob", isCreator=True)
    assert (anew["seq"], anew["messages"], anew["isCreator"]) == (1, [], True)


async def test_a_token_of_an_expired_session_is_worthless_in_the_next(session, alice, bob, later):
    await later(minutes=30)
    await bob.join("abc123", "bob", isCreator=True)

    ack = await alice.join("abc123", "alice", memberToken=session.tokens["alice"])

    assert (ack["isCreator"], ack["memberToken"] == session.tokens["alice"]) == (False, False)


@pytest.mark.parametrize("activity", ACTIVITY)
async def test_a_join_a_message_or_typing_gives_another_thirty_minutes(
    session, bob, later, http, activity
):
    event, payload = ACTIVITY[activity]
    await later(minutes=29)
    assert (await bob.ask(event, {**HERE, **payload}))["success"] is True

    await later(minutes=29, seconds=59)
    assert await live_sessions(http) == 1

    await later(seconds=1)
    assert await live_sessions(http) == 0


@pytest.mark.parametrize("activity", NO_ACTIVITY)
async def test_nothing_else_keeps_a_session_alive(session, bob, later, http, activity):
    event, payload = NO_ACTIVITY[activity]
    await later(minutes=29)
    await bob.ask(event, {**HERE, **payload})

    await later(minutes=1)

    assert await live_sessions(http) == 0


async def test_typing_alone_keeps_a_session_for_hours(session, alice, bob, later, http):
    for _ in range(10):
        await later(minutes=29)
        await bob.ask("typing-start", HERE)

    assert await live_sessions(http) == 1
    assert (await alice.ask("get-public-keys", HERE))["success"] is True


async def test_signals_alone_keep_no_session(session, alice, later, http):
    for _ in range(6):
        await later(minutes=5)
        await alice.ask("send-signal", {**HERE, "encrypted": "still here"})

    assert await live_sessions(http) == 0


async def test_a_session_outlives_its_last_member_until_it_is_idle(session, alice, bob, later):
    await alice.ask("send-message", {**HERE, "encrypted": "hello"})
    for person in (alice, bob):
        await person.ask("leave-session", HERE)

    await later(minutes=29)
    back = await bob.join(JOINED, "bob", memberToken=session.tokens["bob"])
    assert texts(back["messages"]) == ["hello"]

    await bob.ask("leave-session", HERE)
    await later(minutes=30)
    assert (await bob.join(JOINED, "bob"))["error"] == "session_not_found"


async def test_a_session_ends_alone(session, alice, bob, carol, later):
    await later(minutes=20)
    await carol.join("younger", "carol", isCreator=True)

    await later(minutes=10)
    await catch_up(alice, carol)

    assert events(alice) == ["session-error"]
    assert events(carol) == ["public-keys-updated", "messages-history"]


async def test_who_was_in_an_expired_session_may_still_use_the_connection(session, alice, later):
    await later(minutes=30)

    assert (await alice.join("next", "alice", isCreator=True))["success"] is True


@configured(SESSION_IDLE_MINUTES=1)
async def test_the_idle_limit_is_a_setting(session, alice, later):
    await later(seconds=59)
    await catch_up(alice)
    assert events(alice) == []

    await later(seconds=1)

    told = await alice.next("session-error")
    assert told["error"] == "session_expired"


async def test_the_reaper_itself_ends_an_idle_session(session, alice, clock):
    clock.advance(minutes=30)

    assert (await alice.next("session-error"))["error"] == "session_expired"


async def test_the_list_of_sessions_shows_the_last_activity(session, bob, later, http, clock):
    await later(minutes=5)
    await bob.ask("typing-start", HERE)

    (shown,) = (await (await http.get("/sessions", headers=OPERATOR)).json())["sessions"]

    assert shown["lastActivityAt"] == clock.now_ms()
    assert shown["createdAt"] == clock.now_ms() - 5 * 60_000
