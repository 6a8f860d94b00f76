"""Coming back after a drop: what is restored, what is told, and when nothing can be."""

import asyncio
from functools import partial
from typing import Any

import pytest

from server.stores.memory.recoveries import MemoryRecoveries
from server.transports.socketio.rosters import SMALL_ROOM
from tests.clocks import ManualClock
from tests.recovery.conftest import Travel
from tests.recovery.places import Place, open_place
from tests.recovery.travellers import Traveller
from tests.servers import until


def _has_heard(person: Traveller, words: Any) -> bool:
    return words in person.words()


# --- what is told ---


async def test_events_have_an_offset_behind_their_data_and_answers_have_none(
    alice: Traveller, carol: Traveller
) -> None:
    answer = await alice.say("lair", "tea?")
    await carol.hears("tea?")

    told = [packet for packet in map(str, carol.line.heard) if "new-message" in packet]
    assert answer["success"]
    assert carol.line.offset
    assert told[0].endswith(f',"{carol.line.offset}"]')
    own = [packet for packet in map(str, alice.line.heard) if "message-sent" in packet]
    assert own
    assert own[0].endswith("}]")


async def test_what_is_momentary_has_no_offset_and_is_not_told_later(
    alice: Traveller, carol: Traveller
) -> None:
    await alice.line.ask("typing-start", {"sessionId": "lair"})
    await carol.line.until(lambda: carol.line.events("user-typing"))
    assert carol.line.offset is None

    await carol.drop()
    await alice.line.ask("typing-stop", {"sessionId": "lair"})
    await alice.line.ask("send-signal", {"sessionId": "lair", "encrypted": "now"})
    await alice.say("lair", "later")

    assert await carol.back()
    await carol.hears("later")
    assert carol.line.events("user-typing") == carol.line.events("signal") == []


async def test_who_has_heard_a_part_is_told_the_rest(alice: Traveller, carol: Traveller) -> None:
    for number in range(5):
        await alice.say("lair", number)
    await carol.line.until(lambda: len(carol.words()) == 5)
    offsets = [
        packet.rsplit('"', 2)[1] for packet in map(str, carol.line.heard) if "new-message" in packet
    ]
    await carol.drop()

    for heard in range(5):
        carol.offset = offsets[heard]
        assert await carol.back()
        await carol.say("lair", "marker", id=f"marker-{heard}")
        assert carol.words() == list(range(heard + 1, 5))
        await carol.drop()


async def test_missed_events_have_offsets_of_their_own(alice: Traveller, carol: Traveller) -> None:
    await carol.drop()
    for number in range(3):
        await alice.say("lair", number)
    assert await carol.back()
    await carol.hears(0, 1, 2)
    first = next(packet for packet in map(str, carol.line.heard) if "new-message" in packet)

    await carol.drop()
    carol.offset = first.rsplit('"', 2)[1]

    assert await carol.back()
    await carol.hears(1, 2)


async def test_what_one_said_oneself_is_not_told(alice: Traveller, carol: Traveller) -> None:
    await carol.say("lair", "mine")
    await carol.drop()
    await alice.say("lair", "yours")

    assert await carol.back()
    await carol.hears("yours")


async def test_private_messages_are_told_to_their_recipient_alone(
    alice: Traveller, carol: Traveller, travel: Travel
) -> None:
    bob = await travel()
    await bob.join("lair", "bob")
    await carol.drop()
    await alice.say("lair", "for bob", to="bob")
    await alice.say("lair", "for carol", to="carol")

    assert await carol.back()
    await carol.hears("for carol")


async def test_a_list_that_was_held_back_when_the_line_dropped_is_told(
    travel: Travel, alice: Traveller, carol: Traveller
) -> None:
    crowd = [await travel() for _ in range(SMALL_ROOM + 20)]
    for number, one in enumerate(crowd):
        await one.join("lair", f"user {number}")
    # The first change opens a window in which the second is held back, and the words are not.
    left = 0
    while not (carol.line.offset or "").endswith("~"):
        pair, left = crowd[left : left + 2], left + 2
        assert pair, "no list was held back, or no offset says so"
        leave = {"sessionId": "lair"}
        await asyncio.gather(*(one.line.ask("leave-session", leave) for one in pair))
        await alice.say("lair", left)
        await until(partial(_has_heard, carol, left))
    await carol.drop()

    assert await carol.back()
    await carol.line.until(lambda: carol.line.events("public-keys-updated"))
    assert len(carol.line.events("public-keys-updated")[-1]) == len(crowd) - left + 2
    assert carol.words() == []


# --- when nothing can be restored ---


async def test_after_its_time_nobody_is_restored(
    server: Place, clock: ManualClock, alice: Traveller, carol: Traveller
) -> None:
    sid = carol.sid
    await carol.drop()
    await server.until_gone(carol)
    clock.advance(seconds=120)

    assert not await carol.back()
    assert carol.sid != sid
    assert carol.pid
    assert await server.outcomes("unknown") == 1


async def test_until_then_it_is(
    server: Place, clock: ManualClock, alice: Traveller, carol: Traveller
) -> None:
    await carol.drop()
    await server.until_gone(carol)
    clock.advance(seconds=119)
    await server.reap()  # it is put out by its grace
    await alice.say("lair", "while carol is out")

    assert await carol.back()
    await carol.hears("while carol is out")
    assert await server.outcomes("restored") == 1


async def test_a_long_connection_is_restored_as_well_as_a_short_one(
    server: Place, clock: ManualClock, alice: Traveller, carol: Traveller
) -> None:
    for _ in range(10):
        clock.advance(minutes=1)
        await server.reap()
    await alice.say("lair", "after ten minutes")
    await carol.hears("after ten minutes")
    await carol.drop()

    assert await carol.back()


async def test_when_more_was_missed_than_is_remembered_nothing_is_restored(
    server: Place, alice: Traveller, carol: Traveller
) -> None:
    token = (await carol.join("lair", "carol"))["memberToken"]
    await carol.drop()
    for number in range(1100):
        await alice.say("lair", number)

    assert not await carol.back()
    assert await server.outcomes("forgotten") == 1
    answer = await carol.join("lair", "carol", memberToken=token, since=2)
    assert answer["truncated"]
    assert carol.line.events("new-message") == []


async def test_when_one_of_two_sessions_is_gone_nothing_of_either_is_restored(
    server: Place, travel: Travel, alice: Traveller, carol: Traveller
) -> None:
    host = await travel()
    await host.join("den", "host")
    await carol.join("den", "carol")
    await carol.drop()
    await host.line.ask("remove-member", {"sessionId": "den", "userId": "carol"})

    assert not await carol.back()
    assert (await carol.say("lair", "anybody?"))["error"] == "not_a_member"
    assert await server.outcomes("room_gone") == 1
    await carol.join("lair", "carol", publicKey="carol's key")
    assert (await carol.say("lair", "hello"))["success"]


@pytest.fixture
async def host(travel: Travel, carol: Traveller) -> Traveller:
    """In the den, where carol is, too."""
    one = await travel()
    await one.join("den", "host")
    await carol.join("den", "carol")
    return one


async def remove_carol(host: Traveller) -> None:
    answer = await host.line.ask("remove-member", {"sessionId": "den", "userId": "carol"})
    assert answer["success"]


async def test_who_was_put_out_while_its_line_only_seemed_open_is_not_restored(
    server: Place, alice: Traveller, carol: Traveller, host: Traveller
) -> None:
    carol.note()
    former = carol.line
    await remove_carol(host)

    assert not await carol.back()
    assert await server.outcomes("room_gone") == 1
    await former.leave()


async def test_who_has_heard_that_it_was_put_out_is_restored_elsewhere(
    alice: Traveller, carol: Traveller, host: Traveller
) -> None:
    await remove_carol(host)
    await carol.line.until(lambda: carol.line.events("session-error"))
    await carol.drop()
    await alice.say("lair", "meanwhile")

    assert await carol.back()
    await carol.hears("meanwhile")
    assert (await carol.say("den", "hello?"))["error"] == "not_a_member"


async def test_who_stayed_connected_after_that_has_heard_of_it(
    server: Place,
    clock: ManualClock,
    alice: Traveller,
    carol: Traveller,
    host: Traveller,
) -> None:
    await remove_carol(host)
    await carol.line.until(lambda: carol.line.events("session-error"))
    clock.advance(minutes=1)
    await server.reap()
    await alice.say("lair", "a minute later")
    await carol.line.until(lambda: "a minute later" in carol.words())
    await carol.drop()

    assert await carol.back()
    assert (await carol.say("lair", "here"))["success"]


async def test_what_was_for_somebody_else_under_the_same_id_is_told_to_nobody_else(
    server: Place,
    clock: ManualClock,
    travel: Travel,
    alice: Traveller,
    carol: Traveller,
) -> None:
    await carol.drop()
    await server.until_gone(carol)
    clock.advance(seconds=31)
    await server.reap()
    other = await travel()
    await other.join("lair", "carol", publicKey="another key")
    await alice.say("lair", "for the other", to="carol")
    await other.line.ask("leave-session", {"sessionId": "lair"})

    assert not await carol.back()
    assert carol.words() == []


@pytest.mark.parametrize(
    "auth",
    [
        {"pid": "A" * 43},
        {"pid": ""},
        {"pid": "A" * 5000},
        {"pid": 7},
        {"pid": None},
        {"pid": {"$ne": None}},
        {"pid": ["A" * 43], "offset": "x"},
    ],
)
async def test_who_shows_nonsense_is_let_in_as_anybody(
    server: Place, travel: Travel, auth: dict[str, Any]
) -> None:
    mallory = await travel(**auth)

    assert mallory.sid
    assert mallory.pid != auth["pid"]


@pytest.mark.parametrize(
    "offset", ["", "x", "~~~~", "." * 5000, "AAAAAAAA1", 7, None, {"a": 1}, "AAAAAAAA1+99~"]
)
async def test_an_offset_that_is_none_counts_as_if_nothing_had_come(
    alice: Traveller, carol: Traveller, offset: Any
) -> None:
    await alice.say("lair", "before")
    await carol.hears("before")
    await carol.drop()
    carol.offset = offset

    assert await carol.back()
    await carol.hears("before")


async def test_an_offset_of_the_future_restores_nothing(
    server: Place, alice: Traveller, carol: Traveller
) -> None:
    await alice.say("lair", "before")
    await carol.hears("before")
    await carol.drop()
    assert carol.offset
    carol.offset = carol.offset[:8] + "9" * 15

    assert not await carol.back()


async def test_the_offset_of_an_earlier_stay_tells_nothing_from_before_this_one(
    alice: Traveller, carol: Traveller
) -> None:
    await alice.say("lair", "in the first stay")
    await carol.hears("in the first stay")
    await carol.line.ask("leave-session", {"sessionId": "lair"})
    await alice.say("lair", "between the two")
    await carol.join("lair", "carol")
    carol.line.offset = carol.line.offset  # the newest that came is of the first stay
    await carol.drop()
    await alice.say("lair", "after the drop")

    assert await carol.back()
    await carol.hears("after the drop")


# --- who is somebody ---


async def test_a_name_and_key_that_were_changed_are_those_of_who_comes_back(
    server: Place, clock: ManualClock, alice: Traveller, carol: Traveller
) -> None:
    change = {"sessionId": "lair", "publicKey": "newer key", "displayName": "Caro"}
    await carol.line.ask("save-public-key", change)
    await carol.drop()
    await server.until_gone(carol)
    clock.advance(seconds=31)
    await server.reap()

    assert await carol.back()
    members = (await alice.line.ask("get-public-keys", {"sessionId": "lair"}))["members"]
    found = {one["userId"]: (one["publicKey"], one["displayName"]) for one in members}
    assert found["carol"] == ("newer key", "Caro")


async def test_who_is_still_there_keeps_the_key_that_another_tab_has_saved(
    travel: Travel, alice: Traveller
) -> None:
    carol, tab = await travel(), await travel()
    token = (await carol.join("lair", "carol", publicKey="carol's key"))["memberToken"]
    await tab.join("lair", "carol", memberToken=token)
    await carol.drop()
    await tab.line.ask("save-public-key", {"sessionId": "lair", "publicKey": "the tab's key"})

    assert await carol.back()
    members = (await alice.line.ask("get-public-keys", {"sessionId": "lair"}))["members"]
    assert [one["publicKey"] for one in members if one["userId"] == "carol"] == ["the tab's key"]


async def test_the_creator_comes_back_as_creator(
    server: Place, clock: ManualClock, alice: Traveller, carol: Traveller
) -> None:
    await alice.drop()
    await server.until_gone(alice)
    clock.advance(seconds=31)
    await server.reap()

    assert await alice.back()
    assert (await alice.line.ask("lock-session", {"sessionId": "lair"}))["success"]


async def test_who_joined_by_a_known_key_alone_is_restored_without_more_rights(
    travel: Travel, alice: Traveller, carol: Traveller
) -> None:
    shadow = await travel()
    await shadow.join("lair", "carol", publicKey="carol's key")
    await shadow.drop()

    assert await shadow.back()
    change = {"sessionId": "lair", "publicKey": "the shadow's key"}
    answer = await shadow.line.ask("save-public-key", change)
    assert answer["error"] == "forbidden"


async def test_a_connection_without_a_session_is_begun_anew(travel: Travel) -> None:
    nobody = await travel()
    await nobody.drop()

    assert not await nobody.back()


async def test_nothing_is_kept_of_who_is_gone_for_good(clock: ManualClock) -> None:
    async with open_place("memory", clock, RECONNECT_GRACE_S=30) as place:
        store = place.app._live.recoveries
        assert isinstance(store, MemoryRecoveries)
        alice, carol = Traveller(place.url), Traveller(place.url)
        for one in (alice, carol):
            await one.connect()
            await one.join("lair", one.sid)
        await alice.line.send("41")
        await carol.drop()
        await place.until_gone(alice)
        await place.until_gone(carol)
        assert len(store) == 1

        clock.advance(minutes=3)
        await place.reap()
        assert len(store) == 0
        assert place.app.chat.recoveries._open == {}
        assert place.app.chat.recoveries.stale == set()
        await alice.line.leave()


async def test_half_an_hour_may_be_set(clock: ManualClock) -> None:
    async with open_place("memory", clock, RECOVERY_S=1_800, RECONNECT_GRACE_S=30) as place:
        alice, carol = Traveller(place.url), Traveller(place.url)
        for name, one in (("alice", alice), ("carol", carol)):
            await one.connect()
            await one.join("lair", name)
        await carol.drop()
        await place.until_gone(carol)
        for minute in range(29):
            clock.advance(minutes=1)
            await alice.say("lair", minute)
            await place.reap()

        assert await carol.back()
        await carol.hears(*range(29))
        await alice.line.leave()
        await carol.line.leave()
