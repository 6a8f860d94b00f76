"""Tokens taken by the handful: never more than the rate gives, and Redis is seldom asked."""

import asyncio

import pytest

from server.core.limits import Rate
from server.stores.memory.rates import MemoryRateLimiter
from server.stores.redis.allowances import Allowances
from tests.clocks import ManualClock

RATE = Rate(per_minute=960, burst=240)


class Counted(MemoryRateLimiter):
    """The limiter that all share, which counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def take(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> int:
        self.asked += 1
        return await super().take(bucket, rate, cost, now_ms)


class Slow(MemoryRateLimiter):
    """The limiter that all share, which lets others go on meanwhile."""

    async def take(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> int:
        await asyncio.sleep(0)
        return await super().take(bucket, rate, cost, now_ms)


class Away(MemoryRateLimiter):
    async def take(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> int:
        await asyncio.sleep(0)
        raise ConnectionError("away")


@pytest.fixture
def shared() -> Counted:
    return Counted()


async def take_all(one: Allowances, clock: ManualClock, limit: int = 1_000) -> int:
    """How many tokens there are, one at a time."""
    for taken in range(limit):
        if await one.take("ann", RATE, 1, clock.now_ms()):
            return taken
    return limit


async def test_one_process_gets_the_whole_burst_and_not_one_more(
    shared: Counted, clock: ManualClock
) -> None:
    assert await take_all(Allowances(shared), clock) == RATE.burst


async def test_two_processes_get_one_burst_between_them(
    shared: Counted, clock: ManualClock
) -> None:
    one, two = Allowances(shared), Allowances(shared)
    assert not await one.take("ann", RATE, 1, clock.now_ms())

    assert await take_all(two, clock) + await take_all(one, clock) == RATE.burst - 1


async def test_of_many_at_once_each_gets_its_token_until_the_burst_is_used_up(
    clock: ManualClock,
) -> None:
    one = Allowances(Slow())

    waits = [one.take("ann", RATE, 1, clock.now_ms()) for _ in range(RATE.burst + 10)]
    taken = [not wait_ms for wait_ms in await asyncio.gather(*waits)]

    assert taken == [True] * RATE.burst + [False] * 10


async def test_where_the_shared_limiter_fails_nobody_waits_for_what_does_not_come(
    clock: ManualClock,
) -> None:
    one = Allowances(Away())

    waits = [one.take("ann", RATE, 1, clock.now_ms()) for _ in range(3)]
    found = await asyncio.gather(*waits, return_exceptions=True)

    assert [type(error) for error in found] == [ConnectionError] * 3


async def test_who_is_refused_is_told_when_there_is_one_more(
    shared: Counted, clock: ManualClock
) -> None:
    one = Allowances(shared)
    await take_all(one, clock)
    wait_ms = await one.take("ann", RATE, 1, clock.now_ms())

    clock.advance(ms=wait_ms)

    assert not await one.take("ann", RATE, 1, clock.now_ms())


async def test_the_shared_limiter_is_asked_once_for_a_handful(
    shared: Counted, clock: ManualClock
) -> None:
    one = Allowances(shared)
    for _ in range(30):
        assert not await one.take("ann", RATE, 1, clock.now_ms())

    assert shared.asked == 1


async def test_what_was_not_spent_in_time_is_not_spent_later(
    shared: Counted, clock: ManualClock
) -> None:
    one = Allowances(shared)
    assert not await one.take("ann", RATE, 1, clock.now_ms())
    clock.advance(seconds=5)

    assert not await one.take("ann", RATE, 1, clock.now_ms())

    assert shared.asked == 2


async def test_who_goes_on_slowly_is_never_refused(shared: Counted, clock: ManualClock) -> None:
    one = Allowances(shared)
    for _ in range(200):
        assert not await one.take("ann", RATE, 1, clock.now_ms())
        clock.advance(ms=5_001)


async def test_a_charge_is_felt_at_once(shared: Counted, clock: ManualClock) -> None:
    one = Allowances(shared)
    assert not await one.take("ann", RATE, 1, clock.now_ms())

    await one.charge("ann", RATE, 2 * RATE.burst, clock.now_ms())

    assert await one.take("ann", RATE, 1, clock.now_ms())


async def test_small_bursts_are_taken_one_by_one(shared: Counted, clock: ManualClock) -> None:
    rate = Rate(per_minute=4, burst=2)
    one = Allowances(shared)

    taken = [not await one.take("ann", rate, 1, clock.now_ms()) for _ in range(3)]

    assert taken == [True, True, False]


async def test_what_is_held_for_nobody_any_more_is_forgotten(
    shared: Counted, clock: ManualClock
) -> None:
    one = Allowances(shared)
    await one.take("ann", RATE, 1, clock.now_ms())
    clock.advance(minutes=1)

    await one.expire(clock.now_ms())

    assert not one._held
