"""GroupStore: which connections hear of a group, and what becomes of those who have none."""

import pytest

from server.core.events import (
    ConnectionAttached,
    GroupEntered,
    LeaveReason,
    MemberJoined,
    MemberLeft,
    MembersChanged,
)
from server.core.kinds import Kind
from server.core.matching import CONNECT_MS
from tests.stores.guests import of_kind
from tests.stores.strangers import epochs, ids_of, seqs

# --- who hears ---


async def test_who_joins_hears_everything_after_its_answer_and_the_others_that_it_came(
    plaza, clock
):
    (alice,) = await plaza.arrive("alice")
    bob = plaza.stranger("bob")
    await bob.connect()

    matched = await bob.join("bob's key")

    attached, joined, changed = matched.events
    room_id = await alice.group_id()
    assert attached == ConnectionAttached(
        room_id=room_id, user_id=bob.user_id, connection_id=bob.connection_id, kind=Kind.RANDOM
    )
    assert joined == MemberJoined(
        room_id=room_id,
        skip=bob.connection_id,
        seq=2,
        user_id=bob.user_id,
        name="Bob",
        joined_ms=clock.now_ms(),
        public_key=matched.group.members[1].public_key,
    )
    assert changed == MembersChanged(
        room_id=room_id, skip=bob.connection_id, members=matched.group.members, epoch=2
    )
    assert (matched.group.seq, matched.group.epoch) == (2, 2)


async def test_a_tab_that_has_not_asked_is_told_into_which_group_it_came(plaza):
    alice = plaza.stranger("alice")
    tab = alice.elsewhere()
    await alice.connect()
    await tab.connect()

    matched = await alice.join()

    (entered,) = of_kind(GroupEntered, matched.events)
    assert (entered.connection_id, entered.kind) == (tab.connection_id, Kind.RANDOM)
    assert entered.group == matched.group


async def test_a_connection_of_a_member_comes_into_its_group(plaza):
    alice, _ = await plaza.arrive("alice", "bob")
    tab = alice.elsewhere()

    (entered,) = await tab.connect()

    assert isinstance(entered, GroupEntered)
    assert (entered.user_id, entered.connection_id) == ("alice", tab.connection_id)
    assert entered.group == await alice.group()


async def test_a_connection_of_somebody_in_no_group_hears_of_none(plaza):
    await plaza.arrive("alice")
    assert await plaza.stranger("bob").connect() == ()


async def test_who_joins_over_http_comes_in_with_the_tabs_that_are_open(plaza):
    alice = plaza.stranger("alice")
    await alice.connect()

    events = (await alice.join(over_http=True)).events

    entered, joined, changed = events
    assert isinstance(entered, GroupEntered)
    assert joined.skip is changed.skip is None


async def test_who_joins_over_http_without_a_tab_attaches_nobody(plaza):
    events = (await plaza.stranger("alice").join(over_http=True)).events
    assert [type(event) for event in events] == [MemberJoined, MembersChanged]


async def test_a_tab_that_is_gone_is_not_brought_into_the_next_group(plaza):
    (alice,) = await plaza.arrive("alice")
    tab = alice.elsewhere()
    await tab.connect()
    await tab.lose()

    attached = of_kind(ConnectionAttached, (await alice.move_on()).events)

    assert [one.connection_id for one in attached] == [alice.connection_id]


# --- who is lost ---


async def test_a_lost_member_leaves_when_its_grace_is_over(plaza, clock):
    alice, bob = await plaza.arrive("alice", "bob")
    room_id = await bob.group_id()
    await bob.lose()

    clock.advance(seconds=3, ms=-1)
    assert await plaza.expire_lost() == ()
    assert await ids_of(alice) == ["alice", "bob"]
    clock.advance(ms=1)
    left, changed = await plaza.expire_lost()

    assert left == MemberLeft(
        room_id=room_id,
        seq=3,
        user_id=bob.user_id,
        reason=LeaveReason.LOST,
        left_ms=clock.now_ms(),
        name="Bob",
    )
    assert (changed.epoch, changed.members) == (3, (await alice.group()).members)
    assert await plaza.expire_lost() == ()


async def test_a_member_with_another_tab_is_not_lost(plaza, clock):
    alice, bob = await plaza.arrive("alice", "bob")
    await bob.elsewhere().connect()
    await bob.lose()
    clock.advance(minutes=5)

    assert await plaza.expire_lost() == ()
    assert await ids_of(alice) == ["alice", "bob"]


async def test_who_came_back_within_the_grace_is_not_noticed(plaza, clock):
    alice, bob = await plaza.arrive("alice", "bob")
    before = await alice.group()
    await bob.lose()
    clock.advance(seconds=2)
    await bob.elsewhere().connect()
    clock.advance(minutes=5)

    assert await plaza.expire_lost() == ()
    assert await alice.group() == before


async def test_who_is_lost_again_has_the_whole_grace_again(plaza, clock):
    alice, bob = await plaza.arrive("alice", "bob")
    await bob.lose()
    clock.advance(seconds=2)
    back = bob.elsewhere()
    await back.connect()
    await back.lose()

    clock.advance(seconds=3, ms=-1)
    assert await plaza.expire_lost() == ()
    clock.advance(ms=1)
    assert len(await plaza.expire_lost()) == 2
    assert await ids_of(alice) == ["alice"]


async def test_losing_a_connection_twice_puts_nothing_off(plaza, clock):
    alice, bob = await plaza.arrive("alice", "bob")
    await bob.lose()
    clock.advance(seconds=2)
    await bob.lose()
    clock.advance(seconds=1)

    await plaza.expire_lost()

    assert await ids_of(alice) == ["alice"]


async def test_losing_a_connection_that_was_never_there_changes_nothing(plaza, clock):
    (alice,) = await plaza.arrive("alice")
    await alice.elsewhere().lose()
    clock.advance(minutes=1)

    assert await plaza.expire_lost() == ()
    assert await ids_of(alice) == ["alice"]


async def test_who_joined_over_http_has_a_minute_to_connect(plaza, clock):
    alice = plaza.stranger("alice")
    await alice.join(over_http=True)

    clock.advance(ms=CONNECT_MS - 1)
    assert await plaza.expire_lost() == ()
    clock.advance(ms=1)

    (left, _) = await plaza.expire_lost()
    assert left.reason is LeaveReason.LOST
    assert await alice.group_id() is None


async def test_who_connects_in_time_stays(plaza, clock):
    alice = plaza.stranger("alice")
    await alice.join(over_http=True)
    clock.advance(ms=CONNECT_MS - 1)
    await alice.connect()
    clock.advance(minutes=5)

    assert await plaza.expire_lost() == ()
    assert await ids_of(alice) == ["alice"]


async def test_asking_again_over_http_gives_another_minute(plaza, clock):
    alice = plaza.stranger("alice")
    await alice.join(over_http=True)
    clock.advance(ms=CONNECT_MS - 1)
    await alice.join(over_http=True)
    clock.advance(ms=CONNECT_MS - 1)
    assert await plaza.expire_lost() == ()
    clock.advance(ms=1)

    assert len(await plaza.expire_lost()) == 2


async def test_one_who_was_lost_and_asks_over_http_has_a_minute_and_not_its_grace(plaza, clock):
    (alice,) = await plaza.arrive("alice")
    await alice.lose()
    await alice.join(over_http=True)

    clock.advance(ms=CONNECT_MS - 1)
    assert await plaza.expire_lost() == ()
    clock.advance(ms=1)
    assert len(await plaza.expire_lost()) == 2


async def test_moving_on_over_http_without_a_tab_gives_a_minute_for_the_new_group(plaza, clock):
    alice = plaza.stranger("alice")
    await alice.join(over_http=True)
    clock.advance(seconds=30)
    await alice.move_on(over_http=True)
    clock.advance(ms=CONNECT_MS - 1)

    assert await plaza.expire_lost() == ()
    assert await ids_of(alice) == ["alice"]


async def test_a_wait_ends_with_the_group_it_was_for(plaza, clock):
    bob, alice = await plaza.arrive("bob", "alice")
    await bob.lose()
    await bob.leave()
    await bob.connect()
    await bob.move_on()
    clock.advance(minutes=1)

    assert await plaza.expire_lost() == ()
    assert await ids_of(bob) == ["bob"]
    assert await ids_of(alice) == ["alice"]


async def test_those_who_are_lost_leave_in_the_order_of_their_times(plaza, clock):
    members = await plaza.arrive("alice", "bob", "carol", "dave")
    alice, bob, carol, _ = members
    for lost in (carol, alice, bob):
        await lost.lose()
        clock.advance(ms=1)
    clock.advance(seconds=3)

    events = await plaza.expire_lost()

    left = of_kind(MemberLeft, events)
    assert [event.user_id for event in left] == ["carol", "alice", "bob"]
    assert seqs(events) == [5, 6, 7]
    assert epochs(events) == [5, 6, 7]


@pytest.mark.parametrize("times", [1, 300])
async def test_a_member_that_comes_and_goes_often_leaves_once(plaza, clock, times):
    alice, bob = await plaza.arrive("alice", "bob")
    for _ in range(times):
        await bob.lose()
        await bob.connect()
        await bob.join(over_http=True)
    await bob.lose()
    clock.advance(minutes=5)

    events = await plaza.expire_lost()

    assert len(events) == 2
    assert await ids_of(alice) == ["alice"]
