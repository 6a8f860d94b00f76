"""Rooms: keys are never kept, guessing costs, tokens prove, and everybody hears of it."""

import hashlib

import pytest

from server.core.errors import AppError, Code
from server.core.events import (
    ConnectionAttached,
    ConnectionDetached,
    LeaveReason,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MembersChanged,
    RoomLocked,
)
from server.core.ids import RoomId
from server.core.kinds import SESSION
from server.core.limits import WRONG_KEY_COST, Bounds, Rate, Rates
from server.core.opaque import Opaque
from server.stores.memory.rooms import MemoryRooms
from tests.core.visitors import TEA_ROOM, refused

KEY = "the key of the tea room"


def code_of(error):
    return error.code


class OpenBooks(MemoryRooms):
    """A store of which everybody can see what it is given to keep."""

    def __init__(self):
        super().__init__(Bounds())
        self.given = []

    async def reserve(self, room_id, key_hash, policy, now_ms):
        self.given.append(key_hash)
        return await super().reserve(room_id, key_hash, policy, now_ms)

    async def join(self, entry, policy, now_ms):
        self.given += [entry.key_hash, entry.token_hash, entry.new_token_hash]
        return await super().join(entry, policy, now_ms)


@pytest.fixture
def books():
    return OpenBooks()


# --- keys ---


async def test_a_reserved_room_opens_to_its_key_and_no_other(core):
    await core.rooms.reserve("home", TEA_ROOM, KEY)

    assert code_of(await refused(core.visitor("alice").join("another key"))) is Code.INVALID_KEY
    assert code_of(await refused(core.visitor("alice").join())) is Code.INVALID_KEY
    assert (await core.visitor("alice").join(KEY)).joined.is_new


async def test_reserving_tells_whether_the_room_is_new_and_until_when_it_waits(core):
    first = await core.rooms.reserve("home", TEA_ROOM, KEY)
    again = await core.rooms.reserve("home", TEA_ROOM, KEY)

    assert (first.created, again.created) == (True, False)
    assert first.expires_ms == again.expires_ms == core.clock.now_ms() + SESSION.idle_limit_ms


async def test_an_empty_key_is_no_key(core):
    await core.rooms.reserve("home", TEA_ROOM, "")

    assert not (await core.rooms.reserve("home", TEA_ROOM, None)).created
    assert (await core.visitor("alice").join()).joined.is_new


async def test_the_store_never_learns_a_key_or_a_token(open_core, books):
    core = open_core(store=books)
    await core.rooms.reserve("home", TEA_ROOM, KEY)
    alice = core.visitor("alice")
    token = (await alice.join(KEY)).member_token
    await alice.elsewhere().join(KEY, member_token=token)

    given = [value for value in books.given if value is not None]

    assert all(len(value) == 32 for value in given)
    assert KEY.encode() not in given
    assert token.encode() not in given


async def test_who_steals_a_store_cannot_try_out_keys_without_the_pepper(open_core, books):
    await open_core(store=books, pepper=b"one").rooms.reserve("home", TEA_ROOM, KEY)
    elsewhere = open_core(store=books, pepper=b"two")

    assert code_of(await refused(elsewhere.visitor("alice").join(KEY))) is Code.INVALID_KEY
    guessable = {hashlib.sha256(text).digest() for text in (KEY.encode(), TEA_ROOM.encode())}
    assert not guessable & set(books.given)


async def test_the_same_key_looks_different_in_every_room(open_core, books):
    core = open_core(store=books)
    for room_id in ("one", "two"):
        await core.rooms.reserve("home", RoomId(room_id), KEY)
    for room_id, key in (("a", "bc"), ("ab", "c"), ("é", "x"), ("e", "x")):
        await core.rooms.reserve("home", RoomId(room_id), key)

    assert len(set(books.given)) == len(books.given)


async def test_the_same_pepper_knows_the_key_again_in_another_process(open_core, books):
    await open_core(store=books).rooms.reserve("home", TEA_ROOM, KEY)
    assert (await open_core(store=books).visitor("alice").join(KEY)).joined.is_new


# --- guessing ---

RATE = Rate(per_minute=60, burst=100)


@pytest.fixture
async def guarded(open_core):
    """A core with a reserved room, and a rate at which one may try to join or reserve."""
    core = open_core(rates=Rates(join=RATE, reserve=RATE))
    await core.rooms.reserve("host", TEA_ROOM, KEY)
    return core


async def tries_until_refused(core, address, attempt):
    """How many tries from an address are answered before one is refused unanswered."""
    for number in range(1_000):
        try:
            await attempt(core, address)
        except AppError as error:
            if error.code is Code.RATE_LIMITED:
                return number
    raise AssertionError("no end of it")


async def guess(core, address):
    await core.visitor("mallory", address=address).join("a guess")


async def enter(core, address):
    await core.visitor("mallory", address=address).join(KEY, member_token=None, public_key="k")


async def reserve_over(core, address):
    await core.rooms.reserve(address, TEA_ROOM, "a guess")


async def test_a_right_key_costs_one_try_of_many(guarded):
    assert await tries_until_refused(guarded, "home", enter) == RATE.burst


@pytest.mark.parametrize("attempt", [guess, reserve_over])
async def test_a_wrong_key_costs_many_tries(guarded, attempt):
    tries = await tries_until_refused(guarded, "home", attempt)
    assert tries == -(-RATE.burst // (1 + WRONG_KEY_COST))


async def test_whoever_guesses_is_not_heard_before_the_wait_is_over(guarded, clock):
    await tries_until_refused(guarded, "home", guess)
    wait_ms = (await refused(guess(guarded, "home"))).retry_after_ms
    assert wait_ms

    clock.advance(ms=wait_ms - 1)
    assert code_of(await refused(enter(guarded, "home"))) is Code.RATE_LIMITED
    clock.advance(ms=1)
    await enter(guarded, "home")


async def test_guessing_on_and_on_gets_few_guesses_a_minute(guarded, clock):
    await tries_until_refused(guarded, "home", guess)
    heard = 0
    for _ in range(600):
        clock.advance(ms=100)
        error = await refused(guess(guarded, "home"))
        heard += error.code is Code.INVALID_KEY

    assert heard <= RATE.per_minute / WRONG_KEY_COST + 1


async def test_one_address_pays_for_its_own_guesses_only(guarded):
    await tries_until_refused(guarded, "mallory's", guess)
    await enter(guarded, "home")


async def test_a_refusal_for_another_reason_costs_one_try(guarded):
    await guarded.visitor("alice").join(KEY)

    async def take_alices_id(core, address):
        await core.visitor("alice", address=address).join(KEY)

    assert await tries_until_refused(guarded, "elsewhere", take_alices_id) == RATE.burst


async def test_with_lifted_rates_any_number_of_guesses_is_answered(open_core):
    core = open_core(rates=Rates(None, None, None, None, None))
    await core.rooms.reserve("host", TEA_ROOM, KEY)
    for _ in range(500):
        assert code_of(await refused(guess(core, "home"))) is Code.INVALID_KEY
        assert code_of(await refused(reserve_over(core, "home"))) is Code.ROOM_EXISTS


async def test_too_many_reservations_are_refused_with_the_time_to_wait(open_core):
    core = open_core(rates=Rates(reserve=Rate(per_minute=60, burst=2)))
    for number in range(2):
        await core.rooms.reserve("home", RoomId(f"room-{number}"), None)

    error = await refused(core.rooms.reserve("home", RoomId("room-2"), None))

    assert (error.code, error.retry_after_ms) == (Code.RATE_LIMITED, 1_000)
    assert (await core.rooms.totals()).rooms == 2


# --- tokens ---


async def test_a_new_member_gets_a_token_that_proves_it_in_the_next_tab(alice):
    assert alice.member_token
    tab = alice.elsewhere()

    admission = await tab.join(member_token=alice.member_token)

    assert not admission.joined.is_new
    assert admission.joined.is_creator
    assert admission.member_token == alice.member_token


async def test_who_joins_by_public_key_alone_gets_no_token(core, alice):
    bob = core.visitor("bob")
    await bob.join(public_key="bob's key")

    admission = await bob.elsewhere().join(public_key="bob's key", member_token="a guess")

    assert not admission.joined.has_proved
    assert admission.member_token is None


async def test_every_member_has_a_token_of_its_own(alice, bob):
    assert bob.member_token
    assert alice.member_token != bob.member_token
    error = await refused(bob.elsewhere().join(member_token=alice.member_token))
    assert error.code is Code.USER_ID_TAKEN


async def test_an_unknown_token_is_not_handed_back_as_if_it_were_good(alice):
    admission = await alice.join(member_token="no token of this room")
    assert admission.member_token in (None, "")


async def test_who_shows_an_unknown_token_as_a_new_member_gets_a_good_one(core, alice):
    carol = core.visitor("carol")
    token = (await carol.join(member_token="of a former session")).member_token

    assert token != "of a former session"
    assert (await carol.elsewhere().join(member_token=token)).joined.has_proved


# --- what the others hear ---


async def test_a_join_is_told_to_all_processes(core, alice):
    assert [type(event) for event in core.heard] == [
        ConnectionAttached,
        MemberJoined,
        MembersChanged,
    ]


async def test_a_refused_join_is_told_to_nobody(core, alice, bob):
    core.heard.clear()
    await refused(bob.elsewhere().join())
    assert core.heard == []


async def test_a_saved_key_is_told_to_the_whole_room(core, alice, bob):
    core.heard.clear()

    members = await core.rooms.save_key(bob.actor, Opaque("bob's key"), "Robert")

    assert core.heard == [MembersChanged(room_id=TEA_ROOM, members=members)]
    assert members == await core.rooms.members(alice.actor)
    assert (members[1].name, members[1].public_key) == ("Robert", Opaque("bob's key"))


async def test_a_key_that_is_saved_again_is_told_to_nobody(core, alice, bob):
    await core.rooms.save_key(bob.actor, Opaque("bob's key"), None)
    core.heard.clear()

    members = await core.rooms.save_key(bob.actor, Opaque("bob's key"), "bob")

    assert members == await core.rooms.members(alice.actor)
    assert core.heard == []


async def test_a_leave_is_told_after_the_connection_was_detached(core, alice, bob):
    core.heard.clear()
    await bob.leave()
    assert [type(event) for event in core.heard] == [ConnectionDetached, MemberLeft, MembersChanged]


async def test_a_lock_is_told_to_the_others_with_its_time(core, alice, clock):
    core.heard.clear()
    clock.advance(seconds=1)

    await core.rooms.lock(alice.actor, True)
    await core.rooms.lock(alice.actor, False)

    assert core.heard == [
        RoomLocked(
            room_id=TEA_ROOM, skip=alice.connection_id, locked=locked, locked_ms=clock.now_ms()
        )
        for locked in (True, False)
    ]


async def test_a_removal_is_told_with_its_lock(core, alice, bob):
    core.heard.clear()

    await core.rooms.remove(alice.actor, bob.actor.user_id)

    assert [type(event) for event in core.heard] == [
        MemberRemoved,
        MemberLeft,
        MembersChanged,
        RoomLocked,
    ]
    (left,) = core.heard_of(MemberLeft)
    assert left.reason is LeaveReason.REMOVED


async def test_what_only_the_creator_may_do_is_told_to_nobody_when_another_tries(core, alice, bob):
    core.heard.clear()

    assert code_of(await refused(core.rooms.lock(bob.actor, True))) is Code.FORBIDDEN
    removing = core.rooms.remove(bob.actor, alice.actor.user_id)
    assert code_of(await refused(removing)) is Code.FORBIDDEN

    assert core.heard == []


async def test_who_says_goodbye_leaves_every_room_at_once(core, alice):
    coffee = core.visitor("alice", "coffee-room")
    coffee.connection_id = alice.connection_id
    await coffee.join(as_creator=True)
    core.heard.clear()

    await core.rooms.leave_all(alice.connection_id)

    left = core.heard_of(MemberLeft)
    assert {(event.room_id, event.reason) for event in left} == {
        (TEA_ROOM, LeaveReason.LEFT),
        ("coffee-room", LeaveReason.LEFT),
    }
    await core.rooms.leave_all(alice.connection_id)


# --- bounds ---


async def test_a_public_key_may_have_so_many_bytes_and_no_more(open_core):
    core = open_core(bounds=Bounds(public_key_bytes=10))
    alice, bob = core.visitor("alice"), core.visitor("bob")
    await alice.join(as_creator=True, public_key="x" * 10)

    assert code_of(await refused(bob.join(public_key="x" * 11))) is Code.PAYLOAD_TOO_LARGE
    saving = core.rooms.save_key(alice.actor, Opaque("ü" * 6), None)
    assert code_of(await refused(saving)) is Code.PAYLOAD_TOO_LARGE
    assert (await core.rooms.members(alice.actor))[0].public_key == Opaque("x" * 10)
