"""Spending a rate, and what the limits are unless an operator sets others."""

import pytest

from server.core.errors import Code
from server.core.kinds import SESSION
from server.core.limits import WRONG_KEY_COST, Bounds, Rate, Rates
from server.core.rates import spend
from server.stores.memory.rates import MemoryRateLimiter
from tests.core.visitors import refused

ONE_A_MINUTE = Rate(per_minute=1, burst=1)


@pytest.fixture
def limiter():
    return MemoryRateLimiter()


async def test_what_is_beyond_the_rate_is_refused_with_the_time_to_wait(limiter, clock):
    await spend(limiter, "join", "alice", ONE_A_MINUTE, clock.now_ms())
    clock.advance(ms=500)

    error = await refused(spend(limiter, "join", "alice", ONE_A_MINUTE, clock.now_ms()))

    assert error.code is Code.RATE_LIMITED
    assert error.retry_after_ms == 59_500
    assert "60 s" in error.message


async def test_who_waited_as_told_is_let_through(limiter, clock):
    await spend(limiter, "join", "alice", ONE_A_MINUTE, clock.now_ms())
    error = await refused(spend(limiter, "join", "alice", ONE_A_MINUTE, clock.now_ms()))
    assert error.retry_after_ms

    clock.advance(ms=error.retry_after_ms)

    await spend(limiter, "join", "alice", ONE_A_MINUTE, clock.now_ms())


async def test_people_and_things_to_do_are_counted_apart(limiter, clock):
    for what, who in (("join", "alice"), ("join", "bob"), ("send", "alice")):
        await spend(limiter, what, who, ONE_A_MINUTE, clock.now_ms())


async def test_a_lifted_rate_counts_nothing(limiter, clock):
    for _ in range(1_000):
        await spend(limiter, "join", "alice", None, clock.now_ms())


async def test_the_limiter_forgets_who_was_away_longest_when_there_are_too_many(clock):
    limiter = MemoryRateLimiter(max_buckets=2)
    for who in ("alice", "bob", "alice", "carol"):
        await limiter.take(who, Rate(1, 5), 1, clock.now_ms())

    assert await limiter.take("alice", Rate(1, 5), 4, clock.now_ms()) > 0
    assert await limiter.take("bob", Rate(1, 5), 5, clock.now_ms()) == 0


def test_a_session_is_bounded_as_the_design_says():
    assert (SESSION.idle_limit_ms, SESSION.grace_ms) == (30 * 60_000, 3_000)
    assert (SESSION.history_messages, SESSION.history_bytes) == (500, 4 * 1024 * 1024)
    assert Bounds().id_chars == 128


def test_a_wrong_key_costs_more_than_many_a_right_one():
    rates = Rates()
    assert rates.join
    assert rates.reserve
    assert WRONG_KEY_COST >= 10
    assert rates.join.per_minute / WRONG_KEY_COST < 60
    assert rates.reserve.per_minute / WRONG_KEY_COST < 60
