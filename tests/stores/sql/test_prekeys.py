"""One-time prekeys: each is handed out once, the oldest first, and its id never again."""

import asyncio
import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from server.core.errors import Code
from server.core.ids import UserId
from server.core.ports.device_keys import Claimer, PrekeyStats
from server.stores.sql.spent import Range, is_spent, merged
from tests.core.visitors import refused
from tests.stores.sql.keyrings import (
    LATER_MS,
    NOW_MS,
    RULES,
    KeyDesk,
    key,
    make_account,
    new_keys,
    owner,
    prekeys,
)

ALICE, LAPTOP = owner("alice"), owner("alice", "laptop")
BOB = Claimer(UserId("bob"), None)


@pytest.fixture
async def store(database):
    """Alice's phone has keys and no prekeys."""
    await make_account(database, "alice", "phone", "laptop")
    store = KeyDesk(database)
    await store.add(ALICE, new_keys(), RULES, NOW_MS)
    return store


async def claim(store, now_ms=NOW_MS, claimer=BOB):
    """The id that the phone's prekey has; None without one."""
    bundle = await store.claim_bundle(ALICE.user_id, claimer, one_time=True, now_ms=now_ms)
    one = next(one for one in bundle.devices if one.device_id == "phone").one_time
    return one and one.key_id


def once_each(count, *, nones):
    """The ids below, each once, and so often none."""
    return Counter([*range(count), *[None] * nones])


async def test_they_are_handed_out_in_the_order_in_which_they_came(store):
    await store.add_prekeys(ALICE, prekeys(7, 3), RULES, NOW_MS)
    await store.add_prekeys(ALICE, prekeys(5, 1), RULES, NOW_MS)
    assert [await claim(store) for _ in range(5)] == [7, 3, 5, 1, None]


async def test_of_fifty_each_goes_to_one_of_a_hundred_who_ask_at_once(store):
    await store.add_prekeys(ALICE, prekeys(*range(50)), RULES, NOW_MS)

    claimed = await asyncio.gather(*(claim(store) for _ in range(100)))

    assert Counter(claimed) == once_each(50, nones=50)
    assert await claim(store) is None


async def test_of_fifty_each_goes_to_one_of_a_hundred_who_ask_two_nodes(databases):
    await make_account(databases[0], "alice", "phone")
    stores = [KeyDesk(one) for one in databases]
    await stores[0].add(ALICE, new_keys(*range(50)), RULES, NOW_MS)

    claimed = await asyncio.gather(*(claim(stores[at % 2]) for at in range(100)))

    assert Counter(claimed) == once_each(50, nones=50)


async def test_each_device_gives_one_of_its_own_and_none_to_itself(store):
    await store.add(LAPTOP, new_keys(1, 2), RULES, NOW_MS)
    await store.add_prekeys(ALICE, prekeys(1, 2), RULES, NOW_MS)

    phone = Claimer(ALICE.user_id, ALICE.device_id)
    found = await store.claim_bundle(ALICE.user_id, phone, one_time=True, now_ms=NOW_MS)

    assert {one.device_id: one.remaining for one in found.devices} == {"phone": 2, "laptop": 1}
    assert await claim(store) == 1


async def test_who_is_to_have_none_takes_none(store):
    await store.add_prekeys(ALICE, prekeys(1), RULES, NOW_MS)
    found = await store.claim_bundle(ALICE.user_id, BOB, one_time=False, now_ms=NOW_MS)
    assert (found.devices[0].one_time, found.devices[0].remaining) == (None, 1)


async def test_an_id_that_was_handed_out_is_never_again(store):
    await store.add_prekeys(ALICE, prekeys(1, 2), RULES, NOW_MS)
    assert await claim(store) == 1

    kept = await store.add_prekeys(ALICE, prekeys(1), RULES, NOW_MS)
    assert (kept.available, kept.skipped) == (1, (1,))
    await store.sweep(ALICE, NOW_MS)
    other = (structs.replace(prekeys(1)[0], public_key=key(77)),)
    assert (await store.add_prekeys(ALICE, other, RULES, NOW_MS)).skipped == (1,)

    assert [await claim(store) for _ in range(2)] == [2, None]


async def test_those_that_stand_are_left_alone_when_they_come_again(store):
    await store.add_prekeys(ALICE, prekeys(1, 2), RULES, NOW_MS)

    kept = await store.add_prekeys(ALICE, prekeys(2, 1, 3), RULES, NOW_MS)

    assert (kept.available, kept.skipped) == (3, ())
    assert [await claim(store) for _ in range(3)] == [1, 2, 3]


async def test_an_id_does_not_stand_for_two_keys(store):
    await store.add_prekeys(ALICE, prekeys(1), RULES, NOW_MS)
    other = (*prekeys(4), structs.replace(prekeys(1)[0], public_key=key(77)))

    error = await refused(store.add_prekeys(ALICE, other, RULES, NOW_MS))

    assert error.code is Code.ID_CONFLICT
    assert [await claim(store) for _ in range(2)] == [1, None]


async def test_a_device_keeps_as_many_as_it_may_and_no_more(store):
    small = structs.replace(RULES, max_prekeys=3)
    await store.add_prekeys(ALICE, prekeys(1, 2), small, NOW_MS)

    error = await refused(store.add_prekeys(ALICE, prekeys(3, 4), small, NOW_MS))
    assert error.code is Code.LIMIT_REACHED
    assert "1 more" in error.message
    assert (await store.add_prekeys(ALICE, prekeys(1, 2, 3), small, NOW_MS)).available == 3
    await claim(store)
    assert (await store.add_prekeys(ALICE, prekeys(4), small, NOW_MS)).available == 3


async def test_the_expired_are_not_handed_out_and_make_room(store):
    small = structs.replace(RULES, max_prekeys=2)
    await store.add_prekeys(ALICE, prekeys(1, 2), small, NOW_MS)

    assert await claim(store, LATER_MS) is None
    later = structs.replace(small, expires_ms=LATER_MS + 1)
    assert (await store.add_prekeys(ALICE, prekeys(2, 3), later, LATER_MS)).available == 2

    assert [await claim(store, LATER_MS) for _ in range(3)] == [2, 3, None]


async def test_the_stats_count_all_that_ever_were_claimed(store):
    await store.add_prekeys(ALICE, prekeys(*range(5)), RULES, NOW_MS)
    await claim(store)
    await store.sweep(ALICE, NOW_MS)
    await claim(store)

    assert await store.stats(ALICE, NOW_MS) == PrekeyStats(available=3, used=2, expired=0)
    assert await store.stats(ALICE, LATER_MS) == PrekeyStats(available=0, used=2, expired=3)


async def test_sweeping_forgets_the_claimed_and_the_expired_alone(store):
    await store.add_prekeys(ALICE, prekeys(1, 2, 3), RULES, NOW_MS)
    await claim(store)

    assert [await store.sweep(ALICE, NOW_MS) for _ in range(2)] == [1, 0]
    assert await store.sweep(ALICE, LATER_MS) == 2
    assert await store.stats(ALICE, LATER_MS) == PrekeyStats(available=0, used=1, expired=0)


async def test_few_are_noted_once_until_there_are_enough_again(store):
    async def noted():
        return dict(await store.note_low(ALICE.user_id, RULES.enough, NOW_MS))

    await store.add_prekeys(ALICE, prekeys(*range(20)), RULES, NOW_MS)
    assert await noted() == {}
    await claim(store)
    assert [await noted(), await noted()] == [{"phone": 19}, {}]
    await store.add_prekeys(ALICE, prekeys(20), RULES, NOW_MS)
    assert await noted() == {}
    await claim(store)
    assert await noted() == {"phone": 19}


async def test_a_device_has_few_until_it_has_enough_or_no_keys(store):
    async def few(device_id="phone"):
        return await store.few(owner("alice", device_id), 3, NOW_MS)

    assert (await few(), await few("nowhere")) == (0, None)
    await store.add_prekeys(ALICE, prekeys(1, 2), RULES, NOW_MS)
    assert await few() == 2
    await store.add_prekeys(ALICE, prekeys(3), RULES, NOW_MS)
    assert await few() is None
    await claim(store)
    assert await few() == 2


async def test_of_many_who_look_at_once_one_notes_that_few_are_left(store):
    await store.add_prekeys(ALICE, prekeys(*range(19)), RULES, NOW_MS)
    looked = await asyncio.gather(
        *(store.note_low(ALICE.user_id, RULES.enough, NOW_MS) for _ in range(20))
    )
    assert max(looked) == (("phone", 19),)
    assert sum(map(len, looked)) == 1


async def test_claims_sweeps_and_uploads_at_the_same_time_lose_and_repeat_nothing(store):
    await store.add_prekeys(ALICE, prekeys(*range(30)), RULES, NOW_MS)
    again = [store.add_prekeys(ALICE, prekeys(*range(40)), RULES, NOW_MS) for _ in range(5)]
    sweeps = [store.sweep(ALICE, NOW_MS) for _ in range(5)]

    claimed, *_ = await asyncio.gather(
        asyncio.gather(*(claim(store) for _ in range(20))), *again, *sweeps
    )
    claimed += [await claim(store) for _ in range(40)]

    assert Counter(claimed) == once_each(40, nones=20)


# --- the set of spent ids ---

IDS = st.lists(st.integers(0, 60), max_size=30)


@given(batches=st.lists(IDS, max_size=6))
def test_the_spent_ids_are_those_that_were_spent_and_no_others(batches):
    ranges: list[Range] = []
    for batch in batches:
        ranges = merged(ranges, batch)
    spent = {one for batch in batches for one in batch}
    assert {one for one in range(62) if is_spent(ranges, one)} == spent
    assert all(first <= last for first, last in ranges)
    assert all(left[1] + 1 < right[0] for left, right in itertools.pairwise(ranges))


@given(batches=st.lists(IDS, max_size=6), most=st.integers(1, 4))
def test_in_little_room_every_spent_id_stays_spent(batches, most):
    ranges: list[Range] = []
    for batch in batches:
        ranges = merged(ranges, batch, most)
        assert len(ranges) <= most
    assert all(is_spent(ranges, one) for batch in batches for one in batch)


def test_in_little_room_the_smallest_gaps_are_closed_first():
    assert merged([(1, 2), (10, 11)], [5, 100], most=2) == [(1, 11), (100, 100)]
