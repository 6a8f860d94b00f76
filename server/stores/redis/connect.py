"""Opening Redis by its URL: one server, Sentinel, or Cluster."""

import functools
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import redis.asyncio as redis_asyncio
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import AuthenticationError, RedisError

from server.stores.redis.batches import MAX_RUNNING
from server.stores.redis.cluster import Address, Cluster
from server.stores.redis.link import Link
from server.stores.redis.patient import patient
from server.stores.redis.servers import Server, Servers

TIMEOUT_S = 2.0
"""For one command."""

OLDEST = (6, 2)
"""The oldest version of Redis that we run on."""

SHARDED_PUBSUB = 7
"""The major version of Redis from which on there is SSUBSCRIBE."""

_MAX_CONNECTIONS = MAX_RUNNING + 12
"""To one server; beside those for commands, some to listen and to look."""

_SENTINEL_PORT = 26379

# Else the library reads its own metadata anew for each connection.
_DRIVER = DriverInfo()

_FORMS = "redis://, rediss://, unix:// or redis+sentinel://HOST:PORT,HOST:PORT/SERVICE"


class UnfitRedisError(OSError):
    """Redis cannot be used as it is. Says why, and names no password."""


async def connect(url: str, *, timeout_s: float = TIMEOUT_S) -> Link:
    """Open Redis; a Cluster is known by what its server says of itself.

    Raises:
        UnfitRedisError: It cannot be reached, refuses us, or is too old.
        ValueError: The URL is of no known form.
    """
    parts = _split(url)
    try:
        client = _client(url, parts, _options(timeout_s))
    except ValueError as error:
        raise ValueError(f"is no URL of Redis ({error}); it looks like {_FORMS}") from None
    try:
        known, version = await _known(client, parts, timeout_s)
    except BaseException:
        await client.aclose()
        raise
    return Link(known, "SPUBLISH" if version[0] >= SHARDED_PUBSUB else "PUBLISH")


async def _known(
    client: redis_asyncio.Redis, parts: SplitResult, timeout_s: float
) -> tuple[Servers, tuple[int, ...]]:
    """The server, or the Cluster that it is of, and its version."""
    where = _where(parts)
    try:
        found = await client.info("everything")
        version = tuple(int(part) for part in str(found["redis_version"]).split(".")[:2])
        if version < OLDEST:
            needed = ".".join(map(str, OLDEST))
            raise UnfitRedisError(
                f"Redis at {where} is {found['redis_version']}; {needed} is needed"
            )
        if not found.get("cluster_enabled"):
            return Server(client), version
        cluster = Cluster(client, functools.partial(_member, parts, timeout_s))
        await cluster.refresh()
        await cluster.look()
    except AuthenticationError as error:
        raise UnfitRedisError(f"Redis at {where} refuses the password: {error}") from error
    except (RedisError, OSError, TimeoutError) as error:
        raise UnfitRedisError(f"Redis at {where} cannot be used: {error}") from error
    return cluster, version


def _split(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix", "redis+sentinel"):
        raise ValueError(f"must look like {_FORMS}")
    return parts


def _options(timeout_s: float) -> dict[str, Any]:
    return {
        "max_connections": _MAX_CONNECTIONS,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "socket_keepalive": True,
        "driver_info": _DRIVER,
        # A command that may have run must not be run again behind our back.
        "retry": Retry(NoBackoff(), 0),
    }


def _client(url: str, parts: SplitResult, options: dict[str, Any]) -> redis_asyncio.Redis:
    if parts.scheme == "redis+sentinel":
        return _master(parts, options)
    if parts.scheme == "unix":
        del options["socket_keepalive"]
    pool = redis_asyncio.ConnectionPool.from_url(url, **options)
    return redis_asyncio.Redis.from_pool(patient(pool))


def _member(parts: SplitResult, timeout_s: float, address: Address) -> redis_asyncio.Redis:
    """A client of one server of a Cluster, which is spoken to as the URL says."""
    host, port = address
    login, at, _ = parts.netloc.rpartition("@")
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    scheme = "redis" if parts.scheme == "unix" else parts.scheme
    one = parts._replace(scheme=scheme, netloc=f"{login}{at}{place}", path="")
    return _client(one.geturl(), one, _options(timeout_s))


class _Master(redis_asyncio.Redis):
    """A client of whichever server is the master; closes what it asks the Sentinels by, too."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        pool = self.connection_pool
        assert isinstance(pool, SentinelConnectionPool)
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def _master(parts: SplitResult, options: dict[str, Any]) -> redis_asyncio.Redis:
    """Whichever server the Sentinels call the master."""
    login, _, places = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    service, _, database = parts.path.strip("/").partition("/")
    if not (places and service):
        raise ValueError("a Sentinel's names hosts and the service")
    for_sentinels = parse_qs(parts.query).get("sentinel_password", [None])[0]
    sentinel = Sentinel(
        [_address(place) for place in places.split(",")],
        sentinel_kwargs={**options, "password": for_sentinels},
    )
    found: redis_asyncio.Redis = sentinel.master_for(
        unquote(service),
        _Master,
        username=unquote(user) or None,
        password=unquote(password) or None,
        db=int(database or 0),
        **options,
    )
    for one in (found, *sentinel.sentinels):
        patient(one.connection_pool)
    return found


def _address(place: str) -> tuple[str, int]:
    one = urlsplit(f"//{place}")
    if not one.hostname:
        raise ValueError("a host is missing")
    return one.hostname, one.port or _SENTINEL_PORT


def _where(parts: SplitResult) -> str:
    """Without user and password."""
    return parts.netloc.rpartition("@")[2] or parts.path
