"""What only the creator may do: lock, unlock, put somebody out."""

import pytest

from tests.apis.session_relay.sessions import events, texts, user_ids
from tests.people import catch_up

JOINED = "abc123:xyz789"
HERE = {"sessionId": "abc123"}


async def lock(person, locked=True):
    return await person.ask("lock-session", {**HERE, "locked": locked})


async def remove(person, user_id):
    return await person.ask("remove-member", {**HERE, "userId": user_id})


# --- locking ---


async def test_a_lock_is_told_to_the_others(session, alice, bob, clock):
    assert await lock(alice) == {"success": True}
    await lock(alice, False)
    await catch_up(alice, bob)

    now_ms = clock.now_ms()
    assert bob.heard == [
        ("session-locked", {"locked": locked, "timestamp": now_ms}) for locked in (True, False)
    ]
    assert alice.heard == []


async def test_a_locked_session_keeps_newcomers_out_until_it_is_unlocked(session, alice, carol):
    await lock(alice)

    assert (await carol.join(JOINED, "carol"))["error"] == "session_locked"
    await lock(alice, False)
    ack = await carol.join(JOINED, "carol")
    assert (ack["success"], ack["locked"]) == (True, False)


async def test_a_lock_tells_nothing_to_who_has_not_the_key(session, alice, carol):
    await lock(alice)

    assert (await carol.join("abc123:wrong", "carol"))["error"] == "invalid_auth_key"


async def test_members_of_a_locked_session_go_on_and_come_back(session, alice, bob, meet, lose):
    await lock(alice)
    await lose(bob)
    again = await meet()

    ack = await again.join(JOINED, "bob", memberToken=session.tokens["bob"])

    assert (ack["success"], ack["locked"]) == (True, True)
    await again.ask("send-message", {**HERE, "encrypted": "back"})
    assert texts([await alice.next("new-message")]) == ["back"]


@pytest.mark.parametrize("locked", [True, False])
async def test_nobody_but_the_creator_locks_or_unlocks(session, alice, bob, carol, locked):
    await lock(alice, not locked)
    bob.heard.clear()

    assert (await lock(bob, locked))["error"] == "forbidden"

    assert (await carol.join(JOINED, "carol"))["success"] is locked


# --- removing ---


async def test_a_removed_member_is_told_why_and_hears_nothing_more(
    session_of_three, alice, bob, carol
):
    assert await remove(alice, "bob") == {"success": True}
    await alice.ask("send-message", {**HERE, "encrypted": "without bob"})
    await catch_up(bob)

    assert [(name, data["error"]) for name, data in bob.heard] == [("session-error", "removed")]


async def test_the_others_see_a_removed_member_leave_and_the_session_lock(
    session_of_three, alice, bob, carol
):
    await remove(alice, "bob")
    await catch_up(alice, carol)

    assert events(carol) == ["user-left", "public-keys-updated", "session-locked"]
    left, members, locked = (data for _, data in carol.heard)
    assert (left["userId"], left["reason"]) == ("bob", "removed")
    assert user_ids(members) == ["alice", "carol"]
    assert locked["locked"] is True


@pytest.mark.parametrize("name", ["bob", "robert"])
async def test_a_removed_member_gets_in_under_no_name(session, alice, bob, carol, name):
    await remove(alice, "bob")

    for person in (bob, carol):
        ack = await person.join(
            JOINED, name, memberToken=session.tokens["bob"], publicKey="key of bob"
        )
        assert ack["error"] == "session_locked"


async def test_a_removed_member_that_is_let_in_again_starts_anew(session, alice, bob):
    await alice.ask("send-message", {**HERE, "encrypted": "for bob", "to": "bob"})
    await remove(alice, "bob")
    await lock(alice, False)

    ack = await bob.join(JOINED, "bob", memberToken=session.tokens["bob"])

    assert ack["messages"] == []
    assert ack["memberToken"] not in (None, session.tokens["bob"])


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("send-message", {"encrypted": "may I?"}),
        ("get-public-keys", {}),
        ("save-public-key", {"publicKey": "mine"}),
        ("typing-start", {}),
        ("file-downloaded", {"fileName": "f"}),
        ("leave-session", {}),
    ],
    ids=str,
)
async def test_a_removed_member_may_do_nothing(session, alice, bob, event, payload):
    await remove(alice, "bob")

    assert (await bob.ask(event, {**HERE, **payload}))["error"] == "not_a_member"


async def test_all_tabs_of_a_removed_member_are_put_out(session, alice, bob, carol):
    await carol.join(JOINED, "bob", memberToken=session.tokens["bob"])

    await remove(alice, "bob")

    for tab in (bob, carol):
        assert (await tab.next("session-error"))["error"] == "removed"
        assert (await tab.ask("get-public-keys", HERE))["error"] == "not_a_member"


async def test_a_member_without_connection_is_removed_too(session, alice, bob, lose):
    await lose(bob)

    assert (await remove(alice, "bob"))["success"] is True
    assert (await alice.next("user-left"))["reason"] == "removed"


async def test_nobody_but_the_creator_removes(session_of_three, alice, bob, carol):
    ack = await remove(bob, "carol")
    await catch_up(carol)

    assert (ack["error"], events(carol)) == ("forbidden", [])


async def test_the_creator_does_not_remove_itself(session, alice, bob):
    ack = await remove(alice, "alice")
    await catch_up(bob)

    assert (ack["error"], events(bob)) == ("forbidden", [])


async def test_removing_who_is_not_there_is_an_error_and_locks_nothing(session, alice, bob):
    ack = await remove(alice, "zoe")
    await catch_up(bob)

    assert (ack["error"], events(bob)) == ("recipient_not_found", [])


async def test_a_numeric_member_is_removed_by_number(session, alice, carol):
    await carol.join(JOINED, 7)

    assert (await remove(alice, 7))["success"] is True
    assert (await carol.next("session-error"))["error"] == "removed"
