"""RoomStore: what the creator may do, and what it means for the others."""

import pytest

from server.core.errors import Code
from server.core.events import (
    LeaveReason,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MembersChanged,
    RoomLocked,
)
from tests.stores.guests import TEA_ROOM, of_kind, refusal, texts, user_ids

# --- locking ---


async def test_a_locked_room_admits_no_newcomer_until_it_is_unlocked(alice, carol):
    await alice.lock()

    assert await refusal(carol.join()) is Code.ROOM_LOCKED
    assert await refusal(carol.join(as_creator=True, public_key="carol's key")) is Code.ROOM_LOCKED
    await alice.lock(False)
    joined = await carol.join()
    assert joined.is_new
    assert not joined.locked


async def test_members_of_a_locked_room_open_tabs_and_come_back(alice, bob):
    await alice.lock()

    assert (await bob.elsewhere().join(token=bob.token)).locked
    assert await refusal(bob.join()) is None
    await bob.lose()
    assert not (await bob.elsewhere().join(token=bob.token)).is_new


@pytest.mark.parametrize("user_id", ["bob", "robert"])
async def test_a_former_member_comes_back_into_a_locked_room_by_its_token(alice, bob, user_id):
    await bob.leave()
    await alice.lock()

    assert await refusal(bob.elsewhere(user_id).join()) is Code.ROOM_LOCKED
    assert not (await bob.elsewhere(user_id).join(token=bob.token)).is_new


async def test_nobody_takes_over_a_lost_members_id_in_a_locked_room(alice, bob):
    await bob.lose()
    await alice.lock()

    assert await refusal(bob.elsewhere().join()) is Code.ROOM_LOCKED
    assert await refusal(bob.elsewhere().join(token=b"t" * 32)) is Code.ROOM_LOCKED
    assert user_ids(await alice.members()) == ["alice", "bob"]


@pytest.mark.parametrize("is_lost", [False, True], ids=["live", "lost"])
async def test_nobody_comes_into_a_locked_room_by_a_members_key_alone(alice, bob, is_lost):
    await alice.lock()
    if is_lost:
        await bob.lose()

    assert await refusal(bob.elsewhere().join(public_key="bob's key")) is Code.ROOM_LOCKED
    await alice.lock(False)
    assert not (await bob.elsewhere().join(public_key="bob's key")).is_new


async def test_who_is_locked_out_does_not_learn_who_is_there(alice, bob):
    await alice.lock()
    assert await refusal(bob.elsewhere().join()) is Code.ROOM_LOCKED
    assert await refusal(bob.elsewhere("nobody").join()) is Code.ROOM_LOCKED


async def test_who_was_removed_does_not_come_back_as_another_member(alice, bob, carol):
    await carol.join(public_key="carol's key")
    await alice.remove("bob")

    for key in ("alice's key", "bob's key", "carol's key", None):
        for user_id in ("alice", "bob", "carol", "dave"):
            returning = bob.elsewhere(user_id).join(token=bob.token, public_key=key)
            assert await refusal(returning) is Code.ROOM_LOCKED


async def test_only_the_creator_locks_and_unlocks(house, alice, bob):
    assert await refusal(bob.lock()) is Code.FORBIDDEN
    await alice.lock()
    assert await refusal(bob.lock(False)) is Code.FORBIDDEN
    (summary,) = await house.rooms.summaries(None, 1)
    assert summary.locked


async def test_locking_twice_and_unlocking_an_open_room_are_no_error(alice, carol):
    await alice.lock(False)
    await alice.lock()
    await alice.lock()
    assert await refusal(carol.join()) is Code.ROOM_LOCKED


async def test_a_lock_outlives_its_creator_who_alone_can_lift_it(alice, bob, carol):
    await alice.lock()
    await alice.leave()

    assert await refusal(carol.join(as_creator=True)) is Code.ROOM_LOCKED
    returned = alice.elsewhere()
    await returned.join(token=alice.token)
    await returned.lock(False)
    assert await refusal(carol.join()) is None


# --- removing ---


async def test_a_removed_member_is_out_with_all_its_tabs(alice, bob):
    tab = bob.elsewhere()
    await tab.join(token=bob.token)

    await alice.remove("bob")

    assert user_ids(await alice.members()) == ["alice"]
    assert await bob.rooms() == await tab.rooms() == set()
    assert await refusal(bob.say()) is Code.NOT_A_MEMBER
    assert await refusal(tab.members()) is Code.NOT_A_MEMBER


async def test_the_removed_one_hears_it_first_and_the_others_why_somebody_left(alice, bob, clock):
    events = await alice.remove("bob")

    removed, left, changed, locked = events
    assert removed == MemberRemoved(room_id=TEA_ROOM, user_id=bob.user_id)
    assert left == MemberLeft(
        room_id=TEA_ROOM,
        seq=3,
        user_id=bob.user_id,
        reason=LeaveReason.REMOVED,
        left_ms=clock.now_ms(),
    )
    assert changed == MembersChanged(room_id=TEA_ROOM, members=await alice.members())
    assert locked == RoomLocked(room_id=TEA_ROOM, locked=True, locked_ms=clock.now_ms())


async def test_a_removal_locks_the_room_and_voids_the_removed_ones_token(alice, bob):
    await alice.say("psst", to="bob", is_broadcast=False)
    await alice.remove("bob")

    assert await refusal(bob.elsewhere().join()) is Code.ROOM_LOCKED
    assert await refusal(bob.elsewhere().join(token=bob.token)) is Code.ROOM_LOCKED
    assert await refusal(bob.elsewhere("robert").join(token=bob.token)) is Code.ROOM_LOCKED
    await alice.lock(False)
    joined = await bob.elsewhere().join(token=bob.token)
    assert joined.is_new
    assert texts(joined) == []


async def test_a_removal_voids_nobody_elses_token(alice, bob, carol):
    await carol.join()
    await alice.remove("bob")

    assert (await carol.elsewhere().join(token=carol.token)).has_proved
    assert (await alice.elsewhere().join(token=alice.token)).is_creator


async def test_a_lost_member_can_be_removed_and_does_not_leave_twice(house, alice, bob, clock):
    await bob.lose()

    (left,) = of_kind(MemberLeft, await alice.remove("bob"))
    clock.advance(minutes=1)

    assert left.reason is LeaveReason.REMOVED
    assert await house.expire_lost() == ()
    assert user_ids(await alice.members()) == ["alice"]


async def test_a_removed_connection_may_join_again_once_the_room_is_unlocked(alice, bob):
    await alice.remove("bob")
    await alice.lock(False)

    joined = await bob.join()

    assert joined.is_new
    assert [event.seq for event in of_kind(MemberJoined, joined.events)] == [4]


async def test_only_the_creator_removes_and_only_others(alice, bob):
    assert await refusal(bob.remove("alice")) is Code.FORBIDDEN
    assert await refusal(bob.remove("bob")) is Code.FORBIDDEN
    assert await refusal(alice.remove("alice")) is Code.FORBIDDEN
    assert user_ids(await alice.members()) == ["alice", "bob"]


async def test_a_refused_removal_locks_nothing(alice, bob, carol):
    assert await refusal(alice.remove("nobody")) is Code.RECIPIENT_NOT_FOUND
    assert await refusal(alice.remove("alice")) is Code.FORBIDDEN
    assert await refusal(bob.remove("alice")) is Code.FORBIDDEN
    assert not (await carol.join()).locked


async def test_who_may_not_remove_does_not_learn_who_is_there(alice, bob):
    assert await refusal(bob.remove("nobody")) is Code.FORBIDDEN
