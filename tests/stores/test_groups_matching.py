"""GroupStore: who is put together with whom."""

import asyncio
from collections import Counter

import pytest

from server.core.errors import Code
from server.core.ids import NumericUserId
from tests.stores.guests import refusal
from tests.stores.strangers import POLICY, ids_of, said


async def test_the_first_to_come_waits_in_a_new_group_and_the_next_joins_it(plaza):
    alice, bob = await plaza.arrive("alice", "bob")

    assert await alice.group_id() == await bob.group_id()
    assert await ids_of(alice) == ["alice", "bob"]


async def test_the_last_free_place_goes_to_one_of_two_simultaneous_joins(plaza):
    await plaza.together("alice", "bob", places=3)
    carol, dave = plaza.stranger("carol"), plaza.stranger("dave")

    groups = [matched.group for matched in await asyncio.gather(carol.join(), dave.join())]

    assert sorted(len(group.members) for group in groups) == [1, 3]
    assert groups[0].room_id != groups[1].room_id


async def test_no_group_of_many_simultaneous_joins_is_over_its_size(plaza):
    plaza.places = 3
    crowd = [plaza.stranger(f"user-{number}") for number in range(20)]

    groups = [matched.group for matched in await asyncio.gather(*(one.join() for one in crowd))]

    sizes = Counter([await one.group_id() for one in crowd])
    assert sorted(sizes.values()) == [2, 3, 3, 3, 3, 3, 3]
    assert set(sizes) == {group.room_id for group in groups}


async def test_a_newcomer_comes_into_the_fullest_group_that_has_room(plaza):
    two = await plaza.together("alice", "bob", "carol", "filler", places=4)
    three = await plaza.together("dave", "erin", "frank", "grace", places=4)
    one = await plaza.together("heidi", "ivan", "judy", "mallory", places=4)
    for leaver in (two[2], two[3], three[3], one[1], one[2], one[3]):
        await leaver.leave()

    (newcomer,) = await plaza.arrive("newcomer")

    assert await ids_of(newcomer) == ["dave", "erin", "frank", "newcomer"]
    (next_one,) = await plaza.arrive("next")
    assert await ids_of(next_one) == ["alice", "bob", "next"]


async def test_a_new_group_has_the_name_and_the_places_that_were_asked_for(plaza, clock):
    plaza.places = 3
    alice = plaza.stranger("alice")

    group = (await alice.join()).group

    assert group.name.startswith("Night Owls - ")
    assert (group.capacity, group.created_ms) == (3, clock.now_ms())
    assert (group.seq, group.epoch) == (1, 1)


async def test_a_group_with_room_again_takes_somebody_new(plaza):
    _, bob = await plaza.together("alice", "bob", places=2)
    await bob.leave()

    (carol,) = await plaza.arrive("carol")

    assert await ids_of(carol) == ["alice", "carol"]


async def test_one_who_joins_sees_who_is_there_with_their_keys(plaza, clock):
    alice, bob = plaza.stranger("alice"), plaza.stranger("bob")
    await alice.join({"kty": "RSA", "n": "…"})
    clock.advance(seconds=1)

    matched = await bob.join("bob's key")

    first, second = matched.group.members
    assert (first.user_id, first.name) == ("alice", "Alice")
    assert first.public_key.value == {"kty": "RSA", "n": "…"}
    assert (second.public_key.value, second.joined_ms) == ("bob's key", clock.now_ms())
    assert matched.is_new


async def test_nobody_joins_for_the_first_time_without_a_key(plaza):
    alice = plaza.stranger("alice")

    assert await refusal(alice.join(None)) is Code.INVALID_REQUEST
    assert await refusal(alice.move_on(None)) is Code.INVALID_REQUEST
    assert await alice.group_id() is None
    totals = await plaza.totals()
    assert (totals.groups, totals.users, totals.held_bytes) == (0, 0, 0)


async def test_a_number_and_its_text_are_one_user(plaza):
    await plaza.stranger(NumericUserId("7")).join()

    again = await plaza.stranger("7").join()

    assert not again.is_new
    assert [type(member.user_id) for member in again.group.members] == [NumericUserId]


# --- joining again ---


async def test_joining_again_is_staying_where_one_is(plaza):
    alice, _ = await plaza.arrive("alice", "bob")
    before = await alice.group()

    again = await alice.join()

    assert (again.is_new, again.group, again.events) == (False, before, ())


async def test_one_in_a_full_group_joins_again_without_a_place(plaza):
    alice, bob = await plaza.together("alice", "bob", places=2)

    assert (await alice.join()).group == await bob.group()


async def test_joining_twice_at_the_same_time_is_being_in_one_group(plaza):
    alice, tab = plaza.stranger("alice"), plaza.stranger("alice")

    first, second = await asyncio.gather(alice.join(), tab.join())

    assert first.group.room_id == second.group.room_id
    assert await ids_of(alice) == ["alice"]
    assert (await plaza.totals()).members == 1


async def test_joining_again_with_another_key_tells_all_of_it_under_a_new_epoch(plaza):
    alice, bob = await plaza.arrive("alice", "bob")

    again = await alice.join("new key")

    (changed,) = again.events
    assert not again.is_new
    assert changed.epoch == again.group.epoch == 3
    assert changed.members == again.group.members == (await bob.group()).members
    assert changed.members[0].public_key.value == "new key"
    assert changed.skip == alice.connection_id
    assert again.group.seq == 3


async def test_a_key_that_differs_in_the_order_of_its_fields_only_is_no_new_key(plaza):
    alice = plaza.stranger("alice")
    await alice.join({"kty": "RSA", "n": "1"})

    assert (await alice.join({"n": "1", "kty": "RSA"})).events == ()


async def test_a_group_knows_a_member_by_the_name_of_its_joining(plaza):
    alice, bob = await plaza.arrive("alice", "bob")
    alice.name = "Somebody else"

    await alice.join("another key")

    assert [member.name for member in (await bob.group()).members] == ["Alice", "Bob"]
    assert (await alice.say()).event.sender_name == "Alice"


# --- blocks ---


@pytest.mark.parametrize("who_blocks", ["the newcomer", "the member"])
async def test_nobody_meets_whom_they_have_blocked_or_who_has_blocked_them(plaza, who_blocks):
    (alice,) = await plaza.arrive("alice")
    bob = plaza.stranger("bob")
    blocker, blocked = (bob, alice) if who_blocks == "the newcomer" else (alice, bob)
    await blocker.block(blocked.user_id)

    await bob.join()

    assert await ids_of(bob) == ["bob"]
    assert await ids_of(alice) == ["alice"]


async def test_one_who_blocks_a_member_of_the_fullest_group_comes_into_the_next(plaza):
    await plaza.together("alice", "bob", places=3)
    carol = plaza.stranger("carol")
    await carol.block("bob")
    await plaza.stranger("dave").block("carol")

    await carol.join()
    assert await ids_of(carol) == ["carol"]

    (dave,) = await plaza.arrive("dave")
    assert await ids_of(dave) == ["alice", "bob", "dave"]


async def test_blocks_made_before_the_other_was_ever_seen_hold(plaza):
    alice = plaza.stranger("alice")
    await alice.block("bob")
    await plaza.arrive("bob")

    await alice.join()

    assert await ids_of(alice) == ["alice"]


async def test_two_who_block_each_other_meet_when_both_have_unblocked(plaza):
    (alice,) = await plaza.arrive("alice")
    bob = plaza.stranger("bob")
    await alice.block("bob")
    await bob.block("alice")

    await bob.unblock("alice")
    await bob.join()
    assert await ids_of(bob) == ["bob"]
    await alice.unblock("bob")
    await bob.leave()
    await bob.join()

    assert await ids_of(bob) == ["alice", "bob"]


async def test_blocking_twice_is_undone_by_unblocking_once(plaza):
    (alice,) = await plaza.arrive("alice")
    await alice.block("bob")
    await alice.block("bob")
    await alice.unblock("bob")

    (bob,) = await plaza.arrive("bob")

    assert await ids_of(bob) == ["alice", "bob"]


async def test_blocking_a_member_parts_nobody_who_is_together(plaza):
    alice, bob = await plaza.arrive("alice", "bob")

    await alice.block("bob")
    await bob.say("still here")

    assert await ids_of(alice) == ["alice", "bob"]
    assert said(await alice.read()) == ["still here"]


async def test_a_newcomer_blocked_by_nobody_there_comes_in_although_others_are_blocked(plaza):
    alice, _ = await plaza.arrive("alice", "bob")
    for number in range(20):
        await alice.block(f"troll-{number}")

    (carol,) = await plaza.arrive("carol")

    assert await ids_of(carol) == ["alice", "bob", "carol"]
    assert POLICY.capacity > 3


@pytest.mark.parametrize("who_blocks", ["the newcomer", "the members"])
async def test_one_who_may_not_meet_many_comes_into_the_first_group_without_them(plaza, who_blocks):
    """There are more than a store would look into one by one."""
    newcomer = plaza.stranger("newcomer")
    for number in range(40):
        (shunned, *_) = await plaza.together(f"a-{number}", f"b-{number}", f"c-{number}", places=3)
        blocker, blocked = (
            (newcomer, shunned) if who_blocks == "the newcomer" else (shunned, newcomer)
        )
        await blocker.block(blocked.user_id)
    await plaza.together("alice", "bob", places=2)
    for user in [*(f"c-{number}" for number in range(40)), "bob"]:
        await plaza.stranger(user).leave()

    await newcomer.join()

    assert await ids_of(newcomer) == ["alice", "newcomer"]
