"""RedisRateLimiter: a bucket is forgotten by Redis itself, and not before it is full."""

import pytest

from server.core.limits import Rate
from server.stores.redis.rates import RedisRateLimiter
from tests.redis_servers import shared_redis
from tests.stores.redis.processes import process

ONE_A_SECOND = Rate(per_minute=60, burst=100)


@pytest.fixture
async def link():
    with shared_redis().client() as client:
        client.flushall()
    async with process(shared_redis()) as opened:
        yield opened.link


async def life_ms(link):
    """For how long the only key stays."""
    (key,) = await link.client.keys()
    return await link.client.pttl(key)


@pytest.mark.parametrize(("taken", "full_in_s"), [(1, 1), (90, 90)])
async def test_a_bucket_outlives_the_time_that_it_takes_to_be_full(link, clock, taken, full_in_s):
    await RedisRateLimiter(link).take("tea", ONE_A_SECOND, taken, clock.now_ms())
    assert full_in_s * 1_000 < await life_ms(link) <= (full_in_s + 60) * 1_000


async def test_a_debt_is_remembered_until_it_is_paid(link, clock):
    limiter = RedisRateLimiter(link)
    await limiter.charge("tea", ONE_A_SECOND, 1_000, clock.now_ms())
    assert await limiter.take("tea", ONE_A_SECOND, 1, clock.now_ms()) == 101_000
    assert 200_000 < await life_ms(link) <= 260_000


async def test_buckets_of_two_processes_are_one(link, clock):
    async with process(shared_redis(), "node-b") as other:
        limiters = [RedisRateLimiter(link), RedisRateLimiter(other.link)]
        waits = [
            await limiters[number % 2].take("tea", Rate(60, 4), 1, clock.now_ms())
            for number in range(6)
        ]
    assert waits == [0, 0, 0, 0, 1_000, 1_000]
