"""Keys, typing and downloads; leaving, losing a connection, and coming back."""

import asyncio

import pytest

from tests.apis.session_relay.pollers import Poller
from tests.apis.session_relay.sessions import configured, events, texts
from tests.clocks import LIMIT_S
from tests.people import catch_up
from tests.servers import until
from tests.transports.wire import WebSocketLine

JOINED = "abc123:xyz789"
HERE = {"sessionId": "abc123"}


# --- public keys ---


async def test_keys_are_answered_to_who_asks_and_to_nobody_else(session, alice, bob):
    ack = await bob.ask("get-public-keys", {**HERE, "userId": "bob"})
    await catch_up(alice)

    assert bob.heard == [("public-keys-updated", ack["members"])]
    assert [member["publicKey"] for member in ack["members"]] == ["key of alice", "key of bob"]
    assert events(alice) == []


async def test_a_saved_key_is_told_to_everybody_its_owner_included(session, alice, bob):
    ack = await bob.ask("save-public-key", {**HERE, "publicKey": "new", "displayName": "Bo"})
    await catch_up(alice, bob)

    assert alice.heard == bob.heard == [("public-keys-updated", ack["members"])]
    of_alice, of_bob = ack["members"]
    assert (of_bob["publicKey"], of_bob["displayName"]) == ("new", "Bo")
    assert of_alice["publicKey"] == "key of alice"


async def test_a_saved_key_without_a_name_leaves_the_name(session, bob):
    ack = await bob.ask("save-public-key", {**HERE, "publicKey": "new"})

    assert ack["members"][1]["displayName"] == "Bob"


async def test_a_new_key_keeps_the_time_of_joining(session, bob, clock):
    joined_ms = clock.now_ms()
    clock.advance(minutes=1)

    ack = await bob.ask("save-public-key", {**HERE, "publicKey": "new"})

    assert ack["members"][1]["joinedAt"] == joined_ms


# --- typing ---


async def test_typing_is_shown_to_the_others_alone(session_of_three, alice, bob, carol):
    for event in ("typing-start", "typing-stop"):
        assert await bob.ask(event, {**HERE, "userId": "bob"}) == {"success": True}
    await catch_up(alice, bob, carol)

    shown = [("user-typing", {"userId": "bob", "isTyping": is_so}) for is_so in (True, False)]
    assert (alice.heard, bob.heard, carol.heard) == (shown, [], shown)


# --- downloads ---


@pytest.mark.parametrize("event", ["file-downloaded", "download-notification"])
async def test_a_download_is_told_to_all_the_others(session_of_three, alice, bob, carol, event):
    ack = await bob.ask(event, {**HERE, "userId": "bob", "fileName": "ü.bin"})
    await catch_up(alice, bob, carol)

    assert ack == {"success": True}
    assert (events(alice), events(carol)) == (["download-notification"],) * 2
    assert (alice.heard[0][1]["downloadedBy"], alice.heard[0][1]["fileName"]) == ("bob", "ü.bin")
    assert events(bob) == []


@pytest.mark.parametrize("event", ["file-downloaded", "download-notification"])
async def test_a_download_is_told_to_one_where_it_says_so(
    session_of_three, alice, bob, carol, event
):
    await bob.ask(event, {**HERE, "fileName": "f", "to": "alice"})
    await catch_up(alice, carol)

    assert (events(alice), events(carol)) == (["download-notification"], [])


@pytest.mark.parametrize("to", [None, "", "all"], ids=repr)
async def test_a_download_to_all_in_any_spelling_is_told_to_all(session, alice, bob, to):
    await bob.ask("file-downloaded", {**HERE, "fileName": "f", "to": to})

    assert (await alice.next("download-notification"))["fileName"] == "f"


async def test_a_download_is_not_told_to_a_stranger(session, bob):
    ack = await bob.ask("file-downloaded", {**HERE, "fileName": "f", "to": "zoe"})

    assert ack["error"] == "recipient_not_found"


# --- leaving ---


async def test_leaving_is_told_at_once_and_then_the_keys_of_who_is_left(session, alice, bob):
    assert await bob.ask("leave-session", {**HERE, "userId": "bob"}) == {"success": True}
    await catch_up(alice)

    assert events(alice) == ["user-left", "public-keys-updated"]
    assert (alice.heard[0][1]["userId"], alice.heard[0][1]["reason"]) == ("bob", "left")
    assert [member["userId"] for member in alice.heard[1][1]] == ["alice"]


async def test_who_has_left_hears_nothing_more_and_may_do_nothing(session, alice, bob):
    await bob.ask("leave-session", HERE)
    await alice.ask("send-message", {**HERE, "encrypted": "without bob"})
    await catch_up(bob)

    assert events(bob) == []
    refused = await bob.ask("send-message", {**HERE, "encrypted": "may I?"})
    assert refused["error"] == "not_a_member"


async def test_saying_goodbye_is_leaving_although_there_is_a_grace(session, alice, bob):
    await bob.leave()

    assert (await alice.next("user-left"))["reason"] == "left"


async def test_a_goodbye_over_polling_answers_the_poll_that_waits(server, http):
    """A browser has six connections a server; a poll nobody answers holds one of them."""
    dave = await Poller.connect(http)
    waiting = asyncio.create_task(dave.poll())
    await until(lambda: any(line.poller and line.poller.is_polling for line in server.lines))

    await dave.post("41", "1")

    async with asyncio.timeout(LIMIT_S):
        await waiting


# --- losing a connection ---


async def test_a_lost_member_stays_until_its_grace_is_over(session, alice, bob, lose, later):
    await lose(bob)
    await later(seconds=2, ms=999)
    await catch_up(alice)
    assert events(alice) == []

    await later(ms=1)

    left = await alice.next("user-left")
    assert (left["userId"], left["reason"]) == ("bob", "lost")
    assert [one["userId"] for one in await alice.next("public-keys-updated")] == ["alice"]


@pytest.mark.parametrize("proof", ["memberToken", "publicKey"])
async def test_nobody_notices_who_comes_back_within_the_grace(
    session, alice, bob, meet, transport, lose, later, proof
):
    await lose(bob)
    await later(seconds=2)

    again = await meet(transport)
    proofs = {"memberToken": session.tokens["bob"], "publicKey": "key of bob"}
    ack = await again.join(JOINED, "bob", **{proof: proofs[proof]})
    await later(seconds=10)
    await catch_up(alice)

    assert (ack["success"], ack["seq"]) == (True, 2)
    assert events(alice) == []


async def test_who_comes_back_gets_what_it_missed(session, alice, bob, meet, transport, lose):
    await lose(bob)
    await alice.ask("send-message", {**HERE, "encrypted": "for all"})
    await alice.ask("send-message", {**HERE, "encrypted": "for bob", "to": "bob"})

    again = await meet(transport)
    ack = await again.join(JOINED, "bob", memberToken=session.tokens["bob"], since=2)

    assert texts(ack["messages"]) == ["for all", "for bob"]


async def test_who_comes_back_after_the_grace_is_announced_again(
    session, alice, bob, meet, lose, later
):
    await lose(bob)
    await later(seconds=3)

    again = await meet()
    await again.join(JOINED, "bob", memberToken=session.tokens["bob"])
    await catch_up(alice)

    assert events(alice)[:3] == ["user-left", "public-keys-updated", "user-joined"]


async def test_losing_a_connection_twice_gives_the_whole_grace_twice(
    session, alice, bob, meet, lose, later
):
    await lose(bob)
    await later(seconds=2)
    again = await meet()
    await again.join(JOINED, "bob", memberToken=session.tokens["bob"])
    await lose(again)
    await later(seconds=2)
    await catch_up(alice)
    assert events(alice) == []

    await later(seconds=1)

    assert (await alice.next("user-left"))["reason"] == "lost"


@configured(RECONNECT_GRACE_S=0)
async def test_without_grace_the_reaper_itself_tells_of_a_loss_soon(session, alice, bob, lose):
    await lose(bob)

    assert (await alice.next("user-left"))["reason"] == "lost"


@configured(RECONNECT_GRACE_S=0, PING_INTERVAL_S=0.2, PING_TIMEOUT_S=1)
async def test_a_polling_client_that_falls_silent_is_lost(http, server):
    # A client's library would take the server for lost, if the machine stood still so long.
    async with WebSocketLine(server.url) as alice:
        await (await alice.open()).join("abc123", "alice")
        dave = await Poller.connect(http)
        await dave.post('42["join-session",{"sessionId":"abc123","userId":"dave"}]')

        await alice.until(lambda: alice.is_ended or alice.events("user-left"))

        (left,) = alice.events("user-left")
        assert (left["userId"], left["reason"]) == ("dave", "lost")
