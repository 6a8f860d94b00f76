"""Token buckets in memory, with a bound on how many are remembered."""

from collections import OrderedDict

from server.core.limits import Rate
from server.core.rates import TokenBucket

_MAX_BUCKETS = 200_000


class MemoryRateLimiter:
    """A `RateLimiter` for one process.

    When there are too many buckets, the one untouched for longest is forgotten, which fills
    it: an attacker with that many addresses is not held by limits per address anyway.
    """

    def __init__(self, max_buckets: int = _MAX_BUCKETS) -> None:
        self._max_buckets = max_buckets
        self._buckets: OrderedDict[str, tuple[TokenBucket, Rate]] = OrderedDict()

    async def take(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> int:
        return self._bucket(bucket, rate, now_ms).take(rate, cost, now_ms)

    async def charge(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> None:
        self._bucket(bucket, rate, now_ms).charge(rate, cost, now_ms)

    async def expire(self, now_ms: int) -> None:
        # The one untouched for longest comes first, and one that is slow to fill holds up
        # the others for half a minute at most.
        while self._buckets:
            bucket, rate = next(iter(self._buckets.values()))
            if bucket.full_ms(rate) > now_ms:
                return
            self._buckets.popitem(last=False)

    def _bucket(self, name: str, rate: Rate, now_ms: int) -> TokenBucket:
        known = self._buckets.get(name)
        if known:
            self._buckets.move_to_end(name)
            return known[0]
        bucket = TokenBucket(now_ms)
        self._buckets[name] = (bucket, rate)
        if len(self._buckets) > self._max_buckets:
            self._buckets.popitem(last=False)
        return bucket
