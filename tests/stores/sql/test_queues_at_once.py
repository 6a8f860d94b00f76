"""Queues of two nodes on one database, on which everybody does everything at the same time."""

import asyncio
import functools
import random
from collections import Counter
from typing import Any

import pytest

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, EventId, RoomId, UserId
from server.core.limits import Bounds
from server.core.ports.conversations import Device
from server.core.queued import QueuedEvent
from server.stores.sql.accounts import SqlAccounts
from server.stores.sql.conversations import leave_rooms
from server.stores.sql.database import Database
from server.stores.sql.queues import leave_queues
from server.stores.sql.steps import rows, value
from tests.stores.sql.households import NOW_MS, Household
from tests.stores.sql.queues_at_home import Post

pytestmark = pytest.mark.timeout(300)

PEOPLE = ("alice", "bob", "carol", "dave", "erin")
LEAVER = "erin"
DEVICES = tuple(
    Device(UserId(one), DeviceId(f"{one}-{name}")) for one in PEOPLE for name in ("phone", "laptop")
)
BOUNDS = Bounds(rooms_by_stranger=100)

WORKERS = 6
"""Of each node."""

DEEDS = 40
"""Of each worker."""

ALL = 100_000

_SUMS = """
    SELECT q.user_id, q.device_id, q.waiting, COUNT(p.seq), COUNT(DISTINCT p.event_id)
    FROM queues q LEFT JOIN queued_events p ON p.user_id = q.user_id AND p.device_id = q.device_id
    GROUP BY q.user_id, q.device_id, q.waiting
"""

_REFERENCES = """
    SELECT e.event_key FROM events e WHERE e.waiting <>
    (SELECT COUNT(*) FROM queued_events p WHERE p.event_key = e.event_key)
"""

_SIZES = """
    SELECT sender_id, SUM(256 + COALESCE(LENGTH(metadata), 0) + COALESCE(LENGTH(payload), 0))
    FROM events WHERE sender_id <> '' GROUP BY sender_id
"""


class Node:
    """One of two processes, and what its workers have done.

    Attributes:
        sent: Events that were answered, and whom they are for.
        got: Places of each queue that were acknowledged.
        told: Sequences of each queue that were read, or in whose stead something else was.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.home = Household(database, BOUNDS)
        self.post = Post(self.home, BOUNDS)
        leaving = (functools.partial(leave_rooms, bounds=BOUNDS), leave_queues)
        self.accounts = SqlAccounts(database, leaving)
        self.sent: dict[str, tuple[str, ...]] = {}
        self.got: dict[Device, list[tuple[int, str]]] = {one: [] for one in DEVICES}
        self.told: dict[Device, set[int]] = {one: set() for one in DEVICES}

    async def work(self, number: int, room: RoomId) -> None:
        """Do this and that; nothing may fail but what has to."""
        chance = random.Random(number)
        deeds = (self._send, self._send_to_group, self._acknowledge, self._meet, self._look_after)
        for nth in range(DEEDS):
            (deed,) = chance.choices(deeds, (8, 4, 8, 2, 2))
            try:
                await deed(chance, f"{number}-{nth}", room)
            except AppError as error:
                if error.code not in (Code.NOT_FOUND, Code.FORBIDDEN, Code.RECIPIENT_NOT_FOUND):
                    raise

    async def _send(self, chance: random.Random, event_id: str, _: RoomId) -> None:
        sender, *to = chance.sample(PEOPLE[:-1], chance.randint(2, 4))
        again = [self.post.send(sender, tuple(to), event_id) for _ in range(chance.randint(1, 2))]
        await asyncio.gather(*again)
        self.sent[event_id] = tuple(to)

    async def _send_to_group(self, chance: random.Random, event_id: str, room: RoomId) -> None:
        await self.post.send(chance.choice(PEOPLE[:-1]), room, event_id)

    async def _acknowledge(self, chance: random.Random, _: str, __: RoomId) -> None:
        device = chance.choice(DEVICES)
        events = await self.read(device, 20)
        store = self.post.store
        some = chance.sample(events, min(len(events), 8))
        places = await asyncio.gather(
            *(store.acknowledge(device, EventId(one.event_id), NOW_MS) for one in some)
        )
        for one, seq in zip(some, places, strict=True):
            assert seq in (one.seq, None)
            if seq:
                self.got[device].append((seq, one.event_id))

    async def read(self, device: Device, limit: int) -> list[QueuedEvent]:
        events = await self.post.read(device, 0, limit)
        for one in events:
            self.told[device].update(range(one.first_seq, one.seq + 1))
        return events

    async def _meet(self, chance: random.Random, _: str, room: RoomId) -> None:
        alice, other = UserId("alice"), UserId(chance.choice(PEOPLE[1:-1]))
        if chance.random() < 0.5:
            await self.home.rooms.add_member(alice, room, other, None, NOW_MS)
        else:
            await self.home.rooms.remove_member(alice, room, other, NOW_MS)

    async def _look_after(self, chance: random.Random, _: str, __: RoomId) -> None:
        await self.post.store.see(chance.sample(DEVICES[:-2], 3), NOW_MS)
        await self.post.store.expire(NOW_MS + 1, 100)


@pytest.fixture
async def nodes(databases: list[Database]) -> list[Node]:
    """Two, with people who have two devices each."""
    made = [Node(one) for one in databases]
    await made[0].home.settle(*PEOPLE)
    for one in PEOPLE:
        await made[0].home.add_device(one, f"{one}-laptop")
    await made[0].post.store.see(DEVICES, NOW_MS)
    return made


async def test_whatever_two_nodes_do_at_once_no_event_is_lost_or_doubled(nodes: list[Node]) -> None:
    one, other = nodes
    room = await one.home.room_of("alice", *PEOPLE[1:])
    began = await deadlocks(one.database)
    working = [
        node.work(2 * nth + at, room) for at, node in enumerate(nodes) for nth in range(WORKERS)
    ]
    await asyncio.gather(*working, other.accounts.delete(UserId(LEAVER), NOW_MS))

    sent = {**one.sent, **other.sent}
    for device in DEVICES[:-2]:
        left = [(event.seq, event.event_id) for event in await one.read(device, ALL)]
        there = Counter([*one.got[device], *other.got[device], *left])
        told = one.told[device] | other.told[device]
        assert told == set(range(1, len(told) + 1))
        assert set(there.values()) <= {1}
        found = Counter(event_id for _, event_id in there)
        for event_id, users in sent.items():
            assert found[event_id] == (device.user_id in users), (device, event_id)
    await counts_are_right(one.database)
    assert await deadlocks(one.database) == began


_GONE = """
    SELECT q.user_id, q.device_id FROM queues q JOIN accounts a ON a.user_id = q.user_id
    LEFT JOIN devices d ON d.user_id = q.user_id AND d.device_id = q.device_id
    WHERE a.deleted_ms IS NOT NULL OR d.revoked_ms IS NOT NULL
"""


async def test_whoever_is_seen_or_written_to_while_all_ends_has_no_queue_after_it(
    nodes: list[Node],
) -> None:
    one, other = nodes
    began = await deadlocks(one.database)
    for user in PEOPLE[1:]:
        devices = [Device(UserId(user), DeviceId(f"{user}-{nth}")) for nth in range(8)]
        for device in devices:
            await one.home.add_device(user, device.device_id)
        seen = [node.post.store.see([device], NOW_MS) for node in nodes for device in devices]
        told = [one.post.send("alice", user, f"{user}-{nth}") for nth in range(8)]
        ended = [
            other.accounts.revoke_device(device.user_id, device.device_id, NOW_MS)
            for device in devices
        ]
        ends = other.accounts.delete(UserId(user), NOW_MS) if user != "dave" else asyncio.sleep(0)
        done = await asyncio.gather(*seen, *told, *ended, ends, return_exceptions=True)
        problems = [error for error in done if isinstance(error, BaseException)]
        assert all(
            isinstance(error, AppError) and error.code is Code.RECIPIENT_NOT_FOUND
            for error in problems
        ), problems
    assert await one.database.read(lambda: rows(_GONE)) == []
    assert await deadlocks(one.database) == began


async def counts_are_right(database: Database) -> None:
    for user_id, device_id, waiting, places, ids in await database.read(lambda: rows(_SUMS)):
        assert waiting == places == ids, (user_id, device_id)
        assert user_id != LEAVER
    assert await database.read(lambda: rows(_REFERENCES)) == []
    sizes = dict(map(tuple, await database.read(lambda: rows(_SIZES))))
    counted: list[Any] = await database.read(lambda: rows("SELECT * FROM stored_bytes"))
    assert {user_id: size for user_id, size in counted if size} == sizes


async def deadlocks(database: Database) -> int:
    """How many there were, ever."""
    if database.name == "SQLite":
        return 0
    sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    return int(await database.read(lambda: value(sql)))
