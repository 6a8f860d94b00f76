"""Spending a rate: token buckets, and one call that refuses with the time to wait."""

from server.core.clock import Clock
from server.core.errors import AppError, Code
from server.core.limits import BYTES_AN_EVENT, Rate
from server.core.ports import RateLimiter

_TOKEN = 60_000
"""Parts of a token, of which a bucket gains `per_minute` each millisecond: whole numbers only."""


class TokenBucket:
    """Holds at most `rate.burst` tokens and gains `rate.per_minute`; full when it is new."""

    __slots__ = ("_missing", "_seen_ms")

    def __init__(self, now_ms: int) -> None:
        self._missing = 0  # parts, to be full
        self._seen_ms = now_ms

    def take(self, rate: Rate, cost: int, now_ms: int) -> int:
        """Take tokens if they are there.

        Returns:
            0 if taken, else after how many milliseconds they will be there.
        """
        whole = rate.burst * _TOKEN
        missing = self._fill(rate, now_ms) + cost * _TOKEN
        if missing <= whole:
            self._missing = missing
            return 0
        # What costs more than it can hold, takes all.
        beyond = self._missing + min(cost, rate.burst) * _TOKEN - whole
        if beyond > 0:
            return -(-beyond // rate.per_minute)
        self._missing = whole
        return 0

    def charge(self, rate: Rate, cost: int, now_ms: int) -> None:
        """Take tokens even if that leaves a debt, of at most `rate.burst`."""
        self._missing = min(self._fill(rate, now_ms) + cost * _TOKEN, 2 * rate.burst * _TOKEN)

    def full_ms(self, rate: Rate) -> int:
        """When it will be full again, if nothing is taken until then."""
        return self._seen_ms - (-self._missing // rate.per_minute)

    def _fill(self, rate: Rate, now_ms: int) -> int:
        gained = (now_ms - self._seen_ms) * rate.per_minute
        self._seen_ms = now_ms
        if gained > 0:  # times that several processes wrote may step back
            self._missing = self._missing - gained if self._missing > gained else 0
        return self._missing


class Meter:
    """What one connection asks for, and how much it is answered."""

    __slots__ = ("_bucket", "_clock", "_rate")

    def __init__(self, rate: Rate, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._bucket = TokenBucket(clock.now_ms())

    def spend(self) -> None:
        """Count an event.

        Raises:
            AppError: RATE_LIMITED, with `retry_after_ms`.
        """
        wait_ms = self._bucket.take(self._rate, 1, self._clock.now_ms())
        if wait_ms:
            raise refusal(wait_ms)

    def charge(self, size_bytes: int) -> None:
        """Count a long answer as many events."""
        self._bucket.charge(self._rate, size_bytes // BYTES_AN_EVENT, self._clock.now_ms())


def refusal(wait_ms: int) -> AppError:
    """What whoever is too fast is told."""
    return AppError(Code.RATE_LIMITED, f"too many; try again in {-(-wait_ms // 1000)} s", wait_ms)


async def spend(
    limiter: RateLimiter, what: str, who: str, rate: Rate | None, now_ms: int, cost: int = 1
) -> None:
    """Count one `what` by `who`, or as many as it costs; None as the rate counts nothing.

    Raises:
        AppError: RATE_LIMITED, with `retry_after_ms`.
    """
    if rate is None:
        return
    wait_ms = await limiter.take(f"{what}:{who}", rate, cost, now_ms)
    if wait_ms:
        raise refusal(wait_ms)


async def charge(
    limiter: RateLimiter, key: tuple[str, str], rate: Rate | None, cost: int, now_ms: int
) -> None:
    """Count more of what was spent, even if that leaves a debt; `key` is the what and the who."""
    if rate is not None:
        await limiter.charge(":".join(key), rate, cost, now_ms)
