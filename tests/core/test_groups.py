"""Random groups: rates of each user, sizes, who is gone, how long one is remembered, and marks."""

import random

import pytest
from msgspec import structs

from server.core import matching
from server.core.errors import Code
from server.core.events import (
    ConnectionLapsed,
    GroupEntered,
    LeaveReason,
    MemberJoined,
    MemberLeft,
    MembersChanged,
    MessageSent,
    RoomExpired,
    TypingChanged,
)
from server.core.expired import Expired
from server.core.groups import KEPT_MS, Visitor
from server.core.identity import User
from server.core.ids import ConnectionId, UserId
from server.core.kinds import RANDOM
from server.core.limits import Bounds, Rate, Rates
from server.core.opaque import Opaque
from server.stores.memory.groups import MemoryGroups
from tests.core.visitors import refused

NOTHING = Expired(rooms=0, members=0)
DAY_MS = 24 * 60 * 60_000


class Person:
    """A user with one connection, at an address."""

    def __init__(self, core, user_id, address="home", **user):
        self.groups = core.groups
        login = user.pop("login", user_id.title())
        user = {"expires_ms": None, **user}
        self.user = User(user_id=UserId(user_id), login=login, **user)
        self.visitor = Visitor(self.user, address, ConnectionId(f"connection of {user_id}"))

    @property
    def over_http(self):
        return structs.replace(self.visitor, connection_id=None)

    async def arrive(self):
        await self.groups.arrived(self.user, self.visitor.connection_id)

    async def join(self, public_key="a key", *, is_move=False):
        key = None if public_key is None else Opaque(public_key)
        return (await self.groups.join(self.visitor, key, is_move=is_move)).group

    async def vanish(self):
        connection_id = self.visitor.connection_id
        await self.groups.departed(self.user.user_id, connection_id, is_lost=True)

    async def room_id(self):
        return (await self.groups.current(self.user)).room_id

    async def say(self, ciphertext="hello", **how):
        how = {"to": None, "content_type": "text", "message_id": None, **how}
        return await self.groups.send(self.visitor, await self.room_id(), Opaque(ciphertext), **how)

    async def report(self, user_id, evidence=None):
        held = None if evidence is None else Opaque(evidence)
        room_id = await self.room_id()
        return await self.groups.report(self.visitor, room_id, UserId(user_id), "spam", held)


@pytest.fixture
def person(core):
    """Somebody who is connected and in no group: `await person("alice")`."""

    async def arriving(user_id, **how):
        one = Person(how.pop("at", core), user_id, **how)
        await one.arrive()
        return one

    return arriving


@pytest.fixture
async def alice(person):
    """In a group, alone at first."""
    one = await person("alice")
    await one.join()
    return one


@pytest.fixture
async def bob(person, alice):
    """In the group of alice."""
    one = await person("bob")
    assert len((await one.join()).members) == 2
    return one


# --- what is told ---


async def test_a_join_is_told_to_all_who_must_hear_of_it(core, alice, bob):
    assert [event.user_id for event in core.heard_of(MemberJoined)] == ["alice", "bob"]
    assert [event.epoch for event in core.heard_of(MembersChanged)] == [1, 2]


async def test_moving_on_leaves_the_old_group_and_is_told(core, alice, bob):
    before = await bob.room_id()

    group = await bob.join(None, is_move=True)

    assert group.room_id != before
    assert [event.room_id for event in core.heard_of(MemberLeft)] == [before]


async def test_a_connection_of_a_member_is_told_its_group(core, alice):
    await alice.groups.arrived(alice.user, ConnectionId("another tab"))

    (entered,) = core.heard_of(GroupEntered)
    assert entered.connection_id == "another tab"
    assert entered.group == await core.groups.current(alice.user)


async def test_leaving_is_told(core, alice, bob):
    room_id = await bob.room_id()

    await core.groups.leave(bob.visitor, room_id)

    (left,) = core.heard_of(MemberLeft)
    assert (left.user_id, left.reason) == ("bob", LeaveReason.LEFT)
    assert await core.groups.current(bob.user) is None


async def test_typing_is_told_under_ones_name_to_all_but_the_typist(core, alice):
    room_id = await alice.room_id()
    await core.groups.set_typing(alice.visitor, room_id, True)

    assert core.heard[-1] == TypingChanged(
        room_id=room_id,
        skip=alice.visitor.connection_id,
        user_id=alice.user.user_id,
        is_typing=True,
        name="Alice",
    )


async def test_a_message_is_told_once_however_often_it_is_sent(core, alice, bob):
    first = await alice.say(message_id="m-1")
    again = await alice.say(message_id="m-1")

    assert first == again
    assert core.heard_of(MessageSent) == [first]


async def test_a_message_without_an_id_gets_one(alice):
    first, second = await alice.say(), await alice.say()
    assert first.message_id != second.message_id


async def test_a_removal_is_told(core, alice, bob, clock):
    clock.advance(ms=matching.PRESENT_MS)

    assert (await alice.report("bob")).is_removed

    (left,) = core.heard_of(MemberLeft)
    assert (left.user_id, left.reason) == ("bob", LeaveReason.REMOVED)


# --- rates ---


async def test_a_user_joins_as_often_as_its_rate_allows_from_wherever(open_core, person, clock):
    core = open_core(rates=Rates(match=Rate(per_minute=60, burst=2)))
    alice, bob = await person("alice", at=core), await person("bob", at=core)
    elsewhere = Person(core, "alice", address="elsewhere")
    await alice.join()
    await elsewhere.join(is_move=True)

    error = await refused(elsewhere.join(is_move=True))
    assert (error.code, error.retry_after_ms) == (Code.RATE_LIMITED, 1_000)
    await bob.join()
    clock.advance(seconds=1)
    await alice.join(is_move=True)


async def test_an_address_joins_as_often_as_its_rate_allows_under_whatever_names(open_core, person):
    core = open_core(rates=Rates(join=Rate(per_minute=60, burst=2)))
    for name in ("alice", "bob"):
        await (await person(name, at=core)).join()

    carol = await person("carol", at=core)
    assert (await refused(carol.join())).code is Code.RATE_LIMITED
    await Person(core, "carol", address="elsewhere").join()


@pytest.mark.parametrize("what", ["send", "report", "lookup"])
async def test_messages_reports_and_lookups_have_a_rate_of_each_user(open_core, person, what):
    core = open_core(rates=Rates(**{what: Rate(per_minute=60, burst=2)}))
    alice, bob = await person("alice", at=core), await person("bob", at=core)
    await alice.join()
    await bob.join()

    async def do(one, other):
        if what == "send":
            await one.say()
        elif what == "report":
            await one.report(other.user.user_id)
        else:
            await core.groups.key_of(one.user, other.user.user_id)

    await do(alice, bob)
    await do(alice, bob)
    assert (await refused(do(alice, bob))).code is Code.RATE_LIMITED
    await do(bob, alice)


async def test_reports_have_a_rate_of_each_address(open_core, person):
    core = open_core(rates=Rates(address_report=Rate(per_minute=60, burst=2)))
    people = [await person(name, at=core) for name in ("alice", "bob", "carol")]
    for one in people:
        await one.join()
    await people[0].report("carol")
    await people[1].report("carol")

    assert (await refused(people[2].report("alice"))).code is Code.RATE_LIMITED


async def test_each_new_key_in_a_group_costs_as_much_as_some_moves(open_core, person):
    core = open_core(rates=Rates(match=Rate(per_minute=60, burst=10)))
    alice = await person("alice", at=core)
    await alice.join()
    for number in range(2):
        await core.groups.join(alice.visitor, Opaque(f"key {number}"), is_move=False)
    error = await refused(core.groups.join(alice.visitor, Opaque("a key"), is_move=False))

    assert error.code is Code.RATE_LIMITED


async def test_a_key_of_which_nothing_is_known_is_not_found(core, alice):
    error = await refused(core.groups.key_of(alice.user, UserId("nobody")))
    assert error.code is Code.NOT_FOUND
    assert (await core.groups.key_of(alice.user, UserId("alice"))).public_key.value == "a key"


# --- sizes ---


async def test_what_is_too_large_is_refused_at_the_byte(open_core, person):
    bounds = Bounds(public_key_bytes=10, ciphertext_bytes=20, evidence_bytes=30)
    core = open_core(bounds=bounds)
    alice, bob = await person("alice", at=core), await person("bob", at=core)

    assert (await refused(alice.join("k" * 11))).code is Code.PAYLOAD_TOO_LARGE
    assert await core.groups.current(alice.user) is None
    await alice.join("k" * 10)
    await bob.join("k" * 10)
    assert (await refused(alice.join("k" * 11, is_move=True))).code is Code.PAYLOAD_TOO_LARGE
    assert (await refused(alice.say("x" * 21))).code is Code.PAYLOAD_TOO_LARGE
    await alice.say("x" * 20)
    assert (await refused(alice.report("bob", "x" * 31))).code is Code.PAYLOAD_TOO_LARGE
    await alice.report("bob", "x" * 30)


def test_groups_have_any_size_from_three_places_to_ten():
    made = [matching.new_group(RANDOM.capacity, 0, random.Random(seed)) for seed in range(300)]
    assert {group.capacity for group in made} == set(range(3, 11))


def test_a_group_is_named_with_the_time_of_day_in_utc():
    half_past_ten_ms = (10 * 3600 + 30 * 60 + 45) * 1000
    made = [matching.new_group(10, half_past_ten_ms, random.Random(seed)) for seed in range(99)]
    assert {group.name for group in made} == {f"{name} - 10:30:45 AM" for name in matching.NAMES}
    afternoon_ms = (13 * 3600 + 5) * 1000
    assert matching.new_group(10, afternoon_ms, random.Random(1)).name.endswith(" - 1:00:05 PM")


def test_no_session_has_the_id_of_a_group():
    one = matching.new_group(10, 0, random.Random(1)).room_id
    assert ":" in one
    assert matching.room_id_of(matching.group_id_of(one)) == one
    assert ":" not in matching.group_id_of(one)


# --- who is gone ---


async def test_who_is_gone_leaves_when_the_grace_is_over(core, alice, bob, clock):
    await bob.vanish()
    clock.advance(ms=RANDOM.grace_ms - 1)
    assert await core.groups.expire() == NOTHING
    clock.advance(ms=1)

    assert await core.groups.expire() == Expired(rooms=0, members=1)
    (left,) = core.heard_of(MemberLeft)
    assert (left.user_id, left.reason) == ("bob", LeaveReason.LOST)


async def test_who_joined_over_http_has_a_minute_to_connect(core, clock):
    alice = Person(core, "alice")
    await core.groups.join(alice.over_http, Opaque("a key"), is_move=False)

    clock.advance(ms=matching.CONNECT_MS - 1)
    assert await core.groups.expire() == NOTHING
    clock.advance(ms=1)
    assert (await core.groups.expire()).members == 1


async def test_a_connection_whose_token_ran_out_hears_nothing_more_and_its_user_leaves(
    core, alice, bob
):
    room_id = await bob.room_id()

    await core.groups.lapsed(bob.user.user_id, bob.visitor.connection_id)

    assert core.heard[-1] == ConnectionLapsed(
        room_id=room_id, connection_id=bob.visitor.connection_id
    )
    assert (await core.groups.expire()).members == 1


async def test_one_tab_that_lapsed_takes_no_user_with_it(core, alice, clock):
    await core.groups.arrived(alice.user, ConnectionId("another tab"))
    await core.groups.lapsed(alice.user.user_id, alice.visitor.connection_id)
    clock.advance(minutes=1)

    assert await core.groups.expire() == NOTHING
    assert await core.groups.current(alice.user)


async def test_a_connection_of_somebody_in_no_group_lapses_quietly(core, person):
    alice = await person("alice")
    await core.groups.lapsed(alice.user.user_id, alice.visitor.connection_id)
    assert core.heard == []


class Moody(MemoryGroups):
    """A store that fails as long as it is in a mood, as one on another machine may."""

    in_mood = False

    async def lose(self, connection_id, now_ms, leave_at_ms):
        self._complain()
        return await super().lose(connection_id, now_ms, leave_at_ms)

    async def expire_idle(self, now_ms):
        self._complain()
        return await super().expire_idle(now_ms)

    def _complain(self):
        if self.in_mood:
            raise ConnectionError("not in the mood")


@pytest.fixture
async def moody(open_core, person):
    """A store, its core, and two in a group there."""
    store = Moody(RANDOM, Bounds())
    core = open_core(groups=store)
    alice, bob = await person("alice", at=core), await person("bob", at=core)
    await alice.join()
    await bob.join()
    return store, core, alice, bob


async def test_a_loss_that_the_store_failed_to_note_is_told_again_with_its_time(moody, clock):
    store, core, _, bob = moody
    store.in_mood = True
    with pytest.raises(ConnectionError):
        await bob.vanish()
    clock.advance(seconds=2)
    with pytest.raises(ConnectionError):
        await core.groups.expire()
    store.in_mood = False
    assert await core.groups.expire() == NOTHING

    clock.advance(seconds=1, ms=-1)
    assert await core.groups.expire() == NOTHING
    clock.advance(ms=1)
    assert await core.groups.expire() == Expired(rooms=0, members=1)
    assert [event.user_id for event in core.heard_of(MemberLeft)] == ["bob"]


async def test_a_loss_noted_late_leaves_alone_who_has_come_back_meanwhile(moody, clock):
    store, core, _, bob = moody
    store.in_mood = True
    with pytest.raises(ConnectionError):
        await bob.vanish()
    store.in_mood = False
    await core.groups.arrived(bob.user, ConnectionId("a new connection"))
    for _ in range(3):
        clock.advance(seconds=3)
        assert await core.groups.expire() == NOTHING

    assert await core.groups.current(bob.user)


async def test_who_left_is_told_although_the_round_fails_later(moody, clock):
    store, core, _, bob = moody
    await bob.vanish()
    clock.advance(ms=RANDOM.grace_ms)
    store.in_mood = True

    with pytest.raises(ConnectionError):
        await core.groups.expire()

    assert [event.user_id for event in core.heard_of(MemberLeft)] == ["bob"]


# --- expiry, and how long one is remembered ---


async def test_an_idle_group_ends_and_is_told(core, alice, clock):
    room_id = await alice.room_id()
    clock.advance(ms=RANDOM.idle_limit_ms)

    assert await core.groups.expire() == Expired(rooms=1, members=0)
    assert core.heard[-1] == RoomExpired(room_id=room_id, idle_limit_ms=RANDOM.idle_limit_ms)


async def be_gone(one, core):
    await core.groups.leave(one.visitor, await one.room_id())
    await one.vanish()


async def test_a_guest_is_forgotten_when_its_token_ends(core, person, clock):
    guest = await person("guest", expires_ms=clock.now_ms() + DAY_MS, is_guest=True)
    await guest.join()
    await be_gone(guest, core)

    clock.advance(ms=DAY_MS - 1)
    await core.groups.expire()
    assert (await core.groups.totals("here")).users == 1
    clock.advance(ms=1)
    await core.groups.expire()
    assert (await core.groups.totals("here")).users == 0


async def test_another_user_is_forgotten_after_30_days_whenever_its_token_ends(core, person, clock):
    user = await person("user", expires_ms=clock.now_ms() + 60_000)
    await user.join()
    await be_gone(user, core)

    clock.advance(ms=KEPT_MS - 1)
    await core.groups.expire()
    assert (await core.groups.totals("here")).users == 1
    clock.advance(ms=1)
    await core.groups.expire()
    assert (await core.groups.totals("here")).users == 0


async def test_one_who_is_in_no_group_blocks_and_unblocks(core, person, alice):
    bob = await person("bob")
    await core.groups.block(bob.user, UserId("alice"))
    assert len((await bob.join()).members) == 1
    await core.groups.unblock(bob.user, UserId("alice"))
    await core.groups.leave(bob.visitor, await bob.room_id())
    assert len((await bob.join()).members) == 2


async def test_a_report_is_kept_for_30_days(core, alice, bob, clock):
    await alice.report("bob", {"said": "…"})
    (report,) = await core.groups.reports(None, 10)
    assert (report.reporter, report.user_id, report.reason) == ("alice", "bob", "spam")

    clock.advance(ms=KEPT_MS - 1)
    await core.groups.expire()
    assert await core.groups.reports(None, 10) == (report,)
    clock.advance(ms=1)
    await core.groups.expire()
    assert await core.groups.reports(None, 10) == ()


# --- address marks ---


class OpenBooks(MemoryGroups):
    """A store of which everybody can see what it is given to keep."""

    def __init__(self):
        super().__init__(RANDOM, Bounds())
        self.marks = []

    async def report(self, report, address_mark, now_ms, expires_ms):
        self.marks.append(address_mark)
        return await super().report(report, address_mark, now_ms, expires_ms)


async def marks_of(core, books, *addresses):
    """What the store is given when a member reports another from each of these."""
    for address in addresses:
        one = Person(core, "alice", address=address)
        await one.join()
        await one.report("troll")
    return books.marks


async def test_the_store_is_given_no_address_but_a_mark_that_is_the_same_for_the_same_one(
    open_core, person
):
    books = OpenBooks()
    core = open_core(groups=books)
    await (await person("troll", at=core)).join()

    first, second, other = await marks_of(core, books, "192.0.2.1", "192.0.2.1", "192.0.2.2")

    assert first == second != other
    assert b"192.0.2.1" not in first
    assert len(first) == 32


async def test_marks_of_another_installation_are_others(open_core, person):
    marks = []
    for pepper in (b"one", b"two"):
        books = OpenBooks()
        core = open_core(groups=books, pepper=pepper)
        await (await person("troll", at=core)).join()
        marks += await marks_of(core, books, "192.0.2.1")

    assert marks[0] != marks[1]


async def test_members_at_one_address_remove_nobody(core, person, clock):
    troll = await person("troll")
    await troll.join()
    others = [await person(f"user-{number}", address="one house") for number in range(2)]
    for one in others:
        await one.join()
    clock.advance(ms=matching.PRESENT_MS)

    assert [(await one.report("troll")).is_removed for one in others] == [False, False]
    assert await core.groups.current(troll.user)
