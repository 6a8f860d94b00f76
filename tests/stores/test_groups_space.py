"""GroupStore: every byte that is held is counted, and what happens when there is no space."""

from contextlib import AsyncExitStack

import pytest
from msgspec import structs

from server.core.errors import Code
from server.core.limits import Bounds
from server.core.matching import APART_MS, PRESENT_MS
from server.core.ports import GroupSummary, GroupTotals
from tests.stores.guests import House, refusal
from tests.stores.strangers import KEPT_MS, POLICY, Plaza, ids_of, said

# --- what operators see ---


async def test_an_empty_store_holds_nothing(plaza):
    assert await plaza.totals() == GroupTotals(0, 0, 0, 0, 0)


async def test_totals_count_groups_members_and_users(plaza):
    alice, _, _ = await plaza.together("alice", "bob", "carol", places=3)
    await plaza.together("dave", "erin", places=2)
    await plaza.stranger("frank").connect()
    await alice.leave()

    totals = await plaza.totals()

    assert (totals.made, totals.groups, totals.members, totals.users) == (2, 2, 4, 6)


async def test_groups_are_listed_by_age_page_by_page(plaza, clock):
    plaza.places = 1
    strangers = await plaza.arrive("alice", "bob", "carol")
    await strangers[0].say()
    ids = [await one.group_id() for one in strangers]

    first, second = await plaza.groups.page(0, 2), await plaza.groups.page(2, 2)

    assert (first.total, second.total) == (3, 3)
    assert [one.room_id for one in (*first.groups, *second.groups)] == ids
    assert (await plaza.groups.page(3, 2)).groups == ()
    assert (await plaza.groups.page(1, 1)).groups == first.groups[1:]


async def test_a_group_is_listed_with_counts_and_times_and_without_people(plaza, clock):
    alice, _ = await plaza.arrive("alice", "bob")
    group = await alice.group()
    clock.advance(seconds=1)
    await alice.say()

    (summary,) = (await plaza.groups.page(0, 10)).groups

    assert summary == GroupSummary(
        room_id=group.room_id,
        name=group.name,
        members=2,
        capacity=POLICY.capacity,
        messages=1,
        held_bytes=summary.held_bytes,
        created_ms=group.created_ms,
        active_ms=clock.now_ms(),
    )
    assert summary.held_bytes > 2 * len("a key") + len("hello")


# --- the books ---


@pytest.mark.parametrize("way_out", ["leave", "lose", "move on", "be removed"])
async def test_the_bytes_of_a_member_go_with_it(plaza, clock, way_out):
    alice, troll = await plaza.arrive("alice", "troll")
    await troll.join("k" * 1_000)
    clock.advance(ms=PRESENT_MS)

    if way_out == "leave":
        await troll.leave()
    elif way_out == "lose":
        await troll.lose()
        clock.advance(seconds=3)
        await plaza.expire_lost()
    elif way_out == "move on":
        await troll.move_on()
    else:
        await alice.report("troll")

    (summary, *_) = (await plaza.groups.page(0, 2)).groups
    assert summary.members == 1
    assert summary.held_bytes < 2_000


async def test_the_books_are_at_zero_when_all_has_been_forgotten(plaza, clock):
    alice, bob, carol, dave = await plaza.arrive("alice", "bob", "carol", "dave")
    clock.advance(ms=PRESENT_MS)
    for number in range(POLICY.history_messages * 2 + 1):
        await alice.say("x" * number)
    await alice.say("psst", to="bob")
    await alice.join({"a": "longer key " * 20})
    alice.name = "Ålice with a långer name"
    await alice.move_on()
    await bob.block("nobody we know")
    for reporter in (bob, carol):
        await reporter.report("dave", evidence="x" * 100)
    await dave.move_on()
    await carol.unblock("dave")
    await bob.leave()
    await bob.join()
    clock.advance(ms=APART_MS)
    await carol.leave()
    for one in (alice, bob, carol):
        await one.lose()
    clock.advance(minutes=30)
    await plaza.expire_lost()
    await dave.type()
    clock.advance(minutes=30)
    await plaza.expire_idle()
    await dave.lose()
    clock.advance(ms=KEPT_MS)
    await plaza.expire_lost()
    await plaza.expire_idle()

    assert await plaza.totals() == GroupTotals(4, 0, 0, 0, 0)


async def test_blocks_and_partings_are_counted_with_the_names_of_the_others(plaza):
    alice, _ = await plaza.arrive("alice", "é" * 64)
    before = await plaza.held_bytes()
    await alice.block("ü" * 100)
    assert await plaza.held_bytes() - before >= 200
    before = await plaza.held_bytes()
    await alice.move_on()
    assert await plaza.held_bytes() - before >= 128


async def group_bytes(plaza):
    (summary,) = (await plaza.groups.page(0, 2)).groups
    return summary.held_bytes


async def test_a_key_is_counted_for_the_group_and_for_the_user(plaza):
    alice, _ = await plaza.arrive("alice", "bob")
    await alice.join("k" * 100)
    in_group, in_all = await group_bytes(plaza), await plaza.held_bytes()

    await alice.join("k" * 1_100)

    assert await group_bytes(plaza) == in_group + 1_000
    assert await plaza.held_bytes() == in_all + 2_000


async def test_a_group_counts_who_is_not_to_come_back_until_it_may(plaza, clock):
    alice, bob = await plaza.arrive("alice", "bob")
    before = await group_bytes(plaza)
    for number in range(3):
        (one,) = await plaza.arrive(f"passer-by-{number}")
        await one.leave()
    assert await group_bytes(plaza) > before + 3 * len("passer-by-0")
    clock.advance(ms=APART_MS)

    # It forgets them when the next one leaves.
    await bob.leave()
    clock.advance(ms=APART_MS)
    await bob.join()
    await alice.leave()
    clock.advance(ms=APART_MS)
    await alice.join()
    await bob.leave()
    clock.advance(ms=APART_MS)
    await bob.join()

    assert await group_bytes(plaza) <= before + 200


# --- no more space ---


async def fill(stranger):
    """Say what there is space for."""
    for size in (1_000, 100, 10, 1):
        while await refusal(stranger.say("x" * size)) is None:
            pass


@pytest.fixture
async def full_plaza(open_plaza):
    """A store that has space for little, under a policy that would allow for more."""
    return await open_plaza(structs.replace(POLICY, history_messages=1_000), total_bytes=40_000)


@pytest.fixture
async def talker(full_plaza):
    """The one who has filled the full plaza, and has a large key."""
    (one,) = await full_plaza.arrive("talker")
    await one.join("k" * 3_000)
    await fill(one)
    return one


async def test_a_message_without_space_is_refused_and_everything_stays(full_plaza, talker):
    before = await full_plaza.totals(), await talker.group(), await talker.read(limit=200)

    assert await refusal(talker.say("x", message_id="m-1")) is Code.SERVER_FULL

    assert (await full_plaza.totals(), await talker.group()) == before[:2]
    assert await talker.read(limit=200) == before[2]
    assert before[0].held_bytes <= 40_000
    assert await refusal(talker.read("m-1")) is Code.NOT_FOUND


@pytest.mark.parametrize("large", ["key", "name"])
async def test_a_newcomer_for_whom_there_is_no_space_is_refused_without_a_trace(
    full_plaza, talker, large
):
    carol = full_plaza.stranger("carol")
    carol.name = "n" * 20_000 if large == "name" else "Carol"
    before = await full_plaza.totals()

    assert await refusal(carol.join("k" * 20_000)) is Code.SERVER_FULL
    assert await refusal(carol.connect()) is Code.SERVER_FULL
    assert await full_plaza.totals() == before
    assert await ids_of(talker) == ["talker"]


async def test_a_key_needs_space_for_the_group_and_for_the_user(open_plaza):
    plaza = await open_plaza(total_bytes=10_000)
    alice = plaza.stranger("alice")
    await alice.connect()

    assert await refusal(alice.join("k" * 5_000)) is Code.SERVER_FULL
    assert await refusal(alice.join("k" * 2_500)) is None


async def test_many_who_are_known_cannot_join_beyond_the_space(open_plaza):
    plaza = await open_plaza(total_bytes=20_000)
    crowd = [plaza.stranger(f"user-{number}") for number in range(10)]
    for one in crowd:
        await one.connect()

    joined = [await refusal(one.join("k")) for one in crowd]

    assert Code.SERVER_FULL in joined
    assert await plaza.held_bytes() <= 20_000


async def test_a_member_changes_its_key_for_one_of_its_size_although_there_is_no_space(
    full_plaza, talker
):
    assert await refusal(talker.join("j" * 3_000)) is None
    assert await refusal(talker.join("j" * 6_000)) is Code.SERVER_FULL
    assert (await talker.group()).members[0].public_key.value == "j" * 3_000
    assert (await talker.key()).public_key.value == "j" * 3_000


async def test_one_leaves_and_moves_on_although_there_is_no_space(full_plaza, talker):
    before = await full_plaza.totals()

    await talker.move_on()

    assert (await talker.group()).seq == 1
    assert (await full_plaza.totals()).held_bytes < before.held_bytes


async def test_there_is_space_again_when_the_group_ends(full_plaza, talker, clock):
    clock.advance(minutes=30)
    await full_plaza.expire_idle()

    alice, bob = await full_plaza.arrive("alice", "bob")
    await alice.say("x" * 5_000)
    assert said(await bob.read()) == ["x" * 5_000]


async def test_a_block_for_which_there_is_no_space_is_refused(full_plaza, talker):
    assert await refusal(talker.block("b" * 2_000)) is Code.SERVER_FULL
    await full_plaza.groups.unblock(talker.user_id, talker.user_id)
    assert await refusal(talker.join(None)) is None


async def test_there_are_as_many_groups_as_there_may_be(open_plaza):
    plaza = await open_plaza(groups=1)
    alice, bob = await plaza.together("alice", "bob", places=2)

    carol = plaza.stranger("carol")
    assert await refusal(carol.join()) is Code.SERVER_FULL
    assert await refusal(bob.move_on()) is Code.SERVER_FULL
    assert await ids_of(alice) == ["alice", "bob"]
    await bob.leave()
    # Who is alone gives its group up for the new one.
    assert await refusal(alice.move_on()) is None
    assert (await plaza.totals()).groups == 1


async def test_rooms_and_groups_share_one_space(backend, clock):
    async with AsyncExitStack() as opened:
        bounds = Bounds(total_bytes=30_000)
        stores = await opened.enter_async_context(backend.rooms_and_groups(POLICY, bounds))
        house, plaza = House(stores[0], POLICY, clock), Plaza(stores[1], POLICY, clock)
        (guest,) = await house.with_members("guest")
        (stranger,) = await plaza.arrive("stranger")
        await guest.say("x" * 20_000)

        assert await refusal(stranger.say("x" * 5_000)) is Code.SERVER_FULL
        assert await plaza.held_bytes() < 5_000
        await guest.leave()
        clock.advance(minutes=29)
        await stranger.type()
        clock.advance(minutes=1)
        await house.expire_idle()
        assert await refusal(stranger.say("x" * 15_000)) is None
        assert await refusal(guest.join(as_creator=True, public_key="k" * 10_000)) is (
            Code.SERVER_FULL
        )
