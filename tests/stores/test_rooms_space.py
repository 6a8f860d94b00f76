"""RoomStore: every byte that is held is counted, and what happens when there is no more space."""

import pytest
from msgspec import structs

from server.core.errors import Code
from server.core.ports import RoomTotals
from tests.stores.guests import POLICY, refusal, texts, user_ids

# --- the books ---


async def test_totals_count_rooms_members_and_bytes_of_all_rooms(house):
    await house.reserve("empty")
    await house.with_members("alice", "bob", room_id="one")
    (carol,) = await house.with_members("carol", room_id="two")
    await carol.say("hello")
    await carol.elsewhere().join(token=carol.token)

    totals = await house.rooms.totals()

    held_bytes = sum(summary.held_bytes for summary in await house.rooms.summaries(None, 10))
    assert totals == RoomTotals(rooms=3, members=3, held_bytes=held_bytes)
    assert held_bytes > len("hello")


async def test_an_empty_store_holds_nothing(house):
    assert await house.rooms.totals() == RoomTotals(rooms=0, members=0, held_bytes=0)


@pytest.mark.parametrize("way_out", ["leave", "lose", "remove", "start anew"])
async def test_the_bytes_of_a_member_go_with_it(house, alice, clock, way_out):
    before = await house.rooms.totals()
    bob = house.guest("bob")
    await bob.join(name="Bob", public_key="k" * 1_000)
    assert await house.held_bytes() >= before.held_bytes + 1_000

    if way_out == "leave":
        await bob.leave()
    elif way_out == "remove":
        await alice.remove("bob")
    else:
        await bob.lose()
    if way_out == "start anew":
        anew = bob.elsewhere()
        await anew.join()
        await anew.leave()
    clock.advance(ms=POLICY.grace_ms)
    await house.expire_lost()

    assert await house.rooms.totals() == before


# --- no more space ---


async def fill(guest):
    """Say what there is space for."""
    for size in (1_000, 100, 10, 1):
        while await refusal(guest.say("x" * size)) is None:
            pass


@pytest.fixture
async def full_house(open_house):
    """A store that has space for little, under a policy that would allow for more."""
    return await open_house(structs.replace(POLICY, history_messages=1_000), total_bytes=20_000)


@pytest.fixture
async def talker(full_house):
    """The member who has filled the full house, and has a large key."""
    (one,) = await full_house.with_members("talker")
    await one.save_key("k" * 3_000)
    await fill(one)
    return one


async def test_a_message_without_space_is_refused_and_everything_stays(full_house, talker, clock):
    before = await full_house.rooms.totals(), await full_house.rooms.summaries(None, 10)
    joined_before = await talker.join()
    clock.advance(minutes=1)

    assert await refusal(talker.say("x", message_id="m-1")) is Code.SERVER_FULL
    after = await full_house.rooms.totals(), await full_house.rooms.summaries(None, 10)
    assert after == before
    joined = await talker.join()
    assert (joined.seq, joined.messages) == (joined_before.seq, joined_before.messages)
    assert after[0].held_bytes <= 20_000


async def test_a_repeat_needs_no_space(full_house, talker):
    last = (await talker.join()).messages[-1]
    assert (await talker.say("x", message_id=last.message_id)).is_repeat


async def test_there_is_space_again_when_a_room_ends(full_house, talker, clock):
    clock.advance(minutes=29)
    # Space for one more member, but not for a message as well.
    await talker.save_key("k" * 900)
    (bob,) = await full_house.with_members("bob", room_id="coffee-room")
    assert await refusal(bob.say("x" * 100)) is Code.SERVER_FULL
    clock.advance(minutes=1)
    await full_house.expire_idle()

    assert not (await bob.say("x" * 100, message_id="m-1")).is_repeat


async def test_a_room_with_a_full_history_talks_on_when_there_is_no_space(open_house):
    house = await open_house(structs.replace(POLICY, history_messages=2), total_bytes=20_000)
    (alice,) = await house.with_members("alice")
    await alice.say("x" * 100)
    await alice.say("x" * 100)
    house.policy = structs.replace(POLICY, history_messages=1_000)
    (bob,) = await house.with_members("bob", room_id="greedy-room")
    await fill(bob)

    assert not (await alice.say("x" * 100)).is_repeat
    assert await refusal(alice.say("x" * 5_000)) is Code.SERVER_FULL
    assert texts(await alice.join()) == ["x" * 100] * 2


@pytest.mark.parametrize("large", ["public_key", "name"])
async def test_a_newcomer_for_whom_there_is_no_space_is_refused_without_a_trace(
    full_house, talker, large
):
    carol = full_house.guest("carol")
    before = await full_house.rooms.totals()

    assert await refusal(carol.join(**{large: "x" * 3_000})) is Code.SERVER_FULL
    assert await full_house.rooms.totals() == before
    assert await refusal(carol.members()) is Code.NOT_A_MEMBER
    assert user_ids(await talker.members()) == ["talker"]


@pytest.mark.parametrize("large", ["public_key", "name"])
async def test_a_member_for_whose_growth_there_is_no_space_stays_as_it_was(
    full_house, talker, large
):
    before = await talker.members()
    tab = talker.elsewhere()

    growing = tab.join(token=talker.token, **{large: "x" * 6_000})

    assert await refusal(growing) is Code.SERVER_FULL
    assert await refusal(talker.save_key("k", "x" * 6_000)) is Code.SERVER_FULL
    assert await tab.rooms() == set()
    assert await talker.members() == before


async def test_a_key_known_to_be_there_admits_a_tab_although_there_is_no_space(full_house, talker):
    assert await refusal(talker.elsewhere().join(public_key="k" * 3_000)) is None


@pytest.mark.parametrize("way_back", ["same connection", "tab", "lost"])
async def test_a_member_comes_back_with_the_key_it_has_when_there_is_no_space(
    full_house, talker, way_back
):
    if way_back == "lost":
        await talker.lose()
    back = talker if way_back == "same connection" else talker.elsewhere()

    assert await refusal(back.join(token=talker.token, public_key="k" * 3_000)) is None
