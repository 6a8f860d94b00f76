"""GroupStore: strangers who meet, part, crash and fall out in any order, beside a model."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
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
from msgspec import structs

from server.core.errors import AppError, Code
from server.core.events import (
    ConnectionAttached,
    ConnectionDetached,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MembersChanged,
    RoomEvent,
    RoomExpired,
)
from server.core.ids import ConnectionId
from server.core.limits import Bounds
from tests.clocks import ManualClock
from tests.stores.backends import Backend
from tests.stores.group_model import Soul, Words, World
from tests.stores.strangers import POLICY, Plaza, Stranger

T = TypeVar("T")

SMALL = structs.replace(POLICY, history_messages=3, idle_limit_ms=4 * 60_000)
KEPT_MS = 6 * 60_000
"""So long users are remembered here; no parting lasts as long."""

WORDS: dict[type, Callable[[Any], tuple[object, ...]]] = {
    ConnectionAttached: lambda e: ("attached", e.room_id, e.connection_id),
    ConnectionDetached: lambda e: ("detached", e.room_id, e.connection_id),
    MemberJoined: lambda e: ("joined", e.room_id, e.user_id, e.seq),
    MemberLeft: lambda e: ("left", e.room_id, e.user_id, e.reason.value, e.seq),
    MemberRemoved: lambda e: ("removed", e.room_id, e.user_id),
    MembersChanged: lambda e: (
        "changed",
        e.room_id,
        e.epoch,
        [(member.user_id, member.public_key.value) for member in e.members],
    ),
}


def in_words(events: tuple[RoomEvent, ...]) -> Words:
    found: Words = []
    for event in events:
        kind = ConnectionAttached if isinstance(event, ConnectionAttached) else type(event)
        found.append(WORDS[kind](event))
    return found


class Twins:
    """A store beside its model: whatever is done is done to both, and both must say the same."""

    def __init__(self, backend: Backend, bounds: Bounds) -> None:
        self._loop = asyncio.new_event_loop()
        self._opened = AsyncExitStack()
        groups = self.do(self._opened.enter_async_context(backend.groups(SMALL, bounds)))
        self.clock = ManualClock()
        self.plaza = Plaza(groups, SMALL, self.clock)
        self.world = World(SMALL, bounds, KEPT_MS)
        self.world.now_ms = self.clock.now_ms()
        self.told: dict[str, tuple[int, int]] = {}  # sequence and epoch of each group
        self.happened: Counter[object] = Counter()

    def hear(self, events: tuple[RoomEvent, ...]) -> Words:
        told = in_words(events)
        self.happened.update(words[3] if words[0] == "left" else words[0] for words in told)
        return told

    def close(self) -> None:
        self.do(self._opened.aclose())
        self._loop.close()

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

    def stranger(self, user_id: str, connection: str | None = None) -> Stranger:
        one = self.plaza.stranger(user_id)
        one.forget_ms = self.clock.now_ms() + KEPT_MS
        if connection:
            one.connection_id = ConnectionId(connection)
        return one

    def tab(self, user_id: str) -> tuple[Soul, Stranger]:
        """A user at the last of its connections, or at one of which the store knows nothing."""
        soul = self.world.souls.get(user_id) or Soul(user_id=user_id)
        return soul, self.stranger(user_id, soul.connections[-1] if soul.connections else None)

    # --- coming and going ---

    def connect(self, user_id: str) -> None:
        one, soul = self.stranger(user_id), self.world.seen(user_id)
        soul.connections.append(one.connection_id)
        soul.leave_ms = None
        circle = soul.circle
        expected = [("attached", circle.room_id, one.connection_id)] if circle else []
        assert self.hear(self.do(one.connect())) == expected

    def crash(self, user_id: str) -> None:
        _, one = self.tab(user_id)
        self.do(one.lose())
        self.world.lose(one.connection_id)

    def match(self, user_id: str, key: str | None, places: int, is_move: bool) -> None:
        soul, one = self.tab(user_id)
        refusal = self.world.match_refusal(soul, key, is_move)
        over_http = not soul.connections
        self.plaza.places = places
        matching = (one.move_on if is_move else one.join)(key, over_http=over_http)
        matched = self.attempt(matching, refusal)
        soul = self.world.seen(user_id)  # refused or not
        if matched is None:
            return
        before = soul.circle
        if before and not is_move:
            words = self.world.stay(soul, key, one.connection_id)
        else:
            fullest = self.world.fullest(soul)
            room_id = matched.group.room_id
            assert room_id in fullest if fullest else room_id not in self.told
            words = self.world.enter(soul, room_id, places, key)
        assert matched.is_new is (soul.circle is not before)
        assert self.hear(matched.events) == words
        assert soul.circle
        assert (matched.group.seq, matched.group.epoch) == (soul.circle.seq, soul.circle.epoch)

    def leave(self, user_id: str) -> None:
        soul, one = self.tab(user_id)
        events = self.attempt(one.leave(), None if soul.circle else Code.NOT_FOUND)
        if events is not None:
            assert self.hear(events) == self.world.leave(soul)

    # --- inside ---

    def say(self, user_id: str, to: str | None, earlier: int | None) -> None:
        soul, one = self.tab(user_id)
        known = self.world.known(soul.circle) if soul.circle else []
        message_id = f"m-{next(self.plaza.numbers)}"
        if known and earlier is not None:
            message_id = known[earlier % len(known)].message_id
        refusal = self.world.say_refusal(soul, message_id, to)
        appended = self.attempt(one.say(message_id, to=to, message_id=message_id), refusal)
        if appended is None:
            return
        seq = self.world.say(soul, message_id, to)
        assert appended.is_repeat is (seq is None)
        assert seq in (None, appended.event.seq)
        assert appended.event.sender == user_id

    def type(self, user_id: str) -> None:
        soul, one = self.tab(user_id)
        self.attempt(one.type(), None if soul.circle else Code.NOT_FOUND)
        if soul.circle:
            soul.circle.active_ms = self.clock.now_ms()

    # --- against abuse ---

    def block(self, user_id: str, other: str) -> None:
        soul, one = self.tab(user_id)
        refusal = self.world.block_refusal(soul, other)
        self.attempt(one.block(other), refusal)
        soul = self.world.seen(user_id)
        if refusal is None:
            soul.blocked.add(other)

    def unblock(self, user_id: str, other: str) -> None:
        soul, one = self.tab(user_id)
        self.do(one.unblock(other))
        soul.blocked.discard(other)

    def report(self, user_id: str, other: str, address: str) -> None:
        soul, one = self.tab(user_id)
        one.address = address
        reported = self.attempt(one.report(other), self.world.report_refusal(soul, other))
        if reported is not None:
            words = self.world.report(soul, other, address)
            assert self.hear(reported.events) == words
            assert reported.is_removed is bool(words)

    # --- time ---

    def wait(self, ms: int) -> None:
        self.clock.advance(ms=ms)
        self.world.now_ms = self.clock.now_ms()
        lost, told = self.world.lost(), self.hear(self.do(self.plaza.expire_lost()))
        expected: Words = []
        for _, _, user_id, *_ in [words for words in told if words[0] == "left"]:
            lost.remove(str(user_id))
            expected += self.world.go(self.world.souls[str(user_id)], "lost")
        assert told == expected
        assert not lost
        idle = self.do(self.plaza.expire_idle())
        assert all(isinstance(event, RoomExpired) for event in idle)
        assert sorted(event.room_id for event in idle) == sorted(self.world.expire_idle())

    # --- what must be so at any time ---

    def compare(self) -> None:
        """See that the store's groups are the model's, and sound."""
        members = [user_id for c in self.world.circles.values() for user_id in c.members]
        assert len(members) == len(set(members)), "somebody is in two groups"
        for circle in self.world.circles.values():
            assert len(circle.members) <= circle.places
            self.look_at(circle.room_id)
        totals = self.do(self.plaza.totals())
        assert totals.groups == len(self.world.circles)
        assert totals.members == len(members)
        assert totals.users == len(list(self.world.remembered()))

    def look_at(self, room_id: str) -> None:
        """See that each member finds the same group, and that no number has gone back."""
        circle = self.world.circles[room_id]
        for user_id in circle.members:
            one = self.stranger(user_id)
            group = self.do(one.group())
            assert (group.room_id, group.seq, group.epoch) == (room_id, circle.seq, circle.epoch)
            assert [m.user_id for m in group.members] == list(circle.members)
            seq, epoch = self.told.get(room_id, (0, 0))
            assert group.seq >= seq
            assert group.epoch >= epoch
            self.told[room_id] = (group.seq, group.epoch)
            page = self.do(one.read(limit=200))
            assert [m.message_id for m in page.messages] == self.world.kept(circle, user_id)

    def end(self) -> None:
        """Everybody goes, and nothing is left."""
        for soul in list(self.world.souls.values()):
            for _ in list(soul.connections):
                self.crash(soul.user_id)
        self.wait(SMALL.idle_limit_ms)
        self.wait(KEPT_MS)
        self.do(self.plaza.groups.expire_idle(self.clock.now_ms() + 40 * 24 * 60 * 60_000))
        totals = self.do(self.plaza.totals())
        assert (totals.groups, totals.members, totals.users, totals.held_bytes) == (0, 0, 0, 0)


PEOPLE = st.sampled_from(["alice", "bob", "carol", "dave", "erin", "frank"])
KEYS = st.sampled_from([None, "red", "red", "blue"])
WAITS_MS = (1, 2_999, 3_000, 59_999, 60_000, 119_999, 120_000)


class Meetings(RuleBasedStateMachine):
    """Everything that six strangers may do to each other in four small groups."""

    backend: ClassVar[Backend]

    def __init__(self) -> None:
        super().__init__()
        self.twins = Twins(self.backend, Bounds(groups=4, blocks_per_user=2))

    @initialize(places=st.integers(2, 4))
    def begin_with_three(self, places):
        for user in ("alice", "bob", "carol"):
            self.twins.connect(user)
            self.twins.match(user, "red", places, is_move=False)

    @rule(user=PEOPLE)
    def connect(self, user):
        self.twins.connect(user)

    @rule(user=PEOPLE)
    def crash(self, user):
        self.twins.crash(user)

    @rule(user=PEOPLE, key=KEYS, places=st.integers(2, 4))
    def join(self, user, key, places):
        self.twins.match(user, key, places, is_move=False)

    @rule(user=PEOPLE, key=KEYS, places=st.integers(2, 4))
    def move_on(self, user, key, places):
        self.twins.match(user, key, places, is_move=True)

    @rule(user=PEOPLE)
    def leave(self, user):
        self.twins.leave(user)

    @rule(user=PEOPLE, to=st.none() | PEOPLE, earlier=st.none() | st.integers(0, 5))
    def say(self, user, to, earlier):
        self.twins.say(user, to, earlier)

    @rule(user=PEOPLE)
    def type(self, user):
        self.twins.type(user)

    @rule(user=PEOPLE, other=PEOPLE)
    def block(self, user, other):
        self.twins.block(user, other)

    @rule(user=PEOPLE, other=PEOPLE)
    def unblock(self, user, other):
        self.twins.unblock(user, other)

    @rule(user=PEOPLE, other=PEOPLE, address=st.sampled_from(["home", "work", "cafe"]))
    def report(self, user, other, address):
        self.twins.report(user, other, address)

    @rule(ms=st.sampled_from(WAITS_MS))
    def wait(self, ms):
        self.twins.wait(ms)

    @invariant()
    def the_store_is_as_the_model(self):
        self.twins.compare()

    def teardown(self):
        try:
            self.twins.end()
        finally:
            self.twins.close()


@pytest.mark.timeout(300)
def test_no_order_of_meeting_parting_and_falling_out_breaks_a_rule_of_groups(backend, for_long):
    class MeetingsThere(Meetings):
        pass

    MeetingsThere.backend = backend
    run_state_machine_as_test(
        MeetingsThere,
        settings=settings(
            max_examples=max(4, 30 * for_long // backend.slowness),
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
        ),
    )


# --- a thousand of them ---

DEEDS = ["connect", "crash", "join", "join", "move_on", "leave", "say", "say", "fall_out", "wait"]


def quarrel(twins, chance, user, other):
    how = chance.choice(["block", "unblock", "report", "report"])
    if how == "report":
        twins.report(user, other, f"address of {user}")
    else:
        getattr(twins, how)(user, other)


def act(twins, chance, people):
    """Have somebody do something, mostly to somebody in the same group."""
    user, deed = chance.choice(people), chance.choice(DEEDS)
    soul = twins.world.souls.get(user)
    others = list(soul.circle.members) if soul and soul.circle else people
    other = chance.choice(others)
    if deed in ("join", "move_on"):
        key = chance.choice(["red", "blue", None] if soul and soul.key else ["red", "blue"])
        twins.match(user, key, chance.randint(3, 5), deed == "move_on")
    elif deed == "say":
        twins.say(user, chance.choice([None, None, other]), chance.choice([None, None, 1]))
    elif deed == "fall_out":
        quarrel(twins, chance, user, other)
    elif deed == "wait":
        twins.wait(chance.choice((1, 100, 5_000)))
    else:
        getattr(twins, deed)(user)


@pytest.mark.timeout(300)
def test_a_thousand_strangers_meet_and_part_at_random_and_every_rule_holds(backend, for_long):
    """In memory; over a wire some hundreds, and a thousand of them for long."""
    chance = random.Random(20_261_121)
    over_a_wire = 300 if backend.slowness < 10 else 100
    count = 1_000 if backend.slowness == 1 else min(1_000, over_a_wire * for_long)
    people = [f"user-{number}" for number in range(count)]
    twins = Twins(backend, Bounds(blocks_per_user=5))
    try:
        for user in people:
            twins.connect(user)
            twins.match(user, "red", chance.randint(3, 5), is_move=False)
        for _ in range(5):
            twins.compare()
            for _ in range(3_000 // backend.slowness):
                act(twins, chance, people)
        twins.compare()
        enough = 11 // backend.slowness
        assert min(twins.happened[what] for what in ("joined", "left", "lost", "removed")) >= enough
        twins.end()
    finally:
        twins.close()
