"""The backends that keep the protocols of `core/ports.py`: every one runs the same suite.

A backend opens each of its stores empty, and closes it after the test.
"""

import functools
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import cast

from msgspec import Struct, structs

from server.core.clock import SystemClock
from server.core.kinds import Policy
from server.core.limits import Bounds
from server.core.ports import Broker, GroupStore, RateLimiter, RoomStore
from server.stores.memory.broker import LocalBroker
from server.stores.memory.groups import MemoryGroups
from server.stores.memory.rates import MemoryRateLimiter
from server.stores.memory.rooms import MemoryRooms
from server.stores.memory.space import Space
from server.stores.redis.attachments import Attachments
from server.stores.redis.connect import connect
from server.stores.redis.groups import RedisGroups
from server.stores.redis.leases import Leases
from server.stores.redis.link import Link
from server.stores.redis.rates import RedisRateLimiter
from server.stores.redis.rooms import RedisRooms
from tests.redis_servers import RedisServer, shared_old_redis, shared_redis
from tests.redis_sets import shared_cluster
from tests.stores.redis.neighbours import Neighbours


class Backend(Struct, frozen=True, kw_only=True):
    """How one backend opens its stores.

    Attributes:
        name: With its version, if it is tested with several.
        files: The only test files that are run on it; none for all.
        groups: Under a policy for all of them.
        rooms_and_groups: The two as an installation has them, in one space.
        brokers: The brokers of all processes that this backend can connect, one or more.
        slowness: By what examples in random order are divided: each step goes over a wire.
    """

    name: str
    files: tuple[str, ...] = ()
    rooms: Callable[[Bounds], AbstractAsyncContextManager[RoomStore]]
    limiter: Callable[[], AbstractAsyncContextManager[RateLimiter]]
    groups: Callable[[Policy, Bounds], AbstractAsyncContextManager[GroupStore]]
    rooms_and_groups: Callable[
        [Policy, Bounds], AbstractAsyncContextManager[tuple[RoomStore, GroupStore]]
    ]
    brokers: Callable[[], AbstractAsyncContextManager[Sequence[Broker]]] | None = None
    slowness: int = 1


@asynccontextmanager
async def _memory_rooms(bounds: Bounds) -> AsyncIterator[RoomStore]:
    yield MemoryRooms(bounds)


@asynccontextmanager
async def _memory_groups(policy: Policy, bounds: Bounds) -> AsyncIterator[GroupStore]:
    yield MemoryGroups(policy, bounds)


@asynccontextmanager
async def _memory_rooms_and_groups(
    policy: Policy, bounds: Bounds
) -> AsyncIterator[tuple[RoomStore, GroupStore]]:
    space = Space(bounds.total_bytes)
    yield MemoryRooms(bounds, space), MemoryGroups(policy, bounds, space)


@asynccontextmanager
async def _memory_limiter() -> AsyncIterator[RateLimiter]:
    yield MemoryRateLimiter()


@asynccontextmanager
async def _local_broker() -> AsyncIterator[Sequence[Broker]]:
    yield [LocalBroker(SystemClock())]


NODE = "node-1"

_databases = itertools.cycle(range(16))


@asynccontextmanager
async def _empty_redis(server: Callable[[], RedisServer]) -> AsyncIterator[Link]:
    """An empty database; those opened lately are left alone, since a test may have two stores."""
    link = await connect(server().url_of(next(_databases)), timeout_s=20)
    await link.client.flushdb()
    try:
        yield link
    finally:
        await link.close()


@asynccontextmanager
async def _empty_cluster() -> AsyncIterator[Link]:
    servers = shared_cluster()
    for server in servers:
        with server.client() as client:
            client.flushall()
    link = await connect(servers[0].url, timeout_s=20)
    try:
        yield link
    finally:
        await link.close()


def _redis(
    name: str,
    opened: Callable[[], AbstractAsyncContextManager[Link]],
    slowness: int,
    files: tuple[str, ...] = (),
) -> Backend:
    @asynccontextmanager
    async def rooms(bounds: Bounds) -> AsyncIterator[RoomStore]:
        async with opened() as link:
            yield RedisRooms(link, Attachments(), NODE, bounds, Leases(link, bounds))

    @asynccontextmanager
    async def groups(policy: Policy, bounds: Bounds) -> AsyncIterator[GroupStore]:
        async with opened() as link:
            leases = Leases(link, bounds)
            yield RedisGroups(link, Attachments(), NODE, policy, bounds, leases)

    @asynccontextmanager
    async def rooms_and_groups(
        policy: Policy, bounds: Bounds
    ) -> AsyncIterator[tuple[RoomStore, GroupStore]]:
        async with opened() as link:
            common = link, Attachments(), NODE
            leases = Leases(link, bounds)
            yield (
                RedisRooms(*common, bounds, leases),
                RedisGroups(*common, policy, bounds, leases),
            )

    @asynccontextmanager
    async def limiter() -> AsyncIterator[RateLimiter]:
        async with opened() as link:
            yield RedisRateLimiter(link)

    return Backend(
        name=name,
        rooms=rooms,
        groups=groups,
        rooms_and_groups=rooms_and_groups,
        limiter=limiter,
        slowness=slowness,
        files=files,
    )


@asynccontextmanager
async def _rooms_of_two_processes(bounds: Bounds) -> AsyncIterator[RoomStore]:
    async with _empty_redis(shared_redis) as link:
        stores = [
            RedisRooms(link, Attachments(), node, bounds, Leases(link, bounds))
            for node in ("node-1", "node-2")
        ]
        yield cast(RoomStore, Neighbours(*stores))


def _two_processes() -> Backend:
    one = _redis("", functools.partial(_empty_redis, shared_redis), slowness=10)
    files = ("test_rooms_in_random_order", "test_rooms_identity", "test_rooms_going_out")
    return structs.replace(
        one, name="redis-two-processes", rooms=_rooms_of_two_processes, files=files
    )


BACKENDS = (
    Backend(
        name="memory",
        rooms=_memory_rooms,
        groups=_memory_groups,
        rooms_and_groups=_memory_rooms_and_groups,
        limiter=_memory_limiter,
        brokers=_local_broker,
    ),
    _redis("redis", functools.partial(_empty_redis, shared_redis), slowness=8),
    _redis("redis-6.2", functools.partial(_empty_redis, shared_old_redis), slowness=50),
    _redis(
        "redis-cluster",
        _empty_cluster,
        slowness=200,
        files=("test_rooms_coming_in", "test_rooms_messages", "test_groups_matching"),
    ),
)


def backends_for(part: str, file: str) -> list[Backend]:
    """Those that have one of the stores, and run a test file."""
    known = (*BACKENDS, _two_processes())
    return [one for one in known if getattr(one, part) and file in (one.files or (file,))]
