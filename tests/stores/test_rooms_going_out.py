"""RoomStore: leaving, losing the connection, and the grace of who was lost."""

import asyncio

from msgspec import structs

from server.core.errors import Code
from server.core.events import ConnectionDetached, LeaveReason, MemberLeft, MembersChanged
from tests.stores.guests import POLICY, TEA_ROOM, of_kind, refusal, user_ids

# --- leaving ---


async def test_with_its_last_connection_a_member_leaves_and_hears_nothing_of_it(alice, bob, clock):
    events = await bob.leave()

    assert events == (
        ConnectionDetached(room_id=TEA_ROOM, connection_id=bob.connection_id),
        MemberLeft(
            room_id=TEA_ROOM,
            seq=3,
            user_id=bob.user_id,
            reason=LeaveReason.LEFT,
            left_ms=clock.now_ms(),
        ),
        MembersChanged(room_id=TEA_ROOM, members=await alice.members()),
    )
    assert user_ids(await alice.members()) == ["alice"]
    assert await bob.rooms() == set()


async def test_a_member_stays_while_another_of_its_tabs_does(alice, bob):
    tab = bob.elsewhere()
    await tab.join(token=bob.token)

    assert await bob.leave() == (
        ConnectionDetached(room_id=TEA_ROOM, connection_id=bob.connection_id),
    )
    assert await refusal(bob.say()) is Code.NOT_A_MEMBER
    assert (await tab.say()).event.seq == 3
    assert user_ids(await alice.members()) == ["alice", "bob"]
    assert len(of_kind(MemberLeft, await tab.leave())) == 1
    assert user_ids(await alice.members()) == ["alice"]


async def test_tabs_that_leave_at_once_end_the_membership_once(alice, bob):
    tab = bob.elsewhere()
    await tab.join(token=bob.token)

    events = await asyncio.gather(bob.leave(), tab.leave())

    assert len(of_kind(MemberLeft, (*events[0], *events[1]))) == 1


async def test_leaving_one_room_leaves_no_other(house, alice):
    coffee = house.guest("alice", "coffee-room")
    coffee.connection_id = alice.connection_id
    await coffee.join(as_creator=True)

    await alice.leave()

    assert await alice.rooms() == {"coffee-room"}
    assert user_ids(await coffee.members()) == ["alice"]


async def test_a_room_outlives_its_last_member(house, alice, carol):
    await alice.say("still here")
    await alice.leave()

    joined = await carol.join()

    assert not joined.room_created
    assert joined.seq == 4
    assert len(joined.messages) == 1


# --- losing ---


async def test_a_lost_member_leaves_when_its_grace_is_over_and_not_before(house, alice, bob, clock):
    await bob.lose()

    clock.advance(ms=POLICY.grace_ms - 1)
    assert await house.expire_lost() == ()
    assert user_ids(await alice.members()) == ["alice", "bob"]
    clock.advance(ms=1)
    assert await house.expire_lost() == (
        MemberLeft(
            room_id=TEA_ROOM,
            seq=3,
            user_id=bob.user_id,
            reason=LeaveReason.LOST,
            left_ms=clock.now_ms(),
        ),
        MembersChanged(room_id=TEA_ROOM, members=await alice.members()),
    )
    assert user_ids(await alice.members()) == ["alice"]
    assert await house.expire_lost() == ()


async def test_without_grace_a_lost_member_leaves_at_the_next_round(open_house):
    house = await open_house(structs.replace(POLICY, grace_ms=0))
    alice, bob = await house.with_members("alice", "bob")
    await bob.lose()

    assert len(of_kind(MemberLeft, await house.expire_lost())) == 1
    assert user_ids(await alice.members()) == ["alice"]


async def test_a_member_with_another_live_tab_is_not_lost(house, alice, bob, clock):
    tab = bob.elsewhere()
    await tab.join(token=bob.token)
    await bob.lose()
    clock.advance(minutes=1)

    assert await house.expire_lost() == ()
    assert await refusal(bob.elsewhere().join()) is Code.USER_ID_TAKEN


async def test_the_grace_counts_from_the_loss_of_the_last_tab(house, alice, bob, clock):
    tab = bob.elsewhere()
    await tab.join(token=bob.token)
    await bob.lose()
    clock.advance(ms=2_000)
    await tab.lose()

    clock.advance(ms=POLICY.grace_ms - 1)
    assert await house.expire_lost() == ()
    clock.advance(ms=1)
    assert len(of_kind(MemberLeft, await house.expire_lost())) == 1


async def test_who_came_back_and_is_lost_again_has_its_whole_grace_again(house, alice, bob, clock):
    await bob.lose()
    clock.advance(ms=2_000)
    tab = bob.elsewhere()
    await tab.join(token=bob.token)
    await tab.lose()

    clock.advance(ms=POLICY.grace_ms - 1)
    assert await house.expire_lost() == ()
    clock.advance(ms=1)
    assert len(of_kind(MemberLeft, await house.expire_lost())) == 1


async def test_a_tab_that_leaves_while_the_other_is_lost_ends_the_membership(
    house, alice, bob, clock
):
    tab = bob.elsewhere()
    await tab.join(token=bob.token)
    await tab.lose()

    (left,) = of_kind(MemberLeft, await bob.leave())
    clock.advance(minutes=1)

    assert left.reason is LeaveReason.LEFT
    assert await house.expire_lost() == ()


async def test_a_lost_connection_is_lost_in_all_its_rooms(house, alice, clock):
    coffee = house.guest("alice", "coffee-room")
    coffee.connection_id = alice.connection_id
    await coffee.join(as_creator=True)

    await alice.lose()
    clock.advance(ms=POLICY.grace_ms)
    left = of_kind(MemberLeft, await house.expire_lost())

    assert {event.room_id for event in left} == {TEA_ROOM, "coffee-room"}
    assert await alice.rooms() == set()
    assert (await house.rooms.totals()).members == 0


async def test_losing_a_connection_that_is_nowhere_is_no_error(house, alice, carol, clock):
    await carol.lose()
    await alice.lose()
    await alice.lose()
    clock.advance(ms=POLICY.grace_ms)
    assert len(of_kind(MemberLeft, await house.expire_lost())) == 1


async def test_several_lost_members_leave_in_one_sequence(house, alice, bob, carol, clock):
    await carol.join()
    await carol.lose()
    await bob.lose()
    clock.advance(ms=POLICY.grace_ms)

    left = of_kind(MemberLeft, await house.expire_lost())

    assert [event.seq for event in left] == [4, 5]
    assert {event.user_id for event in left} == {"bob", "carol"}
    assert (await alice.say()).event.seq == 6


async def test_a_room_made_anew_is_not_left_by_the_lost_of_the_former_one(open_house, clock):
    house = await open_house(structs.replace(POLICY, idle_limit_ms=1_000))
    (alice,) = await house.with_members("alice")
    await alice.lose()
    clock.advance(ms=1_000)
    await house.expire_idle()
    again = alice.elsewhere()
    await again.join(as_creator=True)
    clock.advance(ms=POLICY.grace_ms)

    assert await house.expire_lost() == ()
    assert user_ids(await again.members()) == ["alice"]


async def test_every_room_has_the_grace_of_its_own_policy(house, alice, clock):
    hasty = structs.replace(POLICY, grace_ms=1_000)
    house.policy = hasty
    (dave,) = await house.with_members("dave", room_id="hasty-room")
    await alice.lose()
    await dave.lose()

    clock.advance(ms=1_000)
    left = of_kind(MemberLeft, await house.expire_lost())
    clock.advance(ms=2_000)
    left_later = of_kind(MemberLeft, await house.expire_lost())

    assert [event.user_id for event in left] == ["dave"]
    assert [event.user_id for event in left_later] == ["alice"]
