"""Rates that are counted for all processes, without asking Redis each time."""

import asyncio
from collections import OrderedDict

from server.core.limits import Rate
from server.core.ports import RateLimiter

_PART = 8
"""Of a burst, that a process takes for somebody at once, to be spent here."""

_GOOD_MS = 5_000
"""After so long what was not spent is lost, as somebody may go on at another process."""

_MAX_HELD = 50_000


class Allowances:
    """A `RateLimiter` that takes tokens from another one by the handful.

    Nobody gets more than the other gives. Who takes little now and then gets a little less:
    at most an eighth of the burst in five seconds goes unused, which is no more than a rate
    fills up in that time.
    """

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter
        self._held: OrderedDict[str, tuple[int, int]] = OrderedDict()  # tokens, good until
        self._fetching: dict[str, asyncio.Future[None]] = {}

    async def take(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> int:
        while not self._spend(bucket, cost, now_ms):
            if rate.burst // _PART <= cost:
                return await self._limiter.take(bucket, rate, cost, now_ms)
            if bucket not in self._fetching:
                return await self._fetch(bucket, rate, cost, now_ms)
            # Many at once must not take a handful each: most of them would go unused.
            await asyncio.wait((self._fetching[bucket],))
        return 0

    async def charge(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> None:
        self._held.pop(bucket, None)
        await self._limiter.charge(bucket, rate, cost, now_ms)

    async def expire(self, now_ms: int) -> None:
        while self._held:
            _, good_until_ms = next(iter(self._held.values()))
            if good_until_ms > now_ms:
                break
            self._held.popitem(last=False)
        await self._limiter.expire(now_ms)

    def _spend(self, bucket: str, cost: int, now_ms: int) -> bool:
        """Whether enough is held here; then it is spent."""
        tokens, good_until_ms = self._held.get(bucket, (0, 0))
        if tokens < cost or now_ms >= good_until_ms:
            return False
        self._held[bucket] = (tokens - cost, good_until_ms)
        return True

    async def _fetch(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> int:
        """Take a handful and spend of it, or only what it costs if there is no more."""
        handful = rate.burst // _PART
        fetched = self._fetching[bucket] = asyncio.get_running_loop().create_future()
        try:
            if not await self._limiter.take(bucket, rate, handful, now_ms):
                # What is left is not added: it belongs to the time before.
                self._hold(bucket, handful - cost, now_ms)
                return 0
            return await self._limiter.take(bucket, rate, cost, now_ms)
        finally:
            del self._fetching[bucket]
            fetched.set_result(None)

    def _hold(self, bucket: str, tokens: int, now_ms: int) -> None:
        self._held[bucket] = (tokens, now_ms + _GOOD_MS)
        self._held.move_to_end(bucket)
        if len(self._held) > _MAX_HELD:
            self._held.popitem(last=False)
