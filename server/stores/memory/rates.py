"""Token buckets in memory, with a bound on how many are remembered."""

import math
from collections import OrderedDict

from server.core.limits import Rate

_MAX_BUCKETS = 200_000


class MemoryRateLimiter:
    """A `RateLimiter` for one process.

    When there are too many buckets, the one untouched for longest is forgotten, which fills
    it: an attacker with that many addresses is not held by limits per address anyway.
    """

    def __init__(self, max_buckets: int = _MAX_BUCKETS) -> None:
        self._max_buckets = max_buckets
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    async def take(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> int:
        tokens = self._tokens(bucket, rate, now_ms)
        cost = min(cost, rate.burst)
        if tokens >= cost:
            self._keep(bucket, tokens - cost, now_ms)
            return 0
        self._keep(bucket, tokens, now_ms)
        return max(1, math.ceil((cost - tokens) * 60_000 / rate.per_minute))

    async def charge(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> None:
        tokens = self._tokens(bucket, rate, now_ms) - cost
        self._keep(bucket, max(tokens, -rate.burst), now_ms)

    def _tokens(self, bucket: str, rate: Rate, now_ms: int) -> float:
        tokens, seen_ms = self._buckets.pop(bucket, (float(rate.burst), now_ms))
        gained = max(0, now_ms - seen_ms) * rate.per_minute / 60_000
        return min(rate.burst, tokens + gained)

    def _keep(self, bucket: str, tokens: float, now_ms: int) -> None:
        self._buckets[bucket] = (tokens, now_ms)
        if len(self._buckets) > self._max_buckets:
            self._buckets.popitem(last=False)
