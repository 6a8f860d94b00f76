"""RoomStore: reserving a room, and who may come into it."""

import asyncio

import pytest
from msgspec import structs

from server.core.errors import Code
from server.core.events import ConnectionAttached, Member, MemberJoined, MembersChanged
from server.core.ids import NumericUserId
from server.core.ports import RoomTotals
from tests.stores.guests import POLICY, TEA_ROOM, of_kind, refusal, user_ids

KEY, OTHER_KEY = b"k" * 32, b"o" * 32

# --- reserving ---


async def test_a_reservation_says_when_it_ends(house, clock):
    reservation = await house.reserve(key_hash=KEY)

    assert reservation.created
    assert reservation.expires_ms == clock.now_ms() + POLICY.idle_limit_ms


async def test_reserving_again_with_the_same_key_finds_the_room_and_prolongs_nothing(house, clock):
    first = await house.reserve(key_hash=KEY)
    clock.advance(minutes=10)

    again = await house.reserve(key_hash=KEY)

    assert not again.created
    assert again.expires_ms == first.expires_ms
    assert await house.room_ids() == [TEA_ROOM]


@pytest.mark.parametrize(
    ("first", "second"), [(KEY, OTHER_KEY), (KEY, None), (None, KEY)], ids=["other", "no", "a"]
)
async def test_reserving_with_another_key_is_refused_and_the_first_key_stays(house, first, second):
    await house.reserve(key_hash=first)

    assert await refusal(house.reserve(key_hash=second)) is Code.ROOM_EXISTS
    assert not (await house.reserve(key_hash=first)).created


async def test_reserving_a_room_that_members_keep_alive_tells_its_present_end(house, alice, clock):
    clock.advance(minutes=10)
    await alice.say()

    reservation = await house.reserve()

    assert not reservation.created
    assert reservation.expires_ms == clock.now_ms() + POLICY.idle_limit_ms


async def test_a_reservation_beyond_the_bound_on_rooms_is_refused_until_one_ends(open_house, clock):
    house = await open_house(rooms=2)
    await house.reserve("first")
    clock.advance(minutes=1)
    await house.reserve("second")

    assert await refusal(house.reserve("third")) is Code.SERVER_FULL
    assert not (await house.reserve("first")).created
    clock.advance(minutes=29)
    await house.expire_idle()
    assert (await house.reserve("third")).created


async def test_of_simultaneous_reservations_one_makes_the_room(house):
    made = await asyncio.gather(*(house.reserve(key_hash=KEY) for _ in range(5)))
    assert sorted(reservation.created for reservation in made) == [False] * 4 + [True]


# --- joining ---


async def test_nobody_joins_a_room_that_nobody_made(house, carol):
    assert await refusal(carol.join()) is Code.ROOM_NOT_FOUND
    assert await house.room_ids() == []


async def test_a_creator_makes_the_room_by_joining_it(house, carol, clock):
    joined = await carol.join(as_creator=True, name="Carol", public_key="carol's key")

    assert joined.room_created
    assert joined.is_new
    assert joined.has_proved
    assert joined.is_creator
    assert not joined.locked
    assert not joined.truncated
    (member,) = joined.members
    assert (member.user_id, member.name, member.joined_ms) == ("carol", "Carol", clock.now_ms())
    assert member.public_key.value == "carol's key"
    assert joined.messages == ()
    assert joined.seq == 1


async def test_a_room_made_by_a_creator_keeps_the_creators_key(house, carol):
    await carol.join(as_creator=True, key_hash=KEY)

    assert await refusal(house.guest("dave").join(key_hash=OTHER_KEY)) is Code.INVALID_KEY
    assert await refusal(house.guest("dave").join(as_creator=True)) is Code.INVALID_KEY
    assert not (await house.guest("dave").join(key_hash=KEY)).room_created


@pytest.mark.parametrize("shown", [OTHER_KEY, None], ids=["other", "none"])
async def test_a_reserved_room_is_closed_to_a_wrong_key(house, carol, shown):
    await house.reserve(key_hash=KEY)

    assert await refusal(carol.join(key_hash=shown)) is Code.INVALID_KEY
    assert not (await carol.join(key_hash=KEY)).room_created


@pytest.mark.parametrize("shown", [KEY, None], ids=["some", "none"])
async def test_a_room_without_a_key_is_open_to_any_key_and_none(house, carol, shown):
    await house.reserve()
    assert user_ids((await carol.join(key_hash=shown)).members) == ["carol"]


async def test_everyone_present_is_listed_in_order_of_joining(house):
    guests = await house.with_members("zoe", "adam", "mia")

    assert [user_ids(await guest.members()) for guest in guests] == [["zoe", "adam", "mia"]] * 3


async def test_a_member_without_a_name_is_called_by_its_user_id(alice):
    (member,) = await alice.members()
    assert (member.user_id, member.name) == ("alice", "alice")


async def test_the_others_hear_of_a_joiner_and_hubs_of_the_connection(alice, carol, clock):
    joined = await carol.join(name="Carol", public_key="carol's key")

    assert of_kind(ConnectionAttached, joined.events) == [
        ConnectionAttached(
            room_id=TEA_ROOM, user_id=carol.user_id, connection_id=carol.connection_id
        )
    ]
    assert of_kind(MemberJoined, joined.events) == [
        MemberJoined(
            room_id=TEA_ROOM,
            skip=carol.connection_id,
            seq=2,
            user_id=carol.user_id,
            name="Carol",
            joined_ms=clock.now_ms(),
        )
    ]
    assert joined.events[-1] == MembersChanged(
        room_id=TEA_ROOM, skip=carol.connection_id, members=await alice.members()
    )


async def test_the_same_connection_joins_again_as_the_same_member_unnoticed(alice, bob):
    before = await alice.members()

    again = await bob.join(name=None, public_key="bob's key")

    assert not again.is_new
    assert again.has_proved
    assert again.members == before
    assert again.seq == 2
    assert [type(event) for event in again.events] == [ConnectionAttached]


async def test_a_connection_cannot_become_somebody_else_without_leaving(alice, bob):
    double = bob.elsewhere("carol")
    double.connection_id = bob.connection_id

    assert await refusal(double.join()) is Code.FORBIDDEN
    assert await refusal(double.join(token=alice.token)) is Code.FORBIDDEN
    assert user_ids(await alice.members()) == ["alice", "bob"]
    await bob.leave()
    assert user_ids((await double.join()).members) == ["alice", "carol"]


async def test_a_number_and_its_text_are_one_user_shown_as_that_user_joined(house, alice):
    seven = house.guest(NumericUserId("7"))
    await seven.join()

    assert await refusal(house.guest("7").join()) is Code.USER_ID_TAKEN
    tab = seven.elsewhere("7")
    members: tuple[Member, ...] = (await tab.join(token=seven.token)).members
    assert user_ids(members) == ["alice", "7"]
    assert isinstance(members[1].user_id, NumericUserId)
    assert not isinstance(members[0].user_id, NumericUserId)


async def test_rooms_know_nothing_of_each_other(house, alice):
    elsewhere = house.guest("alice", "coffee-room")

    joined = await elsewhere.join(as_creator=True)

    assert joined.is_new
    assert joined.is_creator
    assert joined.seq == 1
    assert user_ids(joined.members) == ["alice"]
    assert await elsewhere.rooms() == {"coffee-room"}


# --- creators ---


async def test_whoever_first_asks_to_be_the_creator_of_a_reserved_room_is(house):
    await house.reserve()
    first, second, third = (house.guest(user_id) for user_id in ("first", "second", "third"))

    assert not (await first.join()).is_creator
    assert (await second.join(as_creator=True)).is_creator
    assert not (await third.join(as_creator=True)).is_creator
    assert not (await first.join(as_creator=True)).is_creator


async def test_the_creator_is_still_the_creator_when_it_joins_again(alice):
    assert (await alice.join()).is_creator


# --- bounds ---


async def test_a_full_room_admits_nobody_until_a_member_leaves(open_house):
    house = await open_house(structs.replace(POLICY, capacity=2))
    _, bob = await house.with_members("alice", "bob")
    carol = house.guest("carol")

    assert await refusal(carol.join()) is Code.ROOM_FULL
    await bob.leave()
    assert user_ids((await carol.join()).members) == ["alice", "carol"]


async def test_the_last_free_place_goes_to_one_of_many_simultaneous_joins(open_house):
    house = await open_house(structs.replace(POLICY, capacity=2))
    (alice,) = await house.with_members("alice")
    rush = [house.guest(f"guest-{number}") for number in range(8)]

    refusals = await asyncio.gather(*(refusal(guest.join()) for guest in rush))

    assert sorted(refusals, key=str) == [Code.ROOM_FULL] * 7 + [None]
    assert len(await alice.members()) == 2


async def test_a_full_room_still_lets_its_members_open_tabs_and_come_back(open_house):
    house = await open_house(structs.replace(POLICY, capacity=2))
    alice, bob = await house.with_members("alice", "bob")

    assert not (await alice.elsewhere().join(token=alice.token)).is_new
    await bob.lose()
    assert not (await bob.elsewhere().join(token=bob.token)).is_new


async def test_a_lost_member_keeps_its_place_until_its_grace_is_over(open_house, clock):
    house = await open_house(structs.replace(POLICY, capacity=2))
    _, bob = await house.with_members("alice", "bob")
    await bob.lose()
    carol = house.guest("carol")

    assert await refusal(carol.join()) is Code.ROOM_FULL
    clock.advance(ms=POLICY.grace_ms)
    await house.expire_lost()
    assert user_ids((await carol.join()).members) == ["alice", "carol"]


async def test_whoever_takes_over_a_lost_members_id_needs_no_further_place(open_house):
    house = await open_house(structs.replace(POLICY, capacity=2))
    alice, bob = await house.with_members("alice", "bob")
    await bob.lose()

    assert (await bob.elsewhere().join()).is_new
    assert user_ids(await alice.members()) == ["alice", "bob"]


async def test_a_member_proved_under_another_id_frees_its_old_place_in_a_full_room(open_house):
    house = await open_house(structs.replace(POLICY, capacity=2))
    alice, bob = await house.with_members("alice", "bob")
    await bob.lose()

    await bob.elsewhere("robert").join(token=bob.token)

    assert user_ids(await alice.members()) == ["alice", "robert"]


async def test_one_connection_is_in_so_many_rooms_and_no_more(open_house):
    house = await open_house(rooms_per_connection=2)
    for room_id in ("one", "two", "three"):
        await house.reserve(room_id)
    tabs = [house.guest("alice", room_id) for room_id in ("one", "two", "three")]
    for tab in tabs:
        tab.connection_id = tabs[0].connection_id
    one, two, three = tabs
    await one.join()
    await two.join()

    assert await refusal(three.join()) is Code.TOO_MANY_ROOMS
    assert await refusal(one.join()) is None
    assert await one.rooms() == {"one", "two"}
    await two.leave()
    assert await refusal(three.join()) is None
    assert await one.rooms() == {"one", "three"}


async def test_no_room_is_made_for_a_creator_who_is_in_too_many(open_house):
    house = await open_house(rooms_per_connection=1)
    (one,) = await house.with_members("alice", room_id="one")
    two = house.guest("alice", "two")
    two.connection_id = one.connection_id

    assert await refusal(two.join(as_creator=True)) is Code.TOO_MANY_ROOMS
    assert await house.room_ids() == ["one"]


async def test_a_creator_beyond_the_bound_on_rooms_is_refused_and_others_join_on(open_house):
    house = await open_house(rooms=1)
    await house.reserve("one")

    assert await refusal(house.guest("alice", "two").join(as_creator=True)) is Code.SERVER_FULL
    assert (await house.guest("alice", "one").join(as_creator=True)).is_new


async def test_a_public_key_for_which_there_is_no_space_is_refused_and_makes_no_room(open_house):
    house = await open_house(total_bytes=100)

    joining = house.guest("alice").join(as_creator=True, public_key="k" * 101)

    assert await refusal(joining) is Code.SERVER_FULL
    assert await house.rooms.totals() == RoomTotals(0, 0, 0)


@pytest.mark.parametrize("reason", [Code.ROOM_FULL, Code.USER_ID_TAKEN, Code.INVALID_KEY])
async def test_a_refused_join_leaves_no_trace(open_house, clock, reason):
    house = await open_house(structs.replace(POLICY, capacity=1))
    alice = house.guest("alice")
    await alice.join(as_creator=True, key_hash=KEY)
    before = await house.rooms.totals(), await house.rooms.summaries(None, 10)
    clock.advance(minutes=1)
    intruder = house.guest("alice" if reason is Code.USER_ID_TAKEN else "bob")
    shown = OTHER_KEY if reason is Code.INVALID_KEY else KEY

    refused_for = await refusal(intruder.join(key_hash=shown, public_key="k" * 99, name="n"))

    assert refused_for is reason
    assert (await house.rooms.totals(), await house.rooms.summaries(None, 10)) == before
    assert await intruder.rooms() == set()
    assert await refusal(intruder.members()) is Code.NOT_A_MEMBER
    assert (await alice.say()).event.seq == 2


async def test_the_rooms_of_a_connection_are_those_it_is_attached_to(house, alice, carol):
    assert await alice.rooms() == {TEA_ROOM}
    assert await carol.rooms() == set()
