"""Token buckets in Redis: a key each, which goes by itself when the bucket is long full."""

from server.core.limits import Rate
from server.stores.redis import keys
from server.stores.redis.link import Link
from server.stores.redis.scripts import Script

_TAKE = Script("rates/take", ("bucket",))
_CHARGE = Script("rates/charge", ("bucket",))


class RedisRateLimiter:
    """A `RateLimiter` for all processes together: one script, one call of a bucket.

    Its arithmetic is that of `core.rates.TokenBucket`.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    async def take(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> int:
        return int(await self._run(_TAKE, bucket, rate, cost, now_ms))

    async def charge(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> None:
        await self._run(_CHARGE, bucket, rate, cost, now_ms)

    async def expire(self, now_ms: int) -> None:
        """Nothing to do: Redis forgets them."""

    async def _run(self, script: Script, bucket: str, rate: Rate, cost: int, now_ms: int) -> int:
        tag = keys.shard_of(bucket)
        numbers = (rate.per_minute, rate.burst, cost, now_ms)
        answer: int = await self._link.run(script, tag, bucket, *numbers)
        return answer
