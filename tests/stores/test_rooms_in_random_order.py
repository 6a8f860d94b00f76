"""RoomStore: people who come, go, crash and return in any order, beside a model of it all."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import structs

from server.core.errors import AppError, Code
from server.core.events import MemberJoined, MemberLeft, RoomEvent, RoomExpired
from server.core.ids import NumericUserId
from server.core.limits import Bounds
from server.core.ports import RoomTotals
from tests.clocks import ManualClock
from tests.stores.backends import Backend
from tests.stores.guests import POLICY, Guest, House, refusal
from tests.stores.model import Room, Said, Wish

T = TypeVar("T")

SMALL = structs.replace(POLICY, capacity=3, history_messages=4, idle_limit_ms=60_000)

USERS = st.sampled_from(["alice", "bob", "all", "7", NumericUserId("7")])
ROOMS = st.sampled_from(["tea-room", "tea-room", "coffee-room"])
KEYS = st.sampled_from([None, "red", "blue"])
OUR_KEY = b"k" * 32
KEY_HASHES = st.sampled_from([OUR_KEY] * 9 + [b"o" * 32])
PLACES = st.integers(0, 12)
ANY = st.integers(0, 63)
"""Picks one of however many there are."""


class Comings(RuleBasedStateMachine):
    """Everything that people may do to two small rooms, in any order."""

    backend: ClassVar[Backend]

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._opened = AsyncExitStack()
        rooms = self.do(self._opened.enter_async_context(self.backend.rooms(Bounds())))
        self.clock = ManualClock()
        self.house = House(rooms, SMALL, self.clock)
        self.rooms: dict[str, Room] = {}
        self.guests: list[Guest] = []  # of all times; their tokens may be void by now

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(what)

    def attempt(self, what: Coroutine[Any, Any, T], expected: Code | None) -> T | None:
        """What was done; None if it was refused, which must be as expected."""
        done, refused_for = None, None
        try:
            done = self.do(what)
        except AppError as error:
            refused_for = error.code
        assert refused_for is expected
        return done

    def attached(self) -> list[tuple[Guest, Room]]:
        found = ((guest, self.rooms.get(guest.room_id)) for guest in self.guests)
        return [(g, room) for g, room in found if room and room.person_at(g.connection_id)]

    def count(self, room: Room, events: tuple[RoomEvent, ...]) -> list[str]:
        """What happened in the sequence, of which every number must be the next."""
        happened = []
        for event in events:
            if isinstance(event, MemberJoined | MemberLeft):
                room.seq += 1
                assert event.seq == room.seq
                verb = "joined" if isinstance(event, MemberJoined) else "left"
                happened.append(f"{event.user_id} {verb}")
        return happened

    # --- coming in ---

    @initialize()
    def begin_in_the_tea_room(self):
        self.come("alice", "tea-room", "red", OUR_KEY, True, 0)
        self.come("bob", "tea-room", "blue", OUR_KEY, False, 0)

    @rule(name=ROOMS, key_hash=KEY_HASHES)
    def reserve(self, name, key_hash):
        room = self.rooms.get(name)
        is_other = room is not None and room.key_hash != key_hash
        reserving = self.house.reserve(name, key_hash)
        reservation = self.attempt(reserving, Code.ROOM_EXISTS if is_other else None)
        if reservation is None:
            return
        assert reservation.created is (room is None)
        room = room or Room(policy=SMALL, key_hash=key_hash, active_ms=self.clock.now_ms())
        self.rooms[name] = room
        assert reservation.expires_ms == room.active_ms + SMALL.idle_limit_ms

    @rule(
        user=USERS,
        name=ROOMS,
        key=KEYS,
        key_hash=KEY_HASHES,
        as_creator=st.booleans(),
        since=PLACES,
    )
    def come(self, user, name, key, key_hash, as_creator, since):
        guest = self.house.guest(user, name)
        self.guests.append(guest)
        self.join(guest, None, key, key_hash, as_creator, since)

    @precondition(lambda self: self.guests)
    @rule(who=ANY, user=st.none() | USERS, key=KEYS, as_creator=st.booleans(), since=PLACES)
    def come_with_a_token(self, who, user, key, as_creator, since):
        known = self.guests[who % len(self.guests)]
        guest = known.elsewhere(user)
        guest.token = known.token
        self.guests.append(guest)
        self.join(guest, known.token, key, OUR_KEY, as_creator, since)

    @precondition(lambda self: self.attached())
    @rule(
        who=ANY, user=st.none() | USERS, key=KEYS, as_creator=st.booleans(), whose=st.none() | ANY
    )
    def join_again(self, who, user, key, as_creator, whose):
        guest, _ = self.attached()[who % len(self.attached())]
        double = guest.elsewhere(user)
        double.connection_id = guest.connection_id
        token = None if whose is None else self.guests[whose % len(self.guests)].token
        self.join(double, token, key, OUR_KEY, as_creator, 0)

    def join(
        self,
        guest: Guest,
        token: bytes | None,
        key: str | None,
        key_hash: bytes,
        as_creator: bool,
        since: int,
    ) -> None:
        room = self.rooms.get(guest.room_id)
        now_ms = self.clock.now_ms()
        wish = Wish(
            user_id=guest.user_id,
            connection_id=guest.connection_id,
            key_hash=key_hash,
            as_creator=as_creator,
            key=key,
            token=token,
        )
        joining = guest.join(
            key_hash=key_hash, as_creator=as_creator, public_key=key, token=token, since_seq=since
        )
        if room is None:
            room = Room(policy=SMALL, key_hash=key_hash, active_ms=now_ms)
            expected = None if as_creator else Code.ROOM_NOT_FOUND
        else:
            expected = room.refusal(wish)
        joined = self.attempt(joining, expected)
        if joined is None:
            return
        assert joined.room_created is (guest.room_id not in self.rooms)
        self.rooms[guest.room_id] = room
        token_is_good = token is not None and token in room.tokens
        was_another = room.was_another(wish, since)
        assert joined.is_new is (room.known(wish) is None and not token_is_good)
        happened = room.admit(wish, guest.token, now_ms)
        expected_events = [what for what in happened if what != "key changed"]
        assert sorted(self.count(room, joined.events)) == sorted(expected_events)
        room.seq += happened.count("key changed")
        person = room.people[guest.user_id]
        assert joined.token_is_good is (token_is_good and token == person.identity)
        assert joined.truncated is (was_another or room.is_truncated(since))
        since = 0 if was_another else since
        assert list(joined.messages) == room.readable(guest.connection_id, since)
        assert joined.seq == room.seq
        assert joined.locked is room.locked
        assert joined.has_proved is person.connections[guest.connection_id]
        assert joined.is_creator is room.rules(guest.connection_id)

    # --- inside ---

    @precondition(lambda self: self.attached())
    @rule(who=ANY, to=st.sampled_from([None, "", "all", "alice", "bob", "7", "nobody"]), number=ANY)
    def send(self, who, to, number):
        guest, room = self.attached()[who % len(self.attached())]
        message_id = f"m-{number % 8}"
        if room.is_forgotten(message_id):
            message_id = f"m-{room.seq}-late"
        person, first = room.person_at(guest.connection_id), room.first(message_id)
        is_word = to in (None, "", "all")
        recipient = room.people.get(to or "")
        expected = None
        if first:
            expected = None if first.sender == person.identity else Code.ID_CONFLICT
        elif not is_word and recipient is None:
            expected = Code.RECIPIENT_NOT_FOUND

        sending = guest.say(message_id, to=to, is_broadcast=is_word, message_id=message_id)
        appended = self.attempt(sending, expected)

        if appended is None:
            return
        assert appended.is_repeat is (first is not None)
        if first:
            is_open = first.readers is None or person.connections[guest.connection_id]
            told = (
                first.event
                if is_open
                else structs.replace(first.event, recipient=None, addressed_as=to)
            )
            assert appended.event == told
            return
        room.seq += 1
        room.active_ms = self.clock.now_ms()
        assert appended.event.seq == room.seq
        assert appended.event.sender == guest.user_id
        assert appended.event.recipient == (recipient.user_id if recipient else None)
        readers = {person.identity, recipient.identity} if recipient else None
        room.said.append(Said(appended.event, person.identity, readers))

    @precondition(lambda self: self.attached())
    @rule(who=ANY, key=st.sampled_from(["red", "blue", "green"]))
    def save_key(self, who, key):
        guest, room = self.attached()[who % len(self.attached())]
        person = room.person_at(guest.connection_id)
        may = person.connections[guest.connection_id] or key == person.key
        if self.attempt(guest.save_key(key), None if may else Code.FORBIDDEN) is not None:
            room.seq += key != person.key
            person.key = key

    @precondition(lambda self: self.attached())
    @rule(who=ANY)
    def type(self, who):
        guest, room = self.attached()[who % len(self.attached())]
        self.do(guest.type())
        room.active_ms = self.clock.now_ms()

    @precondition(lambda self: self.attached())
    @rule(who=ANY, locked=st.booleans())
    def lock(self, who, locked):
        guest, room = self.attached()[who % len(self.attached())]
        may = room.rules(guest.connection_id)
        self.attempt(guest.lock(locked), None if may else Code.FORBIDDEN)
        if may:
            room.locked = locked

    @precondition(lambda self: self.attached())
    @rule(who=ANY, user=USERS)
    def remove(self, who, user):
        guest, room = self.attached()[who % len(self.attached())]
        person = room.people.get(user)
        expected = None
        if not room.rules(guest.connection_id) or user == guest.user_id:
            expected = Code.FORBIDDEN
        elif person is None:
            expected = Code.RECIPIENT_NOT_FOUND
        events = self.attempt(guest.remove(user), expected)
        if events is not None and person is not None:
            assert self.count(room, events) == [f"{user} left"]
            del room.people[person.user_id]
            room.tokens.discard(person.identity)
            room.locked = True

    # --- going out ---

    @precondition(lambda self: self.attached())
    @rule(who=ANY)
    def leave(self, who):
        guest, room = self.attached()[who % len(self.attached())]
        events = self.do(guest.leave())
        person = room.detach(guest.connection_id, self.clock.now_ms())
        assert self.count(room, events) == ([] if person.connections else [f"{guest.user_id} left"])
        if not person.connections:
            del room.people[person.user_id]

    @precondition(lambda self: self.attached())
    @rule(who=ANY)
    def crash(self, who):
        guest, room = self.attached()[who % len(self.attached())]
        self.do(guest.lose())
        room.detach(guest.connection_id, self.clock.now_ms())

    @precondition(lambda self: len(self.guests) > len(self.attached()))
    @rule(who=ANY)
    def haunt(self, who):
        attached = {guest.connection_id for guest, _ in self.attached()}
        ghosts = [guest for guest in self.guests if guest.connection_id not in attached]
        ghost = ghosts[who % len(ghosts)]
        assert self.do(refusal(ghost.say())) is Code.NOT_A_MEMBER
        assert self.do(ghost.rooms()) == set()

    @rule(ms=st.sampled_from([1, 1_000, 2_999, 3_000, 59_999, 60_000]))
    def time_passes(self, ms):
        self.clock.advance(ms=ms)
        now_ms = self.clock.now_ms()
        lost = {name: room.lost(now_ms) for name, room in self.rooms.items()}
        for event in self.do(self.house.expire_lost()):
            if isinstance(event, MemberLeft):
                self.count(self.rooms[event.room_id], (event,))
                lost[event.room_id].remove(event.user_id)
                del self.rooms[event.room_id].people[event.user_id]
        assert not any(lost.values())
        idle = {name for name, room in self.rooms.items() if room.is_idle(now_ms)}
        events = self.do(self.house.expire_idle())
        assert all(isinstance(event, RoomExpired) for event in events)
        assert sorted(event.room_id for event in events) == sorted(idle)
        for name in idle:
            del self.rooms[name]

    # --- always ---

    @invariant()
    def everybody_sees_the_same_members(self):
        for guest, room in self.attached():
            found = [
                (member.user_id, member.public_key.value if member.public_key else None)
                for member in self.do(guest.members())
            ]
            assert found == [(person.user_id, person.key) for person in room.people.values()]
            assert len(found) <= SMALL.capacity
            assert self.do(guest.rooms()) == {guest.room_id}

    @invariant()
    def the_books_are_true(self):
        summaries = self.do(self.house.rooms.summaries(None, 10))
        found = {s.room_id: (s.members, s.messages, s.locked, s.active_ms) for s in summaries}
        assert found == {
            name: (len(room.people), len(room.kept()), room.locked, room.active_ms)
            for name, room in self.rooms.items()
        }
        totals = self.do(self.house.rooms.totals())
        assert totals.members == sum(len(room.people) for room in self.rooms.values())
        assert totals.rooms == len(self.rooms)
        assert totals.held_bytes == sum(summary.held_bytes for summary in summaries)

    def teardown(self):
        try:
            self.clock.advance(ms=SMALL.idle_limit_ms)
            self.do(self.house.expire_lost())
            self.do(self.house.expire_idle())
            assert self.do(self.house.rooms.totals()) == RoomTotals(0, 0, 0)
        finally:
            self.do(self._opened.aclose())
            self._loop.close()


@pytest.mark.timeout(300)
def test_no_order_of_coming_going_and_crashing_breaks_sequence_members_or_places(backend, for_long):
    class ComingsThere(Comings):
        pass

    ComingsThere.backend = backend
    run_state_machine_as_test(
        ComingsThere,
        settings=settings(
            max_examples=max(4, 40 * for_long // backend.slowness),
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
        ),
    )
