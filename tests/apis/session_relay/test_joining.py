"""Reserving and joining: what one finds, what the others hear, and who is kept out."""

import pytest

from tests.apis.session_relay.sessions import configured, events, texts, user_ids
from tests.people import Person, catch_up

HALF_AN_HOUR_MS = 30 * 60_000


async def reserve(http, session_id, key=None):
    body = {"sessionId": session_id} if key is None else {"sessionId": session_id, "authKey": key}
    async with http.post("/api/reserve-session", json=body) as response:
        return response.status, await response.json()


# --- reserving ---


async def test_a_reservation_is_201_and_says_when_it_expires(http, clock):
    assert await reserve(http, "abc123", "xyz789") == (
        201,
        {"success": True, "sessionId": "abc123", "expiresAt": clock.now_ms() + HALF_AN_HOUR_MS},
    )


async def test_the_same_reservation_again_is_200_and_does_not_live_longer_for_it(http, clock):
    _, first = await reserve(http, "abc123", "xyz789")
    clock.advance(minutes=10)

    assert await reserve(http, "abc123", "xyz789") == (200, first)


@pytest.mark.parametrize("other", ["another", None], ids=["another key", "no key"])
async def test_a_reservation_under_another_key_is_409_and_the_first_stays(http, meet, other):
    await reserve(http, "abc123", "xyz789")

    status, body = await reserve(http, "abc123", other)

    assert (status, body["error"]) == (409, "session_exists")
    alice = await meet()
    assert (await alice.join("abc123", "alice", authKey="xyz789"))["success"] is True


async def test_a_session_without_key_is_not_taken_over_by_reserving_it_with_one(http, meet):
    await reserve(http, "open")

    status, _ = await reserve(http, "open", "xyz789")

    assert status == 409
    alice = await meet()
    assert (await alice.join("open", "alice"))["success"] is True


async def test_a_reservation_may_carry_its_key_within_the_id(http, alice):
    status, body = await reserve(http, "abc123:xyz789")

    assert (status, body["sessionId"]) == (201, "abc123")
    assert (await alice.join("abc123", "alice"))["error"] == "invalid_auth_key"
    assert (await alice.join("abc123", "alice", authKey="xyz789"))["success"] is True


async def test_a_reserved_session_belongs_to_the_first_who_joins_as_its_creator(http, alice, bob):
    await reserve(http, "abc123", "xyz789")

    joiner = await bob.join("abc123:xyz789", "bob")
    first = await alice.join("abc123:xyz789", "alice", isCreator=True)
    second = await bob.join("abc123:xyz789", "bob", isCreator=True)

    assert [ack["isCreator"] for ack in (joiner, first, second)] == [False, True, False]


async def test_a_reservation_that_nobody_joined_is_free_for_another_key_after_its_time(http, later):
    await reserve(http, "abc123", "xyz789")

    await later(minutes=30)

    assert (await reserve(http, "abc123", "another"))[0] == 201


# --- joining ---


@configured(
    MAX_CIPHERTEXT_BYTES=2048,
    MAX_PUBLIC_KEY_BYTES=512,
    MAX_SESSION_HISTORY_MESSAGES=7,
    MAX_SESSION_HISTORY_BYTES=4096,
    SESSION_IDLE_MINUTES=5,
)
async def test_a_joiner_is_told_the_limits_of_this_server(session, carol):
    ack = await carol.join("abc123:xyz789", "carol")

    assert ack["limits"] == {
        "ciphertextBytes": 2048,
        "publicKeyBytes": 512,
        "historyMessages": 7,
        "historyBytes": 4096,
        "idleMinutes": 5,
    }


async def test_a_joiner_finds_keys_then_history_then_its_acknowledgement(session, alice, carol):
    await alice.ask("send-message", {"sessionId": "abc123", "encrypted": "before carol"})

    ack = await carol.join("abc123:xyz789", "carol", displayName="Carol", publicKey="pk")

    assert events(carol) == ["public-keys-updated", "messages-history"]
    members, messages = (data for _, data in carol.heard)
    assert user_ids(members) == ["alice", "bob", "carol"]
    assert texts(messages) == ["before carol"]
    assert (ack["members"], ack["messages"]) == (members, messages)


async def test_the_acknowledgement_of_a_join_tells_all_about_the_session(session, carol):
    ack = await carol.join("abc123:xyz789", "carol")

    assert len(ack["memberToken"]) >= 32
    del ack["memberToken"], ack["members"], ack["limits"]
    assert ack == {
        "success": True,
        "sessionId": "abc123",
        "seq": 3,
        "truncated": False,
        "locked": False,
        "isCreator": False,
        "messages": [],
    }


async def test_the_others_hear_of_a_joiner_and_then_of_its_key(session, alice, bob, carol):
    await carol.join("abc123:xyz789", "carol", displayName="Carol", publicKey="pk")
    await catch_up(alice, bob)

    for other in (alice, bob):
        assert events(other) == ["user-joined", "public-keys-updated"]
        joined, members = (data for _, data in other.heard)
        assert (joined["userId"], joined["displayName"]) == ("carol", "Carol")
        assert (members[-1]["userId"], members[-1]["publicKey"]) == ("carol", "pk")


async def test_joining_again_is_answered_in_full_and_tells_the_others_nothing(session, alice, bob):
    ack = await bob.join("abc123:xyz789", "bob")
    await catch_up(alice)

    assert (ack["success"], user_ids(ack["members"])) == (True, ["alice", "bob"])
    assert events(bob) == ["public-keys-updated", "messages-history"]
    assert events(alice) == []


async def test_joining_again_with_another_key_tells_the_others_of_the_key_only(session, alice, bob):
    await bob.join("abc123:xyz789", "bob", publicKey="a newer key")
    await catch_up(alice)

    assert events(alice) == ["public-keys-updated"]
    assert alice.heard[0][1][1]["publicKey"] == "a newer key"


async def test_a_member_without_display_name_is_shown_under_its_id(alice):
    ack = await alice.join("abc123", "alice", isCreator=True)

    assert ack["members"][0]["displayName"] == "alice"


async def test_one_connection_takes_part_in_several_sessions_that_hear_nothing_of_each_other(
    alice, bob
):
    await alice.join("first", "alice", isCreator=True)
    await bob.join("first", "bob")
    await alice.join("second", "alice as another", isCreator=True)
    await alice.ask("send-message", {"sessionId": "second", "encrypted": "for the second"})
    await alice.ask("send-message", {"sessionId": "first", "encrypted": "for the first"})

    assert texts([await bob.next("new-message")]) == ["for the first"]


# --- who is kept out ---


async def test_a_joiner_of_an_unknown_session_is_told_so_and_makes_none(http, alice):
    ack = await alice.join("nowhere", "alice")

    assert ack["error"] == "session_not_found"
    assert (await (await http.get("/health")).json())["sessions"] == 0


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"authKey": "wrong"},
        {"authKey": ""},
        {"authKey": None},
        {"authKey": "XYZ789"},
        {"authKey": "xyz789 "},
        {"sessionId": "abc123:wrong"},
        {"sessionId": "abc123:"},
        {"sessionId": "abc123:wrong", "authKey": "xyz789"},
        {"sessionId": "abc123:xyz789", "authKey": "wrong"},
        {"authKey": "wrong", "isCreator": True},
        {"isCreator": True},
    ],
    ids=str,
)
async def test_without_the_right_key_nobody_comes_in(session, alice, carol, keys):
    ack = await carol.ask("join-session", {"sessionId": "abc123", "userId": "carol", **keys})
    await catch_up(alice)

    assert (ack["success"], ack["error"]) == (False, "invalid_auth_key")
    assert carol.all("session-error") == [{k: v for k, v in ack.items() if k != "success"}]
    assert events(alice) == []


async def test_a_session_without_key_is_joined_without_one(alice, bob):
    await alice.join("open", "alice", isCreator=True)

    assert (await bob.join("open", "bob"))["success"] is True


async def test_a_session_is_made_with_the_key_that_its_creator_gave(alice, bob, carol):
    await alice.join("abc123", "alice", isCreator=True, authKey="xyz789")

    assert (await bob.join("abc123", "bob"))["error"] == "invalid_auth_key"
    assert (await carol.join("abc123:xyz789", "carol"))["success"] is True


@configured(MAX_SESSION_MEMBERS=2)
async def test_a_full_session_tells_the_next_one_so_and_keeps_its_members(session, bob, carol):
    ack = await carol.join("abc123:xyz789", "carol")

    assert ack["error"] == "session_full"
    assert (await bob.join("abc123:xyz789", "bob"))["success"] is True


@configured(MAX_SESSION_MEMBERS=2)
async def test_a_place_that_is_left_is_free_again(session, bob, carol):
    await bob.ask("leave-session", {"sessionId": "abc123"})

    assert (await carol.join("abc123:xyz789", "carol"))["success"] is True


@configured(MAX_CONNECTION_SESSIONS=2)
async def test_one_connection_is_in_a_bounded_number_of_sessions(alice):
    for session_id in ("first", "second"):
        await alice.join(session_id, "alice", isCreator=True)

    assert (await alice.join("third", "alice", isCreator=True))["error"] == "too_many_sessions"
    await alice.ask("leave-session", {"sessionId": "first"})
    assert (await alice.join("third", "alice", isCreator=True))["success"] is True


@configured(MAX_SESSIONS=1)
async def test_a_full_server_says_so_to_reservations_and_to_creators(session, http, carol):
    status, body = await reserve(http, "another")
    ack = await carol.join("another", "carol", isCreator=True)

    assert (status, body["error"]) == (503, "server_full")
    assert ack["error"] == "server_full"


# --- transports together ---


@pytest.mark.parametrize("transports", [("polling", "websocket"), ("websocket", "polling")])
async def test_people_on_different_transports_hear_the_same(meet, transports):
    people: list[Person] = [await meet(transport) for transport in (*transports, "websocket")]
    for number, person in enumerate(people):
        await person.join("abc123", number, isCreator=True)
    sent = ["text", b"\x00\xff", {"iv": b"iv", "data": [b"a", b""]}]

    for sender in people:
        for encrypted in sent:
            await sender.ask("send-message", {"sessionId": "abc123", "encrypted": encrypted})
    await catch_up(*people)

    for person in people:
        assert texts(person.all("new-message")) == sent * 2
