"""Token buckets in memory, with a bound on how many are remembered."""

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
        per_ms = rate.per_minute / 60_000
        tokens, seen_ms = self._buckets.pop(bucket, (float(rate.burst), now_ms))
        tokens = min(rate.burst, tokens + max(0, now_ms - seen_ms) * per_ms)
        cost = min(cost, rate.burst)
        wait_ms = 0
        if tokens >= cost:
            tokens -= cost
        else:
            wait_ms = max(1, round((cost - tokens) / per_ms))
        self._buckets[bucket] = (tokens, now_ms)
        if len(self._buckets) > self._max_buckets:
            self._buckets.popitem(last=False)
        return wait_ms
