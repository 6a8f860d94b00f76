"""Queues of events: order, acknowledgements, repeats and bounds."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, RoomId, UserId
from server.core.limits import Bounds
from server.core.ports.conversations import Device
from server.core.ports.queues import Forgotten
from server.core.queued import DEFAULT_DEVICE
from server.stores.sql.accounts import SqlAccounts
from server.stores.sql.queues import leave_queues
from server.stores.sql.steps import rows
from tests.stores.sql.households import NOW_MS, phone
from tests.stores.sql.queues_at_home import Post

BOB = phone("bob")
LAPTOP = Device(UserId("bob"), DeviceId("bob-laptop"))

DAY_MS = 24 * 60 * 60 * 1000


@pytest.fixture
async def post(home) -> AsyncIterator[Post]:
    made = Post(home, Bounds(queue_events=6, queue_events_of_sender=4, queue_rotations=2))
    yield made
    await made.check_counts()


async def test_events_wait_in_the_order_in_which_they_came(post):
    for one in ("one", "two", "three"):
        await post.send("alice", "bob", one)
    assert await post.places(BOB) == [(1, "one"), (2, "two"), (3, "three")]


async def test_an_event_comes_as_it_was_sent(post):
    await post.send("alice", "bob", "one")
    (event,) = await post.read(BOB)
    assert (event.sender, event.type, event.payload) == ("alice", "MESSAGE", "c2VjcmV0")
    assert (event.metadata, event.sent_ms, event.lost_as) == (b'{"chat_id":"c"}', NOW_MS, None)


async def test_an_event_waits_until_it_is_acknowledged_and_the_others_stay(post):
    for one in ("one", "two", "three"):
        await post.send("alice", "bob", one)
    assert await post.acknowledge(BOB, "two", "two", "nothing") == [2, None, None]
    assert await post.places(BOB) == [(1, "one"), (3, "three")]


async def test_sequences_go_on_after_all_was_acknowledged(post):
    await post.send("alice", "bob", "one")
    await post.acknowledge(BOB, "one")
    await post.send("alice", "bob", "two")
    assert await post.places(BOB) == [(2, "two")]


async def test_an_acknowledgement_by_one_device_takes_nothing_from_another(post):
    await post.home.add_device("bob", "bob-laptop")
    await post.send("alice", "bob", "one")
    await post.acknowledge(BOB, "one")
    assert await post.places(LAPTOP) == [(1, "one")]


async def test_a_user_without_devices_has_a_queue_of_the_default_device(post):
    await post.home.change("DELETE FROM devices WHERE user_id = 'bob'")
    await post.send("alice", "bob", "one")
    assert await post.places(Device(UserId("bob"), DEFAULT_DEVICE)) == [(1, "one")]


async def test_a_repeat_is_answered_as_the_first_and_delivers_nothing(post):
    first = await post.send("alice", "bob", "one")
    again = await post.send("alice", "bob", "one", now_ms=NOW_MS + 5)
    assert (again.sent_ms, again.users, again.is_repeat) == (first.sent_ms, (), True)
    assert len(await post.read(BOB)) == 1


async def test_a_repeat_delivers_nothing_after_the_acknowledgement_either(post):
    await post.send("alice", "bob", "one")
    await post.acknowledge(BOB, "one")
    assert (await post.send("alice", "bob", "one")).is_repeat
    assert await post.read(BOB) == []


async def test_the_same_event_at_the_same_time_is_queued_once(post):
    await asyncio.gather(*(post.send("alice", ("bob", "carol"), "one") for _ in range(10)))
    assert await post.places(BOB) == await post.places(phone("carol")) == [(1, "one")]


async def test_an_id_that_another_sender_has_in_the_queue_is_a_conflict(post):
    await post.send("alice", "bob", "one")
    with pytest.raises(AppError) as refusal:
        await post.send("carol", "bob", "one")
    assert refusal.value.code is Code.ID_CONFLICT
    assert (await post.send("carol", "alice", "one")).users == ("alice",)


async def test_who_has_no_account_gets_nothing_and_nor_do_the_others(post):
    with pytest.raises(AppError) as refusal:
        await post.send("alice", ("bob", "nobody"))
    assert refusal.value.code is Code.RECIPIENT_NOT_FOUND
    assert await post.read(BOB) == []


async def test_whoever_blocked_the_sender_gets_nothing_and_that_does_not_show(post):
    await post.home.block("bob", "alice")
    queued = await post.send("alice", ("bob", "carol"))
    assert (queued.users, queued.full) == (("carol",), ())
    assert await post.read(BOB) == []


async def test_a_group_event_is_for_all_members_on_all_but_the_sending_device(post):
    await post.home.add_device("alice", "alice-laptop")
    room = await post.home.room_of("alice", "bob")
    await post.send("alice", room, "one")
    laptop = Device(UserId("alice"), DeviceId("alice-laptop"))
    assert await post.places(BOB) == await post.places(laptop) == [(1, "one")]
    assert await post.read(phone("alice")) == []


async def test_there_is_no_group_for_whoever_is_not_in_it(post):
    room = await post.home.room_of("alice", "bob")
    with pytest.raises(AppError) as refusal:
        await post.send("carol", room)
    assert refusal.value.code is Code.NOT_FOUND


# --- bounds ---


async def test_a_full_queue_is_told_and_the_others_get_it(post):
    for count in range(6):
        await post.send(("alice", "carol")[count % 2], "bob")
    queued = await post.send("alice", ("bob", "carol"), "more")
    assert (queued.users, queued.full) == (("carol",), ("bob",))
    with pytest.raises(AppError) as refusal:
        await post.send("alice", "bob")
    assert refusal.value.code is Code.QUEUE_FULL
    assert len(await post.read(BOB)) == 6


async def test_one_sender_does_not_fill_a_queue(post):
    for _ in range(4):
        await post.send("alice", "bob")
    with pytest.raises(AppError):
        await post.send("alice", "bob")
    assert (await post.send("carol", "bob")).users == ("bob",)


async def test_there_is_room_for_key_rotations_in_a_full_queue(post):
    for count in range(6):
        await post.send(("alice", "carol")[count % 2], "bob")
    for count in range(2):
        await post.send(("alice", "carol")[count % 2], "bob", is_rotation=True)
    with pytest.raises(AppError):
        await post.send("alice", "bob", is_rotation=True)


async def test_a_device_that_is_full_beside_another_sees_that_it_missed_something(post):
    await post.home.add_device("bob", "bob-laptop")
    for count in range(6):
        sent = await post.send(("alice", "carol")[count % 2], "bob", f"e{count}")
        await post.acknowledge(LAPTOP, sent.event_id)
    for count in range(3):
        assert (await post.send("alice", "bob", f"more{count}")).full == ()
    assert await post.places(LAPTOP) == [(7, "more0"), (8, "more1"), (9, "more2")]
    *_, last = await post.read(BOB)
    assert (last.first_seq, last.seq, last.lost_as.value) == (7, 9, "queue_full")
    await post.acknowledge(BOB, last.event_id, "e1")
    await post.send("carol", "bob", "again")
    assert (await post.places(BOB))[-1] == (10, "again")


# --- time ---


async def test_what_was_not_acknowledged_in_14_days_is_told_as_lost(post):
    for one in ("one", "two", "three"):
        await post.send("alice", "bob", one)
    await post.acknowledge(BOB, "two")
    await post.store.see([BOB], NOW_MS + 14 * DAY_MS)
    await post.send("alice", "bob", "new", now_ms=NOW_MS + 14 * DAY_MS)
    await post.store.expire(NOW_MS + 14 * DAY_MS, 100)
    lost, new = await post.read(BOB)
    assert (lost.first_seq, lost.seq, lost.lost_as.value) == (1, 3, "expired")
    assert lost.sent_ms == NOW_MS + 14 * DAY_MS
    assert (new.seq, new.event_id) == (4, "new")
    await post.acknowledge(BOB, lost.event_id)
    assert await post.places(BOB) == [(4, "new")]


async def test_what_another_node_with_an_earlier_clock_has_queued_is_told_as_lost_once(post):
    for one, ahead_ms in (("one", 0), ("two", 5), ("three", 0)):
        await post.send("alice", "bob", one, now_ms=NOW_MS + ahead_ms)
    await post.store.see([BOB], NOW_MS + 14 * DAY_MS)
    for later_ms in (0, 5):
        await post.store.expire(NOW_MS + 14 * DAY_MS + later_ms, 100)
    (lost,) = await post.read(BOB)
    assert (lost.first_seq, lost.seq, lost.lost_as.value) == (1, 3, "expired")
    await post.acknowledge(BOB, lost.event_id)
    await post.send("alice", "bob", "new")
    assert await post.places(BOB) == [(4, "new")]


async def test_a_device_that_was_not_seen_for_14_days_begins_anew_and_is_told(post):
    await post.store.see([BOB], NOW_MS)
    await post.send("alice", "bob", "one")
    await post.store.see([LAPTOP], NOW_MS + 14 * DAY_MS)
    await post.store.expire(NOW_MS + 14 * DAY_MS, 100)
    await post.send("alice", "bob", now_ms=NOW_MS + 14 * DAY_MS)
    assert len(await post.read(LAPTOP)) == 1
    await post.store.see([BOB], NOW_MS + 15 * DAY_MS)
    await post.send("alice", "bob", "new", now_ms=NOW_MS + 15 * DAY_MS)
    lost, new = await post.read(BOB)
    assert (lost.first_seq, lost.seq, lost.lost_as.value) == (1, 2, "device_unseen")
    assert (new.seq, new.event_id) == (3, "new")


async def test_nothing_is_left_of_what_was_acknowledged_but_its_id_for_a_day(post):
    await post.send("alice", ("bob", "carol"), "one")
    await post.acknowledge(BOB, "one")
    await post.acknowledge(phone("carol"), "one")
    statistics = await post.store.statistics()
    assert (statistics.waiting, statistics.bytes, statistics.oldest_ms) == (0, 0, None)
    await post.store.expire(NOW_MS + DAY_MS, 100)
    assert await post.home.count("events") == 0
    assert await post.home.count("queued_events") == 0


async def test_what_a_sender_has_stored_is_counted_until_it_is_forgotten(post):
    await post.send("alice", ("bob", "carol"), "one")
    await post.acknowledge(BOB, "one")
    await post.acknowledge(phone("carol"), "one")
    await post.store.expire(NOW_MS + DAY_MS, 100)
    assert await post.stored_bytes("alice") == 0


# --- devices and accounts that are gone ---


async def test_a_device_that_was_revoked_gets_no_queue_by_being_seen(post):
    await post.store.see([BOB, LAPTOP], NOW_MS)
    await end(post, "bob", "bob-phone")
    await post.store.see([BOB, LAPTOP], NOW_MS)
    assert await queues_of(post, "bob") == ["bob-laptop"]
    await end(post, "bob", None)
    await post.store.see([BOB, LAPTOP, Device(UserId("bob"), DEFAULT_DEVICE)], NOW_MS)
    assert await queues_of(post, "bob") == []


async def test_a_device_that_the_account_does_not_know_has_a_queue_once_it_is_seen(post):
    await post.store.see([LAPTOP], NOW_MS)
    await post.send("alice", "bob", "one")
    assert await post.places(LAPTOP) == [(1, "one")]


async def test_the_first_event_makes_no_queue_of_a_device_that_was_revoked(post):
    await post.home.add_device("bob", "bob-laptop")
    await end(post, "bob", "bob-phone")
    await post.send("alice", "bob", "one")
    assert await queues_of(post, "bob") == ["bob-laptop"]


async def test_events_find_the_queues_of_whoever_has_come_into_a_group_and_has_none(post):
    room = await post.home.room_of("alice", "bob")
    await post.send("alice", room, "one")
    await post.home.rooms.add_member(UserId("alice"), room, UserId("carol"), None, NOW_MS)
    sent = [post.send("alice", room, event_id) for event_id in ("two", "three")]
    assert {one.users for one in await asyncio.gather(*sent)} == {("bob", "carol")}
    assert await post.places(phone("carol")) == [(1, "two"), (2, "three")]


async def end(post: Post, user: str, device_id: str | None) -> None:
    """Revoke a device, or delete an account (None)."""
    accounts = SqlAccounts(post.home.database, [leave_queues])
    if device_id is None:
        assert await accounts.delete(UserId(user), NOW_MS)
    else:
        assert await accounts.revoke_device(UserId(user), DeviceId(device_id), NOW_MS)


async def queues_of(post: Post, user: str) -> list[str]:
    """The devices of somebody that have queues."""
    sql = "SELECT device_id FROM queues WHERE user_id = $1 ORDER BY device_id"
    return [one for (one,) in await post.home.database.read(lambda: rows(sql, user))]


async def test_the_device_that_was_seen_last_has_a_queue_however_long_ago_that_was(post):
    await post.store.see([BOB], NOW_MS)
    await post.store.see([LAPTOP], NOW_MS - 1)
    later_ms = NOW_MS + 20 * DAY_MS
    await post.store.expire(later_ms, 100)
    assert (await post.send("alice", "bob", "one", now_ms=later_ms)).users == ("bob",)
    await post.store.expire(later_ms + 13 * DAY_MS, 100)
    assert await post.places(BOB) == [(1, "one")]
    assert await post.read(LAPTOP) == []


async def test_of_queues_that_have_all_lapsed_the_last_one_takes_events_again(post):
    for device in (BOB, LAPTOP):
        await post.store.see([device], NOW_MS)
    await post.home.change("UPDATE queues SET has_lapsed = TRUE, seen_ms = 1")
    await post.home.change("UPDATE queues SET seen_ms = 2 WHERE device_id = 'bob-phone'")
    sent = [post.send("alice", "bob", event_id) for event_id in ("one", "two")]
    assert {one.users for one in await asyncio.gather(*sent)} == {("bob",)}
    assert (await post.send("alice", "bob", "one")).is_repeat
    assert await post.places(BOB) == [(1, "device_unseen"), (2, "one"), (3, "two")]
    assert await post.read(LAPTOP) == []


async def test_no_more_places_are_forgotten_at_a_time_than_one_says(post):
    everybody = ("alice", "bob", "carol")
    for one in ("one", "two"):
        await post.send("alice", everybody, one)
    await post.store.see([phone(one) for one in everybody], NOW_MS + 14 * DAY_MS)
    counts = [await post.home.count("queued_events WHERE event_key IS NOT NULL")]
    found = Forgotten(count=0, is_all=False)
    while not found.is_all:
        found = await post.store.expire(NOW_MS + 14 * DAY_MS, 2)
        counts.append(await post.home.count("queued_events WHERE event_key IS NOT NULL"))
    assert all(before - after <= 2 for before, after in itertools.pairwise(counts))
    assert counts[-1] == await post.home.count("events") == 0
    (lost,) = await post.read(BOB)
    assert (lost.first_seq, lost.seq, lost.lost_as.value) == (1, 2, "expired")


async def test_a_device_that_comes_back_while_its_long_queue_is_given_up_has_the_rest(post):
    for count in range(4):
        await post.send("alice", "bob", f"e{count}")
    await post.home.change("UPDATE queues SET seen_ms = 1 WHERE user_id = 'bob'")
    await post.store.see([LAPTOP], NOW_MS)
    assert not (await post.store.expire(NOW_MS, 2)).is_all
    await post.store.see([BOB], NOW_MS)
    lost, *rest = await post.read(BOB)
    assert (lost.first_seq, lost.seq, lost.lost_as.value) == (1, 2, "device_unseen")
    assert [(one.seq, one.event_id) for one in rest] == [(3, "e2"), (4, "e3")]
    assert (await post.store.expire(NOW_MS, 2)).is_all


async def test_whoever_takes_a_direct_room_for_a_group_takes_no_part_in_it(post):
    room = (await post.home.send("alice", "bob")).message.room_id
    unasked = "room_members WHERE user_id = 'bob' AND unasked"
    await post.home.change("UPDATE room_members SET unasked = TRUE WHERE user_id = 'bob'")
    with pytest.raises(AppError) as refused:
        await post.send("bob", RoomId(room))
    assert refused.value.code is Code.NOT_FOUND
    assert await post.home.count(unasked) == 1
