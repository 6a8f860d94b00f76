"""Places in queues: many taken at once, what says that some were lost, and expiry in portions."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Iterable
from typing import Any

import pytest

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, RoomId, UserId
from server.core.limits import Bounds
from server.core.ports.conversations import Device
from server.core.ports.queues import Queued
from server.stores.sql.steps import rows
from tests.stores.sql.households import NOW_MS, Household, phone
from tests.stores.sql.queues_at_home import Post

BOB = phone("bob")
LAPTOP = Device(UserId("bob"), DeviceId("bob-laptop"))

DAY_MS = 24 * 60 * 60 * 1000

KEYS: dict[str, Any] = {"type": "KEY_ROTATION", "is_rotation": True}


async def at(home: Household, **bounds: int) -> Post:
    """Small queues; Bob's phone has one already."""
    wide = {"queue_events": 50, "queue_events_of_sender": 50, "queue_rotations": 50}
    post = Post(home, Bounds(**{**wide, **bounds}))
    await post.store.see([BOB], NOW_MS)
    return post


async def taken(sending: Iterable[Awaitable[Queued]]) -> int:
    """How many of these were taken that are sent at once; the others had no room."""
    outcomes = await asyncio.gather(*sending, return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, AppError)]
    assert {one.code for one in refused} <= {Code.QUEUE_FULL}
    return len(outcomes) - len(refused)


async def group_of(home: Household) -> RoomId:
    """A group of Alice and Bob, of whose making Bob has heard nothing."""
    room = await home.room_of("alice", "bob")
    await home.change("DELETE FROM queued_events")
    await home.change("UPDATE queues SET waiting = 0")
    return room


# --- at once ---


async def test_who_sends_many_at_once_has_no_more_places_than_a_sender(home):
    post = await at(home, queue_events_of_sender=4)
    assert await taken(post.send("alice", "bob") for _ in range(8)) == 4
    await post.check_counts()


async def test_keys_that_come_at_once_have_no_more_places_than_there_are_for_keys(home):
    room = await group_of(home)
    post = await at(home, queue_rotations=2)
    assert await taken(post.send("alice", room, **KEYS) for _ in range(5)) == 2


async def test_keys_have_no_more_places_in_a_queue_with_much_room(home):
    room = await group_of(home)
    post = await at(home, queue_rotations=2)
    assert [await taken([post.send("alice", room, **KEYS)]) for _ in range(4)] == [1, 1, 0, 0]


async def test_keys_take_no_place_from_what_comes_at_the_same_time(home):
    room = await group_of(home)
    post = await at(home, queue_events=4)
    sending: list[dict[str, Any]] = [{}, KEYS, KEYS, {}, {}, {}, {}]
    assert await taken(post.send("alice", room, **other) for other in sending) == 6


# --- what was lost ---


@pytest.fixture
async def post(home) -> AsyncIterator[Post]:
    """A phone and a laptop that hold three events each; the laptop lets all go at once."""
    made = await at(home, queue_events=3)
    await made.store.see([LAPTOP], NOW_MS)
    yield made
    await made.check_counts()


async def send(post: Post, *event_ids: str, now_ms: int = NOW_MS) -> None:
    """Send to Bob, all at the same time."""
    sending = (post.send("alice", "bob", one, now_ms=now_ms) for one in event_ids)
    await asyncio.gather(*sending)
    await post.acknowledge(LAPTOP, *event_ids)


async def stretches(post: Post, device: Device) -> list[tuple[int, int, str]]:
    return [
        (one.first_seq, one.seq, one.lost_as.value if one.lost_as else one.event_id)
        for one in await post.read(device)
    ]


async def test_what_was_lost_before_and_after_an_event_stands_before_and_after_it(post):
    for one in ("a", "b", "c", "lost"):
        await send(post, one)
    await post.acknowledge(BOB, "a", "b")
    for one in ("d", "lost too"):
        await send(post, one)
    lost = [(one, one, "queue_full") for one in (4, 6)]
    assert await stretches(post, BOB) == [(3, 3, "c"), lost[0], (5, 5, "d"), lost[1]]


async def test_what_is_lost_at_the_same_time_has_one_place(post):
    await send(post, "a", "b", "c")
    await send(post, "lost", "lost too", "and this")
    assert (await stretches(post, BOB))[-1] == (4, 6, "queue_full")


async def test_what_is_lost_after_what_has_expired_has_one_place_with_it(post):
    await send(post, "a")
    await post.acknowledge(BOB, "a")
    await send(post, "old", "old too", now_ms=NOW_MS - 14 * DAY_MS)
    await post.store.expire(NOW_MS, 100)
    assert await stretches(post, BOB) == [(2, 3, "expired")]
    small = Post(post.home, Bounds(queue_events=1))
    await send(small, "lost")
    assert await stretches(post, BOB) == [(2, 4, "queue_full")]


async def test_what_is_lost_after_a_device_has_come_back_has_one_place_with_what_was_before(post):
    await send(post, "a", "b")
    await post.store.see([LAPTOP], NOW_MS + 20 * DAY_MS)
    await post.store.expire(NOW_MS + 20 * DAY_MS, 100)
    await post.store.see([BOB], NOW_MS + 20 * DAY_MS)
    assert await stretches(post, BOB) == [(1, 3, "device_unseen")]
    small = Post(post.home, Bounds(queue_events=1))
    await send(small, "lost")
    assert await stretches(post, BOB) == [(1, 4, "queue_full")]


# --- given up, and taken up again ---


async def queues_that_take_events(post: Post) -> list[str]:
    sql = "SELECT device_id FROM queues WHERE user_id = 'bob' AND NOT has_lapsed ORDER BY 1"
    return [one for (one,) in await post.home.database.read(lambda: rows(sql))]


async def test_of_devices_that_were_seen_at_the_same_time_one_keeps_its_queue(post):
    await post.store.expire(NOW_MS + 20 * DAY_MS, 100)
    assert await queues_that_take_events(post) == ["bob-phone"]


@pytest.mark.parametrize("last", ["bob-phone", "bob-laptop"])
async def test_the_queue_that_was_seen_last_is_taken_up_and_no_other_is_made(post, last):
    await post.home.add_device("bob", "bob-tablet")
    await post.home.change("UPDATE queues SET has_lapsed = TRUE, seen_ms = 1")
    await post.home.change("UPDATE queues SET seen_ms = 2 WHERE device_id = $1", last)
    await post.send("alice", "bob", "one")
    assert await queues_that_take_events(post) == [last]
    assert await post.home.count("queues WHERE user_id = 'bob'") == 2


# --- in portions ---

EVENTS = "queued_events WHERE event_key IS NOT NULL"


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 8])
async def test_all_that_is_too_old_is_forgotten_in_portions_of_any_size(post, limit):
    for one in ("a", "b", "c"):
        await post.send("alice", ("bob", "carol"), one)
    for number in range(5):
        await post.send("bob", "alice", f"gone {number}")
        await post.acknowledge(phone("alice"), f"gone {number}")
    later_ms = NOW_MS + 14 * DAY_MS
    await post.store.see([BOB, LAPTOP, phone("carol")], later_ms)
    for _ in range(30):
        if (await post.store.expire(later_ms, limit)).is_all:
            break
    assert await post.home.count("events") == 0
    for device in (BOB, LAPTOP, phone("carol")):
        assert await stretches(post, device) == [(1, 3, "expired")]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 8])
async def test_queues_of_devices_that_are_gone_are_given_up_in_portions_of_any_size(home, limit):
    post = await at(home)
    devices = [Device(UserId("bob"), DeviceId(f"tablet {number}")) for number in range(5)]
    await post.store.see(devices, NOW_MS - 1)
    for one in ("a", "b", "c"):
        await post.send("alice", "bob", one)
    counts = [await post.home.count(EVENTS)]
    for _ in range(30):
        is_all = (await post.store.expire(NOW_MS - 1 + 14 * DAY_MS, limit)).is_all
        counts.append(await post.home.count(EVENTS))
        if is_all:
            break
    assert all(before - after <= limit for before, after in itertools.pairwise(counts))
    assert await queues_that_take_events(post) == ["bob-phone"]
    assert await stretches(post, BOB) == [(1, 1, "a"), (2, 2, "b"), (3, 3, "c")]
    await post.check_counts()
    await post.store.see([devices[0]], NOW_MS + 14 * DAY_MS)
    assert await stretches(post, devices[0]) == [(1, 4, "device_unseen")]
