"""contracts/session-relay.md, line by line, with the documented examples as they stand."""

import json

import pytest

from server.settings import load
from tests.apis.session_relay.sessions import MEMBER, MESSAGE, OLD_MESSAGE, events
from tests.people import catch_up
from tests.servers import ADMIN_TOKEN

RESERVE = {"sessionId": "abc123", "authKey": "xyz789"}
SEND = {
    "sessionId": "abc123",
    "from": "alice",
    "to": "bob",
    "encrypted": "U2FsdGVkX1+ciphertext",
    "originalContent": "what it says",
    "type": "text",
}


def join_of(user_id, **more):
    return {
        "sessionId": "abc123",
        "userId": user_id,
        "displayName": user_id.title(),
        "publicKey": f"key of {user_id}",
        "isCreator": False,
        "authKey": "xyz789",
        **more,
    }


# --- environment ---


def test_the_port_is_3001_by_default():
    assert load({}).port == 3001


def test_the_documented_env_file_is_understood():
    settings = load({"PORT": "3001", "CLIENT_URL": "http://localhost:5173"})
    assert settings.port == 3001
    assert set(settings.origins) == {"http://localhost:5173"}


def test_the_documented_production_environment_is_understood():
    environment = {
        "PORT": "3001",
        "CLIENT_URL": "https://your-frontend-domain.com",
        "NODE_ENV": "production",
        "DEBUG": "false",
    }
    assert set(load(environment).origins) == {"https://your-frontend-domain.com"}


# --- routes ---


async def test_health_tells_status_uptime_and_the_number_of_active_sessions(http):
    await http.post("/api/reserve-session", json=RESERVE)

    health = await (await http.get("/health")).json()

    assert health["status"] == "ok"
    assert health["uptime"] >= 0
    assert health["sessions"] == 1


async def test_the_documented_reservation_is_made(http):
    response = await http.post("/api/reserve-session", json=RESERVE)

    assert response.status == 201
    body = await response.json()
    assert (body["success"], body["sessionId"]) == (True, "abc123")


async def test_a_reservation_lets_a_joiner_in_before_the_creator_starts(http, alice, bob):
    await http.post("/api/reserve-session", json=RESERVE)

    await bob.tell("join-session", join_of("bob"))
    await bob.next("messages-history")
    await alice.tell("join-session", join_of("alice", isCreator=True))

    assert (await bob.next("user-joined"))["userId"] == "alice"


async def test_sessions_tells_of_all_active_sessions(http, session):
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    await http.post("/api/reserve-session", json={"sessionId": "another"})

    body = await (await http.get("/sessions", headers=headers)).json()

    assert [one["sessionId"] for one in body["sessions"]] == ["abc123", "another"]


# --- from clients; nobody asks for an acknowledgement ---


async def test_join_session_answers_keys_and_history(alice, clock):
    await alice.tell("join-session", join_of("alice", isCreator=True))

    assert await alice.next("public-keys-updated") == [
        {
            "userId": "alice",
            "publicKey": "key of alice",
            "displayName": "Alice",
            "joinedAt": clock.now_ms(),
        }
    ]
    assert await alice.next("messages-history") == []


@pytest.mark.parametrize("session_id", ["abc123", "abc123:xyz789"])
async def test_a_session_id_may_carry_the_key_or_not(session, carol, session_id):
    wish = join_of("carol", sessionId=session_id)
    if session_id != "abc123":
        del wish["authKey"]

    await carol.tell("join-session", wish)

    assert len(await carol.next("public-keys-updated")) == 3


async def test_save_public_key_updates_the_key(session, alice, bob):
    payload = {"sessionId": "abc123", "userId": "bob", "publicKey": "new", "displayName": "Bo"}
    await bob.tell("save-public-key", payload)

    for person in (alice, bob):
        _, of_bob = await person.next("public-keys-updated")
        assert (of_bob["publicKey"], of_bob["displayName"]) == ("new", "Bo")


async def test_send_message_reaches_the_other_one(session, alice, bob):
    await alice.tell("send-message", SEND)

    message = await bob.next("new-message")
    assert (message["from"], message["encrypted"]) == ("alice", SEND["encrypted"])


async def test_get_public_keys_answers_all_keys_in_the_session(session, bob):
    await bob.tell("get-public-keys", {"sessionId": "abc123", "userId": "bob"})

    keys = await bob.next("public-keys-updated")
    assert [member["publicKey"] for member in keys] == ["key of alice", "key of bob"]


async def test_leave_session_leaves_it(session, alice, bob):
    await bob.tell("leave-session", {"sessionId": "abc123", "userId": "bob"})

    assert (await alice.next("user-left"))["userId"] == "bob"


# --- to clients ---


async def test_public_keys_updated_is_an_array_of_members(session, alice):
    await alice.tell("get-public-keys", {"sessionId": "abc123", "userId": "alice"})

    keys = await alice.next("public-keys-updated")
    assert [set(member) for member in keys] == [MEMBER, MEMBER]


async def test_messages_history_is_a_bare_array_of_messages(session, alice, carol):
    await alice.ask("send-message", {**SEND, "to": "all"})

    await carol.tell("join-session", join_of("carol"))

    history = await carol.next("messages-history")
    assert [set(message) for message in history] == [OLD_MESSAGE]
    assert history[0]["encrypted"] == SEND["encrypted"]


async def test_new_message_has_its_documented_fields(session, alice, bob, clock):
    await alice.tell("send-message", SEND)

    message = await bob.next("new-message")
    assert set(message) == MESSAGE
    assert message["timestamp"] == clock.now_ms()
    assert (message["to"], message["type"]) == ("bob", "text")


async def test_message_sent_confirms_the_same_message(session, alice, bob):
    await alice.tell("send-message", SEND)

    assert await alice.next("message-sent") == await bob.next("new-message")


async def test_user_joined_tells_who_and_when(session, alice, carol, clock):
    await carol.tell("join-session", join_of("carol"))

    joined = await alice.next("user-joined")
    assert set(joined) == {"userId", "displayName", "timestamp", "seq"}
    assert (joined["displayName"], joined["timestamp"]) == ("Carol", clock.now_ms())


async def test_user_left_tells_who_and_when(session, alice, bob, clock):
    await bob.tell("leave-session", {"sessionId": "abc123", "userId": "bob"})

    left = await alice.next("user-left")
    assert set(left) == {"userId", "timestamp", "reason", "seq"}
    assert (left["userId"], left["timestamp"]) == ("bob", clock.now_ms())


@pytest.mark.parametrize(
    ("session_id", "key", "error"),
    [("nowhere", "xyz789", "session_not_found"), ("abc123", "wrong", "invalid_auth_key")],
)
async def test_session_error_tells_of_an_absent_session_and_of_a_wrong_key(
    session, carol, session_id, key, error
):
    await carol.tell("join-session", join_of("carol", sessionId=session_id, authKey=key))

    told = await carol.next("session-error")
    assert set(told) == {"error", "message"}
    assert told["error"] == error


async def test_download_notification_tells_who_what_and_when(session, alice, bob, clock):
    payload = {"sessionId": "abc123", "userId": "bob", "fileName": "report.pdf"}
    await bob.tell("file-downloaded", payload)

    told = await alice.next("download-notification")
    assert told == {
        "downloadedBy": "bob",
        "fileName": "report.pdf",
        "timestamp": clock.now_ms(),
    }


# --- features ---


async def test_sessions_are_cleaned_up_after_thirty_minutes(session, alice, http, later):
    await later(minutes=29, seconds=59)
    assert (await (await http.get("/health")).json())["sessions"] == 1

    await later(seconds=1)

    assert (await (await http.get("/health")).json())["sessions"] == 0
    assert (await alice.next("session-error"))["error"] == "session_expired"


async def test_only_the_ciphertext_of_a_message_ever_comes_out(session, alice, bob, carol):
    ack = await alice.ask("send-message", SEND)
    await alice.ask("send-message", {**SEND, "to": "all"})
    late = await carol.ask("join-session", join_of("carol"))
    await catch_up(alice, bob, carol)

    seen = json.dumps([ack, late, alice.heard, bob.heard, carol.heard])
    assert SEND["encrypted"] in seen
    assert SEND["originalContent"] not in seen
    assert [old["originalContent"] for old in late["messages"]] == [None]


async def test_the_sender_hears_its_message_sent_and_not_new(session, alice):
    await alice.ask("send-message", SEND)
    await catch_up(alice)

    assert events(alice) == ["message-sent"]
