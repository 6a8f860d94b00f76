"""GroupStore: leaving and moving on, and whom one does not meet again."""

import pytest

from server.core.errors import Code
from server.core.events import (
    ConnectionAttached,
    ConnectionDetached,
    GroupEntered,
    LeaveReason,
    MemberJoined,
    MemberLeft,
    MembersChanged,
)
from server.core.matching import APART_MS
from tests.stores.guests import of_kind, refusal
from tests.stores.strangers import ids_of

# --- moving on ---


async def test_moving_on_is_leaving_for_another_group(plaza):
    alice, bob = await plaza.arrive("alice", "bob")
    before = await alice.group_id()

    matched = await alice.move_on()

    assert matched.is_new
    assert matched.group.room_id != before
    assert await ids_of(alice) == ["alice"]
    assert await ids_of(bob) == ["bob"]


async def test_moving_on_is_told_to_the_old_group_first_and_then_to_the_new(plaza):
    carol, _ = await plaza.together("carol", "dave", places=2)
    alice, bob = await plaza.together("alice", "bob", places=3)
    await (await plaza.arrive("erin"))[0].leave()
    await carol.leave()
    old, new = await alice.group_id(), None

    events = (await alice.move_on()).events
    new = await alice.group_id()

    assert [(type(event), event.room_id) for event in events] == [
        (MemberLeft, old),
        (ConnectionDetached, old),
        (MembersChanged, old),
        (ConnectionAttached, new),
        (MemberJoined, new),
        (MembersChanged, new),
    ]
    assert events[0].reason is LeaveReason.LEFT
    assert await ids_of(alice) == ["dave", "alice"]
    assert await ids_of(bob) == ["bob"]


async def test_all_tabs_move_on_together(plaza):
    (alice,) = await plaza.arrive("alice")
    tab = alice.elsewhere()
    await tab.connect()

    events = (await alice.move_on()).events

    detached = of_kind(ConnectionDetached, events)
    assert {one.connection_id for one in detached} == {alice.connection_id, tab.connection_id}
    attached, entered = of_kind(ConnectionAttached, events)
    assert attached.connection_id == alice.connection_id
    assert not isinstance(attached, GroupEntered)
    assert isinstance(entered, GroupEntered)
    assert entered.connection_id == tab.connection_id
    assert entered.group == await alice.group()


async def test_one_who_is_in_no_group_moves_on_into_one(plaza):
    await plaza.arrive("alice")
    bob = plaza.stranger("bob")
    await bob.connect()

    matched = await bob.move_on("bob's key")

    assert matched.is_new
    assert await ids_of(bob) == ["alice", "bob"]


async def test_one_moves_on_with_the_key_it_has_or_with_another(plaza):
    (alice,) = await plaza.arrive("alice")
    await alice.join("first")

    assert (await alice.move_on()).group.members[0].public_key.value == "first"
    assert (await alice.move_on("second")).group.members[0].public_key.value == "second"


async def test_one_alone_moves_on_into_another_group_and_its_own_ends(plaza):
    (alice,) = await plaza.arrive("alice")
    before = await alice.group_id()

    await alice.move_on()

    assert await alice.group_id() != before
    totals = await plaza.totals()
    assert (totals.groups, totals.made) == (1, 2)


async def test_one_whose_key_does_not_fit_stays_where_it_is(open_plaza):
    plaza = await open_plaza(total_bytes=20_000)
    alice, bob = await plaza.arrive("alice", "bob")
    before = await alice.group()

    assert await refusal(alice.move_on("k" * 20_000)) is Code.SERVER_FULL

    assert await alice.group() == await bob.group() == before


# --- not to meet again ---


@pytest.mark.parametrize("way_out", ["leave", "move on"])
async def test_for_two_minutes_one_does_not_come_back_to_the_group_that_one_left(
    plaza, clock, way_out
):
    alice, bob = await plaza.arrive("alice", "bob")
    before = await alice.group_id()
    if way_out == "leave":
        await bob.leave()
    else:
        await bob.move_on()
    # Nobody is there any more whom bob has left.
    await plaza.arrive("carol")
    await alice.leave()

    clock.advance(ms=APART_MS - 1)
    await bob.move_on("bob's key")
    assert await bob.group_id() != before
    await bob.leave()
    clock.advance(ms=1)
    await bob.join()

    assert await bob.group_id() == before


@pytest.mark.parametrize("who_is_first", ["the leaver", "the one who was left"])
async def test_for_two_minutes_one_does_not_meet_anybody_whom_one_left(plaza, clock, who_is_first):
    alice, bob = await plaza.arrive("alice", "bob")
    await bob.leave()
    await alice.leave()
    first, second = (bob, alice) if who_is_first == "the leaver" else (alice, bob)

    await first.join()
    clock.advance(ms=APART_MS - 1)
    await second.join()
    assert await ids_of(second) == [second.user_id]
    await second.leave()
    clock.advance(ms=1)
    await second.join()

    assert await ids_of(second) == [first.user_id, second.user_id]


async def test_two_who_left_the_same_group_do_not_meet_in_another(plaza):
    _, bob, carol = await plaza.arrive("alice", "bob", "carol")

    await bob.move_on()
    await carol.move_on()

    assert await ids_of(bob) == ["bob"]
    assert await ids_of(carol) == ["carol"]


async def test_one_may_meet_who_came_after_one_had_left(plaza):
    alice, bob = await plaza.arrive("alice", "bob")
    await bob.leave()
    (carol,) = await plaza.arrive("carol")
    await alice.leave()
    await carol.move_on()

    await bob.join()

    assert await ids_of(bob) == ["carol", "bob"]


async def test_a_second_parting_keeps_two_apart_for_two_minutes_more(plaza, clock):
    alice, bob = await plaza.arrive("alice", "bob")
    await bob.leave()
    clock.advance(ms=APART_MS)
    await bob.join()
    assert await ids_of(bob) == ["alice", "bob"]
    await alice.leave()

    clock.advance(ms=APART_MS - 1)
    await plaza.expire_idle()
    await alice.join()

    assert await ids_of(alice) == ["alice"]


async def test_one_who_was_lost_may_meet_the_others_again_at_once(plaza, clock):
    _, bob = await plaza.arrive("alice", "bob")
    await bob.lose()
    clock.advance(seconds=3)
    await plaza.expire_lost()

    (back,) = await plaza.arrive("bob")

    assert await ids_of(back) == ["alice", "bob"]


async def test_a_parting_is_forgotten_when_it_is_over(plaza, clock):
    alice, bob = await plaza.arrive("alice", "bob")
    before = await plaza.totals()
    (carol,) = await plaza.arrive("carol")
    await carol.leave()
    await carol.lose()
    parted_bytes = await plaza.held_bytes()

    clock.advance(ms=APART_MS - 1)
    await alice.type()
    await plaza.expire_idle()
    assert await plaza.held_bytes() == parted_bytes
    clock.advance(ms=1)
    await plaza.expire_idle()
    # The group forgets who has left it when the next one does.
    await bob.leave()
    await bob.join()

    after = await plaza.totals()
    assert after.held_bytes < parted_bytes
    assert after.users == before.users + 1


# --- leaving ---


async def test_leaving_is_told_with_name_reason_and_who_is_left(plaza, clock):
    alice, bob = await plaza.arrive("alice", "bob")
    room_id = await bob.group_id()

    left, detached, changed = await bob.leave()

    assert left == MemberLeft(
        room_id=room_id,
        skip=bob.connection_id,
        seq=3,
        user_id=bob.user_id,
        reason=LeaveReason.LEFT,
        left_ms=clock.now_ms(),
        name="Bob",
    )
    assert detached == ConnectionDetached(room_id=room_id, connection_id=bob.connection_id)
    assert changed == MembersChanged(
        room_id=room_id, members=(await alice.group()).members, epoch=3
    )


async def test_one_leaves_with_all_tabs(plaza):
    (alice,) = await plaza.arrive("alice")
    tab = alice.elsewhere()
    await tab.connect()

    events = await tab.leave()

    detached = {event.connection_id for event in of_kind(ConnectionDetached, events)}
    assert detached == {alice.connection_id, tab.connection_id}
    assert await alice.group_id() is None


async def test_who_has_left_can_do_nothing_there_any_more(plaza):
    alice, bob = await plaza.arrive("alice", "bob")
    room_id = await bob.group_id()
    await bob.leave()

    for doing in (
        bob.say(room_id=room_id),
        bob.read(room_id=room_id),
        bob.type(room_id),
        bob.leave(room_id),
        bob.report("alice", room_id=room_id),
    ):
        assert await refusal(doing) is Code.NOT_FOUND
    assert await ids_of(alice) == ["alice"]


async def test_a_group_that_is_not_there_looks_like_one_where_one_is_not(plaza):
    (alice,) = await plaza.together("alice", places=1)
    (bob,) = await plaza.arrive("bob")

    for room_id in (await alice.group_id(), "random:never-made"):
        assert await refusal(bob.say(room_id=room_id)) is Code.NOT_FOUND
        assert await refusal(bob.leave(room_id)) is Code.NOT_FOUND
        assert await refusal(bob.read(room_id=room_id)) is Code.NOT_FOUND


async def test_a_group_ends_with_its_last_member_and_all_that_was_said(plaza):
    alice, bob = await plaza.arrive("alice", "bob")
    await alice.say("x" * 5_000)
    await alice.leave()
    held_bytes = await plaza.held_bytes()

    await bob.leave()

    totals = await plaza.totals()
    assert (totals.groups, totals.members, totals.made) == (0, 0, 1)
    assert held_bytes - totals.held_bytes > 5_000
    (carol,) = await plaza.arrive("carol")
    assert (await carol.group()).seq == 1


async def test_a_group_that_ended_tells_that_nobody_is_there(plaza):
    (alice,) = await plaza.arrive("alice")

    changed = (await alice.leave())[-1]

    assert (changed.members, changed.epoch) == ((), 2)
