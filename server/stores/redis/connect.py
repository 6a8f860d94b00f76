"""Opening Redis by its URL: one server, Sentinel, or Cluster."""

from urllib.parse import urlsplit

import redis.asyncio as redis_asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from server.stores.redis.link import Link

TIMEOUT_S = 2.0
"""For one command, and for a place in the pool."""

MAX_CONNECTIONS = 64

SHARDED_PUBSUB = 7
"""The major version of Redis from which on there is SSUBSCRIBE."""


async def connect(url: str, *, timeout_s: float = TIMEOUT_S) -> Link:
    """Open Redis.

    Raises:
        RedisError, OSError: It cannot be reached, or is too old.
        ValueError: The URL is of no known form.
    """
    if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
        raise ValueError("must begin with redis://, rediss:// or redis+sentinel://")
    pool = redis_asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        # A command that may have run must not be run again behind our back.
        retry=Retry(NoBackoff(), 0),
    )
    client = redis_asyncio.Redis.from_pool(pool)
    version = (await client.info("server"))["redis_version"]
    is_sharded = int(str(version).split(".")[0]) >= SHARDED_PUBSUB
    return Link(client, "SPUBLISH" if is_sharded else "PUBLISH")
