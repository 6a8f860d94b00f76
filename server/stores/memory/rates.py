"""Token buckets in memory, with a bound on how many are remembered."""

from collections import OrderedDict
from typing import NamedTuple

from server.core.limits import Rate

_MAX_BUCKETS = 200_000

_TOKEN = 60_000
"""Parts of a token, of which a bucket gains `per_minute` each millisecond: whole numbers only."""


class _Bucket(NamedTuple):
    """What a bucket held when it was seen, and when it will be full again."""

    held: int
    seen_ms: int
    full_ms: int


class MemoryRateLimiter:
    """A `RateLimiter` for one process.

    When there are too many buckets, the one untouched for longest is forgotten, which fills
    it: an attacker with that many addresses is not held by limits per address anyway.
    """

    def __init__(self, max_buckets: int = _MAX_BUCKETS) -> None:
        self._max_buckets = max_buckets
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    async def take(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> int:
        held = self._held(bucket, rate, now_ms)
        wanted = min(cost, rate.burst) * _TOKEN
        if held >= wanted:
            self._keep(bucket, held - wanted, rate, now_ms)
            return 0
        self._keep(bucket, held, rate, now_ms)
        return -(-(wanted - held) // rate.per_minute)

    async def charge(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> None:
        held = self._held(bucket, rate, now_ms) - cost * _TOKEN
        self._keep(bucket, max(held, -rate.burst * _TOKEN), rate, now_ms)

    async def expire(self, now_ms: int) -> None:
        # The one untouched for longest comes first, and one that is slow to fill holds up
        # the others for half a minute at most.
        while self._buckets and self._buckets[next(iter(self._buckets))].full_ms <= now_ms:
            self._buckets.popitem(last=False)

    def _held(self, bucket: str, rate: Rate, now_ms: int) -> int:
        full = rate.burst * _TOKEN
        kept = self._buckets.pop(bucket, None)
        if kept is None:
            return full
        return min(full, kept.held + max(0, now_ms - kept.seen_ms) * rate.per_minute)

    def _keep(self, bucket: str, held: int, rate: Rate, now_ms: int) -> None:
        full_ms = now_ms - (held - rate.burst * _TOKEN) // rate.per_minute
        self._buckets[bucket] = _Bucket(held, now_ms, full_ms)
        if len(self._buckets) > self._max_buckets:
            self._buckets.popitem(last=False)
