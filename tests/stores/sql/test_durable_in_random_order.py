"""Durable rooms and messages: whatever people do in whatever order, beside a model of it all."""

import asyncio
import itertools
import random
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

from server.core.durable import Role, Status
from server.core.errors import AppError, Code
from server.core.ids import DeviceId, MessageId, RoomId, UserId, new_id
from server.core.limits import Bounds
from server.core.ports.conversations import Device, MessageRef, NewRoom
from server.stores.sql.database import Database
from server.stores.sql.migrations import migrate
from server.stores.sql.postgres import Postgres
from server.stores.sql.sqlite import SQLite
from server.stores.sql.steps import rows
from tests.postgres_servers import new_database
from tests.stores.sql.durable_model import Room, World
from tests.stores.sql.households import NOW_MS, Household

T = TypeVar("T")

pytestmark = pytest.mark.timeout(600)  # each step waits for the disk

NAMES = ("alice", "bob", "carol", "dave")
BOUNDS = Bounds(room_members=3)
LONG = 1_000
"""More messages than there are."""

RARE = 9

_numbers = itertools.count()


class Twins:
    """Stores beside their model: what is done is done to both, and both must say the same."""

    def __init__(self, home: Household, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.home = home
        example = next(_numbers)
        self.people = {name: f"{name}{example}" for name in NAMES}
        self.do(home.settle(*self.people.values()))
        self.world = World(list(self.people.values()), NOW_MS, BOUNDS)
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

    @property
    def now_ms(self) -> int:
        return self.world.now_ms

    def room(self, number: int) -> Room | None:
        """One of the rooms that there are."""
        rooms = list(self.world.rooms.values())
        return rooms[number % len(rooms)] if rooms else None

    def message_id(self, earlier: int | None) -> str:
        if earlier is None or not self.ids:
            self.ids.append(new_id())
            return self.ids[-1]
        return self.ids[-1 - earlier % len(self.ids)]

    def known_to(self, user: str, earlier: int) -> str:
        """The id of a message that somebody may read; of any other now and then."""
        rooms = self.world.rooms_of(user)
        ids = [one.message_id for room in rooms for one in self.world.readable(user, room)]
        if not ids or earlier == RARE:
            return self.message_id(earlier)
        return ids[-1 - earlier % len(ids)]

    # --- messages ---

    def send(self, user: str, room: Room | None, other: str | None, earlier: int | None) -> None:
        if other:
            room = self.world.direct(user, other)
        message_id = self.message_id(earlier)
        refusal = self.world.send_refusal(user, room, other, message_id)
        to = other or RoomId(room.room_id if room else "nowhere")
        text = f"of {user}, {len(self.ids)}"
        covered = self._covered([other] if other else list(room.members) if room else [])
        sending = self.home.send(
            user, to, message_id, self.now_ms, ciphertext=text, covered=covered
        )
        stored = self.attempt(sending, refusal)
        if stored is None:
            return
        room = room or self.world.begin_direct(stored.message.room_id, user, other or "")
        made = self.world.send(user, room, message_id, text)
        known = made or room.message(message_id)
        assert known
        assert stored.is_repeat is (made is None)
        assert (stored.message.room_id, stored.message.seq) == (room.room_id, known.seq)
        assert stored.message.sent_ms == known.sent_ms
        assert set(stored.readers) == ({user} if known.is_withheld else set(room.members))

    def _covered(self, users: list[str]) -> frozenset[Device]:
        return frozenset(
            Device(UserId(one), DeviceId(device_id))
            for one in users
            for device_id in self.world.devices[one]
        )

    def acknowledge(self, user: str, device: int, earlier: list[int], status: Status) -> None:
        device_id = self.device(user, device)
        ids = list(dict.fromkeys(self.known_to(user, one) for one in earlier))
        refs = tuple(MessageRef(MessageId(one)) for one in ids)
        who = Device(UserId(user), DeviceId(device_id))
        done = self.do(self.home.messages.acknowledge(who, refs, status, self.now_ms))
        further, unknown = self.world.acknowledge(user, device_id, ids, status)
        assert {(one.room_id, one.seq) for one in done.receipts} == further
        assert len(done.receipts) == len(further)
        assert list(done.unknown) == unknown

    def device(self, user: str, number: int) -> str:
        devices = list(self.world.devices[user])
        return devices[number % len(devices)]

    def delete(self, user: str, earlier: int) -> None:
        message_id = self.known_to(user, earlier)
        refusal = self.world.delete_refusal(user, message_id)
        ref = MessageRef(MessageId(message_id))
        done = self.attempt(self.home.messages.delete(UserId(user), ref, self.now_ms), refusal)
        if done:
            assert done.is_repeat is self.world.delete(user, message_id)
            assert done.message.ciphertext is None

    def expire(self) -> None:
        assert self.do(self.home.messages.expire(self.now_ms, LONG)) == self.world.expire()

    # --- people and rooms ---

    def add_device(self, user: str) -> None:
        device_id = f"{user}-{len(self.world.devices[user])}"
        self.do(self.home.add_device(user, device_id, self.now_ms))
        self.world.devices[user][device_id] = self.now_ms

    def block(self, user: str, other: str) -> None:
        pair = (user, other)
        if pair in self.world.blocks:
            sql = "DELETE FROM account_blocks WHERE user_id = $1 AND blocked_id = $2"
            self.do(self.home.change(sql, *pair))
            self.world.blocks.remove(pair)
        elif user != other:
            self.do(self.home.block(*pair))
            self.world.blocks.add(pair)

    def create(self, user: str, others: list[str], ttl_ms: int | None) -> None:
        others = [one for one in others if one != user]
        new = NewRoom(
            room_id=RoomId(new_id()),
            creator=UserId(user),
            name="Tea",
            description="",
            ttl_ms=ttl_ms,
            members=tuple(map(UserId, others)),
        )
        refusal = self.world.create_refusal(user, others)
        if self.attempt(self.home.rooms.create(new, self.now_ms), refusal):
            self.world.create(new.room_id, user, others, ttl_ms)

    def add(self, user: str, room: Room, other: str, role: Role | None) -> None:
        refusal = self.world.add_refusal(user, room, other, role)
        names = UserId(user), RoomId(room.room_id), UserId(other)
        changed = self.attempt(self.home.rooms.add_member(*names, role, self.now_ms), refusal)
        if changed:
            assert changed.is_changed is self.world.add(user, room, other, role)

    def remove(self, user: str, room: Room, other: str) -> None:
        refusal = self.world.remove_refusal(user, room, other)
        names = UserId(user), RoomId(room.room_id), UserId(other)
        if left := self.attempt(self.home.rooms.remove_member(*names, self.now_ms), refusal):
            self.world.remove(room, other)
            assert (left.conversation is not None) is bool(room.members)

    def end_room(self, user: str, room: Room) -> None:
        refusal = self.world.manage_refusal(user, room, Role.OWNER)
        ending = self.home.rooms.delete(UserId(user), RoomId(room.room_id), self.now_ms)
        if ended := self.attempt(ending, refusal):
            assert set(ended.users) == set(room.members)
            self.world.end(room)

    # --- what must be so at any time ---

    def look(self, user: str) -> None:
        """See that somebody finds all that is there for it, and nothing else."""
        for room in self.world.rooms.values():
            self._look_at(user, room)
        page = self.do(self.home.rooms.page(UserId(user), None, LONG, self.now_ms, managed=False))
        listed = {
            one.conversation.room_id: (one.last and one.last.message_id, one.unread)
            for one in page.rooms
        }
        assert listed == self._listed(user)
        for device_id in self.world.devices[user]:
            self._look_at_waiting(user, device_id)

    def _listed(self, user: str) -> dict[str, tuple[str | None, int]]:
        found: dict[str, tuple[str | None, int]] = {}
        for room in self.world.rooms_of(user):
            readable = self.world.readable(user, room)
            if readable or not room.is_direct:
                last = readable[-1].message_id if readable else None
                found[room.room_id] = last, self.world.unread(user, room)
        return found

    def _look_at(self, user: str, room: Room) -> None:
        reading = self.home.messages.history(UserId(user), RoomId(room.room_id), LONG, self.now_ms)
        page = self.attempt(reading, None if user in room.members else Code.NOT_FOUND)
        if page is None:
            return
        expected = [
            (one.seq, one.message_id, one.sender, None if one.is_deleted else one.ciphertext)
            for one in self.world.readable(user, room)
        ]
        shown = [(m.seq, m.message_id, m.sender, m.ciphertext) for m in page.messages]
        assert shown == expected
        for one, message in zip(self.world.readable(user, room), page.messages, strict=True):
            status = self.world.status(user, room, one)
            assert (message.status, message.delivered, message.read) == status

    def _look_at_waiting(self, user: str, device_id: str) -> None:
        device = Device(UserId(user), DeviceId(device_id))
        page = self.do(self.home.messages.waiting(device, LONG, self.now_ms))
        found: dict[str, list[str]] = {}
        for one in page.messages:
            found.setdefault(one.room_id, []).append(one.message_id)
            room = self.world.rooms[one.room_id]
            known = room.message(one.message_id)
            assert known
            status = self.world.status(user, room, known)
            assert (one.status, one.delivered, one.read) == status
        assert found == self.world.waiting(user, device_id)

    def look_at_roles(self) -> None:
        """See that each room with roles has one owner, and all have their members."""
        found = self.do(self.home.database.read(_members))
        members: dict[str, dict[str, Role]] = {}
        for room_id, user_id, role in found:
            members.setdefault(room_id, {})[user_id] = Role(role)
        for room in self.world.rooms.values():
            roles = {one: member.role for one, member in room.members.items()}
            assert members[room.room_id] == roles
            owners = list(roles.values()).count(Role.OWNER)
            assert owners == (0 if room.is_direct else 1)


def _members() -> Any:
    return rows("SELECT room_id, user_id, role FROM room_members")


PEOPLE = st.sampled_from(NAMES)
EARLIER = st.integers(0, RARE)
ROOMS = st.integers(0, 5)


class Lives(RuleBasedStateMachine):
    """Everything that four people may do to each other's durable rooms and messages."""

    home: ClassVar[Household]
    loop: ClassVar[asyncio.AbstractEventLoop]

    def __init__(self) -> None:
        super().__init__()
        self.twins = Twins(self.home, self.loop)
        self.looking = itertools.cycle(self.twins.people.values())

    def of(self, name: str) -> str:
        return self.twins.people[name]

    @initialize(ttl_ms=st.sampled_from([None, 20]))
    def begin_with_a_room_and_a_conversation(self, ttl_ms):
        alice, bob, carol, dave = self.twins.people.values()
        self.twins.create(alice, [bob, dave], ttl_ms)
        room = self.twins.world.rooms_of(alice)[0]
        for user in (alice, bob):
            self.twins.send(user, room, None, None)
        self.twins.acknowledge(bob, 0, [1], Status.READ)
        self.twins.remove(bob, room, bob)
        self.twins.add(alice, room, bob, None)
        self.twins.look(alice)
        self.twins.add(alice, room, dave, Role.ADMIN)
        self.twins.send(carol, None, bob, None)
        self.twins.add_device(bob)
        self.twins.block(carol, alice)

    @rule(user=PEOPLE, other=PEOPLE, earlier=st.none() | EARLIER)
    def write_to(self, user, other, earlier):
        self.twins.send(self.of(user), None, self.of(other), earlier)

    @rule(user=PEOPLE, room=ROOMS, earlier=st.none() | EARLIER)
    def write_into(self, user, room, earlier):
        self.twins.send(self.of(user), self.twins.room(room), None, earlier)

    @rule(
        user=PEOPLE,
        device=st.integers(0, 2),
        earlier=st.lists(EARLIER, min_size=1, max_size=4),
        status=st.sampled_from([Status.DELIVERED, Status.READ]),
    )
    def acknowledge(self, user, device, earlier, status):
        self.twins.acknowledge(self.of(user), device, earlier, status)

    @rule(user=PEOPLE, earlier=EARLIER)
    def delete(self, user, earlier):
        self.twins.delete(self.of(user), earlier)

    @rule(user=PEOPLE, others=st.sets(PEOPLE, max_size=3), ttl_ms=st.sampled_from([None, 20]))
    def create(self, user, others, ttl_ms):
        self.twins.create(self.of(user), sorted(map(self.of, others)), ttl_ms)

    @rule(user=PEOPLE, other=PEOPLE, room=ROOMS, role=st.sampled_from([None, *Role]))
    def add(self, user, other, room, role):
        if found := self.twins.room(room):
            self.twins.add(self.of(user), found, self.of(other), role)

    @rule(user=PEOPLE, other=PEOPLE, room=ROOMS)
    def remove(self, user, other, room):
        if found := self.twins.room(room):
            self.twins.remove(self.of(user), found, self.of(other))

    @rule(user=PEOPLE, room=ROOMS)
    def end_room(self, user, room):
        if found := self.twins.room(room):
            self.twins.end_room(self.of(user), found)

    @rule(user=PEOPLE, other=PEOPLE)
    def block(self, user, other):
        self.twins.block(self.of(user), self.of(other))

    @rule(user=PEOPLE)
    def add_device(self, user):
        self.twins.add_device(self.of(user))

    @rule(ms=st.sampled_from([1, 19, 20]))
    def wait(self, ms):
        self.twins.world.now_ms += ms

    @rule()
    def expire(self):
        self.twins.expire()

    @invariant()
    def somebody_finds_all_that_is_there(self):
        self.twins.look(next(self.looking))

    def teardown(self):
        self.twins.look_at_roles()
        for user in self.twins.people.values():
            self.twins.look(user)
        # What is left would else be forgotten in the next example.
        for room in list(self.twins.world.rooms.values()):
            for user in [one for one in room.members if not room.is_direct]:
                self.twins.remove(user, room, user)
                self.twins.look_at_roles()
        self.twins.expire()


@pytest.fixture(params=["sqlite", "postgres"])
def loop_and_home(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[asyncio.AbstractEventLoop, Household]]:
    """An empty database, and the loop in which it is open."""
    is_sqlite = request.param == "sqlite"
    file = tmp_path / "data.sqlite3"
    database: Database = SQLite(file) if is_sqlite else Postgres(new_database())
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(database.start())
        loop.run_until_complete(migrate(database))
        yield loop, Household(database, BOUNDS)
    finally:
        loop.run_until_complete(database.close())
        loop.close()


def test_no_order_of_talking_reading_and_parting_breaks_a_promise_of_durable_rooms(
    loop_and_home, for_long
):
    class LivesThere(Lives):
        loop, home = loop_and_home

    run_state_machine_as_test(
        LivesThere,
        settings=settings(
            max_examples=6 * for_long,
            stateful_step_count=25,
            suppress_health_check=list(HealthCheck),
        ),
    )


# --- for long ---

DEEDS = {
    "write_to": 24,
    "write_into": 24,
    "acknowledge": 30,
    "delete": 4,
    "create": 3,
    "add": 10,
    "remove": 7,
    "end_room": 1,
    "block": 5,
    "add_device": 1,
    "wait": 10,
    "expire": 4,
}


def act(twins: Twins, chance: random.Random) -> None:
    """Have somebody do something."""
    (deed,) = chance.choices(list(DEEDS), list(DEEDS.values()))
    user, other = (chance.choice(list(twins.people.values())) for _ in range(2))
    if deed == "write_to":
        twins.send(user, None, other, chance.choice([None] * 6 + [0, 1]))
    elif deed == "acknowledge":
        status = chance.choice([Status.DELIVERED, Status.READ])
        earlier = chance.choices(range(RARE + 1), k=chance.randint(1, 5))
        twins.acknowledge(user, chance.randrange(3), earlier, status)
    elif deed == "delete":
        twins.delete(user, chance.randint(0, RARE))
    elif deed == "create":
        twins.create(user, [other], chance.choice([None, 20]))
    elif deed == "block":
        blocks = sorted(twins.world.blocks)
        twins.block(*(chance.choice(blocks) if len(blocks) > 1 else (user, other)))
    elif deed == "add_device":
        twins.add_device(user)
    elif deed == "wait":
        twins.world.now_ms += chance.choice([1, 3, 19])
    elif deed == "expire":
        twins.expire()
    else:
        act_in_room(twins, chance, deed, user, other)


def act_in_room(twins: Twins, chance: random.Random, deed: str, user: str, other: str) -> None:
    """The same in a room, mostly one with roles, and by somebody who is there."""
    rooms = [room for room in twins.world.rooms.values() if not room.is_direct]
    if not rooms or chance.random() < 0.1:
        rooms = list(twins.world.rooms.values())
    if not rooms:
        return
    room = chance.choice(rooms)
    if chance.random() < 0.9:
        user = chance.choice(list(room.members))
    if deed == "write_into":
        twins.send(user, room, None, chance.choice([None] * 6 + [0, 1]))
    elif deed == "add":
        twins.add(user, room, other, chance.choice([None, None, None, *Role]))
    elif deed == "remove":
        twins.remove(user, room, chance.choice([user, user, other, *room.members]))
    else:
        twins.end_room(user, room)


def test_four_people_who_talk_for_long_find_all_that_is_there_for_them(loop_and_home):
    chance = random.Random(20_261_122)
    loop, home = loop_and_home
    twins = Twins(home, loop)
    for user in itertools.islice(itertools.cycle(twins.people.values()), 150):
        act(twins, chance)
        twins.look(user)
    twins.look_at_roles()
    for user in twins.people.values():
        twins.look(user)
