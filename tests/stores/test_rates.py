"""RateLimiter: token buckets that hand out what they have gained, and nothing more."""

import asyncio
import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from server.core.limits import Rate

FIVE_THEN_ONE_A_SECOND = Rate(per_minute=60, burst=5)

quick = settings(
    max_examples=150,
    # Every example has a bucket of its own, so that one limiter does for all of them.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

rates = st.builds(Rate, per_minute=st.integers(1, 10_000), burst=st.integers(1, 500))

_buckets = itertools.count()


@pytest.fixture
def door(limiter, clock):
    """Somebody's bucket: `door.take()` answers for how long to wait."""
    return Door(limiter, clock, FIVE_THEN_ONE_A_SECOND)


class Door:
    def __init__(self, limiter, clock, rate):
        self._limiter = limiter
        self._clock = clock
        self._rate = rate
        self._bucket = f"bucket-{next(_buckets)}"

    async def take(self, cost=1):
        return await self._limiter.take(self._bucket, self._rate, cost, self._clock.now_ms())

    async def charge(self, cost):
        await self._limiter.charge(self._bucket, self._rate, cost, self._clock.now_ms())


async def test_a_burst_is_let_through_and_what_comes_next_is_told_to_wait(door):
    assert [await door.take() for _ in range(6)] == [0, 0, 0, 0, 0, 1_000]


async def test_a_bucket_gains_evenly(door, clock):
    await door.take(5)

    clock.advance(ms=400)
    assert await door.take() == 600
    clock.advance(ms=599)
    assert await door.take() == 1
    clock.advance(ms=1)
    assert await door.take() == 0
    assert await door.take() == 1_000


async def test_a_bucket_left_alone_never_holds_more_than_a_burst(door, clock):
    await door.take(3)
    clock.advance(minutes=60)
    assert [await door.take() for _ in range(6)] == [0, 0, 0, 0, 0, 1_000]


async def test_being_refused_costs_nothing(door):
    await door.take(3)

    assert await door.take(4) == 2_000
    assert await door.take(4) == 2_000
    assert await door.take(2) == 0


async def test_buckets_know_nothing_of_each_other(limiter, clock, door):
    await door.take(5)
    assert await Door(limiter, clock, FIVE_THEN_ONE_A_SECOND).take(5) == 0


async def test_of_simultaneous_takers_as_many_are_served_as_there_are_tokens(door):
    waits = await asyncio.gather(*(door.take() for _ in range(12)))
    assert sorted(waits) == [0] * 5 + [1_000] * 7


async def test_a_clock_that_steps_back_takes_no_tokens(door, clock):
    await door.take(4)
    clock.advance(minutes=-1)

    assert await door.take() == 0
    assert await door.take() == 1_000


async def test_a_charge_takes_what_is_there(door):
    await door.charge(3)
    assert [await door.take() for _ in range(3)] == [0, 0, 1_000]


async def test_a_charge_beyond_what_is_there_is_a_debt_to_be_waited_for(door, clock):
    await door.take(3)
    await door.charge(4)

    assert await door.take() == 3_000
    clock.advance(seconds=3)
    assert await door.take() == 0
    assert await door.take() == 1_000


async def test_a_debt_is_never_more_than_a_burst(door):
    for _ in range(10):
        await door.charge(100)
    assert await door.take() == 6_000


@quick
@given(rate=rates, taken=st.integers(0, 500), cost=st.integers(1, 500), spoilt=st.booleans())
async def test_who_waits_as_long_as_told_is_let_through_and_nobody_is_earlier(
    limiter, clock, rate, taken, cost, spoilt
):
    door = Door(limiter, clock, rate)
    cost = min(cost, rate.burst)
    await door.charge(taken + cost)
    wait_ms = await door.take(cost)

    if spoilt and wait_ms > 1:
        clock.advance(ms=wait_ms - 1)
        assert await door.take(cost) == 1
        clock.advance(ms=1)
    else:
        clock.advance(ms=wait_ms)

    assert await door.take(cost) == 0 or wait_ms == 0


@quick
@example(rate=FIVE_THEN_ONE_A_SECOND, asked=[(0, 5), (400, 1), (599, 1), (1, 1)])
@given(rate=rates, asked=st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 20))))
async def test_a_bucket_gives_exactly_what_an_exact_one_would(limiter, clock, rate, asked):
    door = Door(limiter, clock, rate)
    tokens, per_ms = Fraction(rate.burst), Fraction(rate.per_minute, 60_000)
    for waited_ms, cost in asked:
        clock.advance(ms=waited_ms)
        tokens = min(Fraction(rate.burst), tokens + waited_ms * per_ms)
        wanted = min(cost, rate.burst)
        expected = 0 if tokens >= wanted else math.ceil((wanted - tokens) / per_ms)

        assert await door.take(wanted) == expected
        tokens -= 0 if expected else wanted


async def test_a_bucket_that_is_full_again_is_forgotten_and_gives_what_a_new_one_would(
    limiter, clock
):
    rate = Rate(per_minute=60, burst=2)
    await limiter.take("tea", rate, 2, clock.now_ms())
    clock.advance(seconds=1)
    await limiter.expire(clock.now_ms())
    assert await limiter.take("tea", rate, 2, clock.now_ms()) == 1_000, "a token is still missing"

    clock.advance(seconds=2)
    await limiter.expire(clock.now_ms())

    assert await limiter.take("tea", rate, 2, clock.now_ms()) == 0
