"""The backends that keep the protocols of `core/ports.py`: every one runs the same suite.

A backend opens each of its stores empty, and closes it after the test.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from msgspec import Struct

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
from tests.redis_servers import shared_redis


class Backend(Struct, frozen=True):
    """How one backend opens its stores.

    Attributes:
        groups: Under a policy for all of them.
        rooms_and_groups: The two as an installation has them, in one space.
        brokers: The brokers of all processes that this backend can connect, one or more.
    """

    name: str
    rooms: Callable[[Bounds], AbstractAsyncContextManager[RoomStore]]
    groups: Callable[[Policy, Bounds], AbstractAsyncContextManager[GroupStore]]
    rooms_and_groups: Callable[
        [Policy, Bounds], AbstractAsyncContextManager[tuple[RoomStore, GroupStore]]
    ]
    limiter: Callable[[], AbstractAsyncContextManager[RateLimiter]]
    brokers: Callable[[], AbstractAsyncContextManager[Sequence[Broker]]]


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


@asynccontextmanager
async def _redis_groups(policy: Policy, bounds: Bounds) -> AsyncIterator[GroupStore]:
    async with empty_redis() as link:
        yield RedisGroups(Attachments(), NODE, policy, bounds, Leases(link, bounds))


@asynccontextmanager
async def empty_redis() -> AsyncIterator[Link]:
    server = shared_redis()
    with server.client() as client:
        client.flushall()
    link = await connect(server.url)
    try:
        yield link
    finally:
        await link.close()


BACKENDS = (
    Backend(
        name="memory",
        rooms=_memory_rooms,
        groups=_memory_groups,
        rooms_and_groups=_memory_rooms_and_groups,
        limiter=_memory_limiter,
        brokers=_local_broker,
    ),
    Backend(
        name="redis",
        rooms=_memory_rooms,
        groups=_redis_groups,
        rooms_and_groups=_memory_rooms_and_groups,
        limiter=_memory_limiter,
        brokers=_local_broker,
    ),
)
