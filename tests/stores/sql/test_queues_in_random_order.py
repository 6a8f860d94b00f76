"""Queues of events: whatever is sent, acknowledged and lost in whatever order, beside a model."""

import asyncio
import functools
import itertools
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, EventId, RoomId, UserId, new_id
from server.core.limits import Bounds
from server.core.ports.conversations import Device, NewRoom
from server.stores.sql.accounts import SqlAccounts
from server.stores.sql.conversations import leave_rooms
from server.stores.sql.database import Database
from server.stores.sql.migrations import migrate
from server.stores.sql.postgres import Postgres
from server.stores.sql.queues import leave_queues
from server.stores.sql.sqlite import SQLite
from server.stores.sql.steps import Row, Steps, rows, run, value
from tests.postgres_servers import new_database
from tests.stores.sql.households import NOW_MS, Household
from tests.stores.sql.queue_model import DAY_MS, Event, Key, Place, Queue, Wish, World
from tests.stores.sql.queues_at_home import Post

T = TypeVar("T")

pytestmark = pytest.mark.timeout(600)  # each step waits for the disk

NAMES = ("alice", "bob", "carol")
SAID_BYTES = len(b'{"chat_id":"c"}c2VjcmV0')
LONG = 1_000
"""More of anything than there is."""

BOUNDS = Bounds(
    queue_events=3,
    queue_events_of_sender=2,
    queue_rotations=1,
    account_bytes=12 * (256 + SAID_BYTES),
    rooms_by_stranger=LONG,
    rooms_by_strangers=LONG,
    rooms_per_user=LONG,
)

_numbers = itertools.count()


class Twins:
    """Queues beside their model: what is done is done to both, and both must say the same."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._database = database
        self.home = Household(database, BOUNDS)
        self.post = Post(self.home, BOUNDS)
        leaving = (functools.partial(leave_rooms, bounds=BOUNDS), leave_queues)
        self.accounts = SqlAccounts(database, leaving)
        example = next(_numbers)
        self.people = [f"{name}{example}" for name in NAMES]
        self.do(database.write(_forget_all))
        self.do(self.home.settle(*self.people))
        self.world = World(self.people, NOW_MS, BOUNDS)
        self.ids: list[str] = []

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(what)

    def attempt(self, what: Coroutine[Any, Any, T], refusal: Code | None) -> T | None:
        """What is answered; None if it is refused, as it is to be."""
        try:
            answer = self.do(what)
        except AppError as error:
            if error.code is not refusal:
                raise
            return None
        assert refusal is None, answer
        return answer

    # --- finding ---

    def key(self, number: int) -> Key | None:
        """One of the queues that there are."""
        keys = sorted(self.world.queues)
        return keys[number % len(keys)] if keys else None

    def device(self, user: str, number: int) -> Key | None:
        """One of the devices that somebody has."""
        devices = self.world.devices.get(user)
        return (user, devices[number % len(devices)]) if devices else None

    def group(self, number: int) -> str | None:
        groups = sorted(self.world.groups)
        return groups[number % len(groups)] if groups else None

    def owner(self, group: str) -> str:
        sql = "SELECT user_id FROM room_members WHERE room_id = $1 AND role = 'owner'"
        return str(self.do(self._database.read(lambda: value(sql, group))))

    def event_id(self, earlier: int | None) -> str:
        if earlier is None or not self.ids:
            self.ids.append(new_id())
            return self.ids[-1]
        return self.ids[-1 - earlier % len(self.ids)]

    # --- events ---

    def send(self, wish: Wish) -> None:
        self.world.make_queues(wish)
        refusal = self.world.refusal(wish)
        sending = self.post.send(
            wish.sender,
            RoomId(wish.group) if wish.group else wish.to,
            wish.event_id,
            sender_device=DeviceId(wish.device),
            is_rotation=wish.is_rotation,
            now_ms=self.world.now_ms,
        )
        queued = self.attempt(sending, refusal)
        if queued is None:
            return
        is_repeat = self.world.stored(wish.sender, wish.event_id) is not None
        event, reached = self.world.send(wish)
        assert queued.is_repeat is is_repeat
        assert (queued.sent_ms, queued.full) == (event.sent_ms, event.full)
        assert set(queued.users) == reached

    def acknowledge(self, key: Key, nth: int) -> None:
        """Something that waits; in an empty queue, something that does not."""
        waiting = self.do(self.post.read(_device(key)))
        if not waiting:
            return self.acknowledge_late(key, nth)
        place = waiting[nth % len(waiting)]
        assert self._acknowledged(key, place.event_id) == place.seq
        self.world.acknowledge(key, place.seq)
        assert self._acknowledged(key, place.event_id) is None
        return None

    def acknowledge_late(self, key: Key, earlier: int) -> None:
        """Any event, of which mostly nothing waits for this device."""
        event_id = self.event_id(earlier)
        places = self.world.queues[key].places if key in self.world.queues else []
        held = [one.seq for one in places if one.event and one.event.event_id == event_id]
        assert self._acknowledged(key, event_id) == (held[0] if held else None)
        if held:
            self.world.acknowledge(key, held[0])

    def _acknowledged(self, key: Key, event_id: str) -> int | None:
        store, now_ms = self.post.store, self.world.now_ms
        return self.do(store.acknowledge(_device(key), EventId(event_id), now_ms))

    def see(self, key: Key) -> None:
        self.do(self.post.store.see([_device(key)], self.world.now_ms))
        self.world.see(key)

    def see_all(self) -> None:
        for user, device_ids in self.world.devices.items():
            for device_id in device_ids:
                self.see((user, device_id))

    def expire(self, limit: int) -> None:
        """Forget all that is too old, some at a time; also what that leaves in no queue."""
        total, is_over = 0, False
        while not is_over:
            some = self.do(self.post.store.expire(self.world.now_ms, limit))
            assert some.count <= 2 * limit
            total += some.count
            is_over = some.is_all and not some.count
        assert total == sum(iter(self.world.expire, 0))

    # --- people and groups ---

    def add_device(self, user: str) -> None:
        if user in self.world.devices:
            device_id = f"{user}-{new_id()}"
            self.do(self.home.add_device(user, device_id, self.world.now_ms))
            self.world.devices[user].append(device_id)

    def revoke(self, user: str, number: int) -> None:
        if key := self.device(user, number):
            device = _device(key)
            now_ms = self.world.now_ms
            self.do(self.accounts.revoke_device(device.user_id, device.device_id, now_ms))
            self.world.revoke(key)

    def delete(self, user: str) -> None:
        if user in self.world.devices:
            assert self.do(self.accounts.delete(UserId(user), self.world.now_ms))
            self.world.delete(user)

    def block(self, user: str, other: str) -> None:
        pair = (user, other)
        if pair in self.world.blocks:
            sql = "DELETE FROM account_blocks WHERE user_id = $1 AND blocked_id = $2"
            self.do(self.home.change(sql, *pair))
            self.world.blocks.remove(pair)
        elif user != other and {user, other} <= self.world.devices.keys():
            self.do(self.home.block(*pair))
            self.world.blocks.add(pair)

    def create(self, user: str, others: list[str]) -> None:
        members = [one for one in others if one != user]
        if user not in self.world.devices:
            return
        new = NewRoom(
            room_id=RoomId(new_id()),
            creator=UserId(user),
            name="Tea",
            description="",
            ttl_ms=None,
            members=tuple(map(UserId, members)),
        )
        making = self.home.rooms.create(new, self.world.now_ms)
        if self.attempt(making, self._newcomers_refused(user, members)):
            self.world.create(new.room_id, [user, *members])

    def _newcomers_refused(self, user: str, others: list[str]) -> Code | None:
        is_refused = any(
            one not in self.world.devices or (one, user) in self.world.blocks for one in others
        )
        return Code.RECIPIENT_NOT_FOUND if is_refused else None

    def come_or_go(self, group: str, user: str) -> None:
        """Whoever is there goes; whoever is not is let in."""
        owner, room_id, now_ms = UserId(self.owner(group)), RoomId(group), self.world.now_ms
        if user in self.world.groups[group]:
            self.do(self.home.rooms.remove_member(UserId(user), room_id, UserId(user), now_ms))
            self.world.remove(group, user)
            return
        adding = self.home.rooms.add_member(owner, room_id, UserId(user), None, now_ms)
        if self.attempt(adding, self._newcomers_refused(owner, [user])):
            self.world.add(group, user, owner)

    # --- what must be so at any time ---

    def look_at_all(self) -> None:
        """See that the tables say what the model says."""
        queues, places, events, stored_bytes = self.do(self._database.read(_everything))
        assert {(one[0], one[1]): tuple(one[2:]) for one in queues} == {
            key: _row_of_queue(one) for key, one in self.world.queues.items()
        }
        assert [tuple(one) for one in places] == [
            (*key, *_row_of_place(place))
            for key, queue in sorted(self.world.queues.items())
            for place in queue.places
        ]
        assert sorted(map(_without_id, events)) == sorted(
            map(_row_of_event, self.world.kept_events)
        )
        assert {one: size for one, size in stored_bytes if size} == {
            one: size for one in self.people if (size := self.world.stored_bytes(one))
        }

    def look_at_losses(self) -> None:
        """See that all that was lost is told, and each by one place only."""
        for queue in self.world.queues.values():
            told = [range(one.first_seq, one.seq + 1) for one in queue.places if one.event is None]
            if queue.owed_from is not None:
                told.append(range(queue.owed_from, queue.seq + 1))
            for seq in queue.lost:
                assert sum(seq in one for one in told) == 1, (seq, told)

    def look_into(self, key: Key, limit: int) -> None:
        """Read a queue page by page, as its device would."""
        found: list[tuple[int, int, Any]] = []
        while page := self.do(self.post.read(_device(key), found[-1][0] if found else 0, limit)):
            found += [(one.seq, one.first_seq, one.lost_as) for one in page]
        expected = self.world.queues[key].places
        assert found == [(one.seq, one.first_seq, one.lost_as) for one in expected]
        asked = range(self.world.queues[key].seq + 2)
        held = self.do(self.post.store.waiting(_device(key), list(asked)))
        assert held == {one.seq for one in expected}

    def look_at_statistics(self) -> None:
        found = self.do(self.post.store.statistics())
        queues = [one for one in self.world.queues.values() if not one.has_lapsed]
        counts = [len(one.places) for one in queues]
        waiting = [one for one in self.world.events if one.waiting]
        assert (found.queues, found.lapsed) == (len(queues), len(self.world.queues) - len(queues))
        longest = [one.waiting for one in found.longest]
        assert found.waiting == sum(counts)
        assert longest == sorted(filter(None, counts), reverse=True)[:10]
        assert found.oldest_ms == min((one.sent_ms for one in waiting), default=None)


def _device(key: Key) -> Device:
    return Device(UserId(key[0]), DeviceId(key[1]))


def _forget_all() -> Steps[None]:
    """What earlier examples have left."""
    for table in ("queued_events", "events", "queues", "stored_bytes"):
        yield from run(f"DELETE FROM {table}")  # noqa: S608


def _everything() -> Steps[tuple[list[Row], list[Row], list[Row], list[Row]]]:
    queues = yield from rows(
        "SELECT user_id, device_id, seq, waiting, lost_from, seen_ms, has_lapsed FROM queues"
    )
    places = yield from rows(
        "SELECT q.user_id, q.device_id, q.seq, q.first_seq, q.sender_id, CASE WHEN "
        "COALESCE(e.sender_id, '') = '' THEN '' ELSE q.event_id END, COALESCE(e.sent_ms, 0), "
        "q.lost_as, q.is_rotation "
        "FROM queued_events q LEFT JOIN events e ON e.event_key = q.event_key "
        "ORDER BY q.user_id, q.device_id, q.seq"
    )
    events = yield from rows(
        "SELECT sender_id, event_id, sent_ms, expires_ms, waiting, refused, "
        "COALESCE(LENGTH(metadata), 0) + COALESCE(LENGTH(payload), 0) FROM events"
    )
    stored_bytes = yield from rows("SELECT user_id, bytes FROM stored_bytes")
    return queues, places, events, stored_bytes


def _row_of_queue(queue: Queue) -> tuple[Any, ...]:
    last = queue.places[-1] if queue.places else None
    lost_from = last.first_seq if last and last.seq == queue.seq and not last.event else None
    first = queue.owed_from if queue.has_lapsed else lost_from
    return queue.seq, len(queue.places), first, queue.seen_ms, queue.has_lapsed


def _row_of_place(place: Place) -> tuple[Any, ...]:
    event = place.event
    said = (place.counts_for, event.event_id, event.sent_ms) if event else ("", "", 0)
    lost_as = place.lost_as.value if place.lost_as else None
    return place.seq, place.first_seq, *said, lost_as, place.is_rotation


def _row_of_event(event: Event) -> tuple[Any, ...]:
    refused = "[" + ",".join(f'"{one}"' for one in event.full) + "]"
    size_bytes = event.size_bytes if event.sender else bool(event.waiting)
    times = (event.sent_ms, event.expires_ms)
    return event.sender, event.event_id, *times, event.waiting, refused, size_bytes


def _without_id(row: Row) -> tuple[Any, ...]:
    """The server's own events have ids of its choice, and say what they say."""
    sender, event_id, *between, size_bytes = row
    if sender:
        return tuple(row)
    return sender, "" if event_id else None, *between, bool(size_bytes)


PEOPLE = st.integers(0, len(NAMES) - 1)
EARLIER = st.none() | st.integers(0, 5)
SOME = st.integers(0, 7)


class Posts(RuleBasedStateMachine):
    """Everything that may become of three people's queues."""

    database: ClassVar[Database]
    loop: ClassVar[asyncio.AbstractEventLoop]

    def __init__(self) -> None:
        super().__init__()
        self.twins = Twins(self.database, self.loop)
        self._looked = 0

    def of(self, number: int) -> str:
        return self.twins.people[number]

    @initialize(has_group=st.booleans())
    def begin_with_two_devices_and_a_group(self, has_group):
        alice, bob, carol = self.twins.people
        self.twins.add_device(bob)
        for device in (0, 1):
            self.see(1, device)
        if has_group:
            self.twins.create(alice, [bob, carol])

    @rule(
        sender=PEOPLE,
        device=SOME,
        to=st.sets(PEOPLE, min_size=1),
        earlier=EARLIER,
        is_rotation=st.booleans(),
        count=st.integers(1, 3),
    )
    def send(self, sender, device, to, earlier, is_rotation, count):
        for _ in range(count):
            self._send(sender, device, earlier, to=tuple(map(self.of, to)), is_rotation=is_rotation)

    @rule(sender=PEOPLE, device=SOME, group=SOME, earlier=EARLIER)
    def send_to_group(self, sender, device, group, earlier):
        if found := self.twins.group(group):
            self._send(sender, device, earlier, group=found)

    def _send(self, sender, device, earlier, **other):
        if own := self.twins.device(self.of(sender), device):
            ids: dict[str, Any] = {
                "event_id": self.twins.event_id(earlier),
                "size_bytes": SAID_BYTES,
            }
            self.twins.send(Wish(sender=own[0], device=own[1], **ids, **other))

    @rule(queue=SOME, nths=st.lists(SOME, min_size=1, max_size=4))
    def acknowledge(self, queue, nths):
        for nth in nths:
            if key := self.twins.key(queue):
                self.twins.acknowledge(key, nth)

    @rule(queue=SOME, earlier=SOME)
    def acknowledge_late(self, queue, earlier):
        if key := self.twins.key(queue):
            self.twins.acknowledge_late(key, earlier)

    @rule(user=PEOPLE, device=SOME)
    def see(self, user, device):
        if key := self.twins.device(self.of(user), device):
            self.twins.see(key)

    @rule(
        ms=st.sampled_from([1, DAY_MS, 7 * DAY_MS, 14 * DAY_MS - 1, 14 * DAY_MS]),
        is_seen=st.booleans(),
        limit=st.none() | st.sampled_from([1, 2, LONG]),
    )
    def wait(self, ms, is_seen, limit):
        self.twins.world.now_ms += ms
        if is_seen:
            self.twins.see_all()
        if limit:
            self.twins.expire(limit)

    @rule(user=PEOPLE, other=PEOPLE)
    def block(self, user, other):
        self.twins.block(self.of(user), self.of(other))

    @rule(user=PEOPLE)
    def add_device(self, user):
        self.twins.add_device(self.of(user))

    @rule(user=PEOPLE, device=SOME)
    def revoke(self, user, device):
        self.twins.revoke(self.of(user), device)

    @rule(user=PEOPLE, is_sure=st.integers(0, 3))
    def delete(self, user, is_sure):
        if is_sure == 0:
            self.twins.delete(self.of(user))

    @rule(user=PEOPLE, others=st.sets(PEOPLE))
    def create(self, user, others):
        self.twins.create(self.of(user), sorted(map(self.of, others)))

    @rule(group=SOME, user=PEOPLE)
    def come_or_go(self, group, user):
        if found := self.twins.group(group):
            self.twins.come_or_go(found, self.of(user))

    @invariant()
    def all_is_as_it_ought_to_be(self):
        self.twins.look_at_all()
        self.twins.look_at_losses()
        self._looked += 1
        if key := self.twins.key(self._looked):
            self.twins.look_into(key, 1 + self._looked % 3)

    def teardown(self):
        self.twins.look_at_statistics()


@pytest.fixture(params=["sqlite", "postgres"])
def loop_and_database(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[asyncio.AbstractEventLoop, Database]]:
    """A database with its tables, and the loop in which it is open."""
    is_sqlite = request.param == "sqlite"
    one: Database = SQLite(tmp_path / "a.sqlite3") if is_sqlite else Postgres(new_database())
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(one.start())
        loop.run_until_complete(migrate(one))
        yield loop, one
    finally:
        loop.run_until_complete(one.close())
        loop.close()


def test_no_order_of_sending_acknowledging_and_forgetting_breaks_a_promise_of_queues(
    loop_and_database, for_long
):
    class PostsThere(Posts):
        loop, database = loop_and_database

    run_state_machine_as_test(
        PostsThere,
        settings=settings(
            max_examples=12 * for_long,
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
        ),
    )
