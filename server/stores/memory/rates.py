"""Token buckets in memory, with a bound on how many are remembered."""

from collections import OrderedDict

from server.core.limits import Rate

_MAX_BUCKETS = 200_000

_TOKEN = 60_000
"""Parts of a token, of which a bucket gains `per_minute` each millisecond: whole numbers only."""


class MemoryRateLimiter:
    """A `RateLimiter` for one process.

    When there are too many buckets, the one untouched for longest is forgotten, which fills
    it: an attacker with that many addresses is not held by limits per address anyway.
    """

    def __init__(self, max_buckets: int = _MAX_BUCKETS) -> None:
        self._max_buckets = max_buckets
        self._buckets: OrderedDict[str, tuple[int, int]] = OrderedDict()

    async def take(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> int:
        held = self._held(bucket, rate, now_ms)
        wanted = min(cost, rate.burst) * _TOKEN
        if held >= wanted:
            self._keep(bucket, held - wanted, now_ms)
            return 0
        self._keep(bucket, held, now_ms)
        return -(-(wanted - held) // rate.per_minute)

    async def charge(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> None:
        held = self._held(bucket, rate, now_ms) - cost * _TOKEN
        self._keep(bucket, max(held, -rate.burst * _TOKEN), now_ms)

    def _held(self, bucket: str, rate: Rate, now_ms: int) -> int:
        full = rate.burst * _TOKEN
        held, seen_ms = self._buckets.pop(bucket, (full, now_ms))
        return min(full, held + max(0, now_ms - seen_ms) * rate.per_minute)

    def _keep(self, bucket: str, held: int, now_ms: int) -> None:
        self._buckets[bucket] = (held, now_ms)
        if len(self._buckets) > self._max_buckets:
            self._buckets.popitem(last=False)
