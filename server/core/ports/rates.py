"""How often somebody may do a thing, counted for all processes together."""

from typing import Protocol

from server.core.limits import Rate


class RateLimiter(Protocol):
    """Token buckets. A bucket holds at most `rate.burst` tokens and gains `rate.per_minute`."""

    async def take(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> int:
        """Take `cost` tokens if the bucket has them.

        Returns:
            0 if taken, else after how many milliseconds the bucket will have them.
        """
        ...

    async def expire(self, now_ms: int) -> None:
        """Forget buckets that are full again, and with them whose they were."""
        ...

    async def charge(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> None:
        """Take `cost` tokens even if that leaves a debt, of at most `rate.burst`."""
        ...
