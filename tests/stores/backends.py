"""The backends that keep the protocols of `core/ports.py`: every one runs the same suite.

A backend opens each of its stores empty, and closes it after the test.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from msgspec import Struct

from server.core.limits import Bounds
from server.core.ports import Broker, RateLimiter, RoomStore
from server.stores.memory.broker import LocalBroker
from server.stores.memory.rates import MemoryRateLimiter
from server.stores.memory.rooms import MemoryRooms


class Backend(Struct, frozen=True):
    """How one backend opens its stores.

    Attributes:
        brokers: The brokers of all processes that this backend can connect, one or more.
    """

    name: str
    rooms: Callable[[Bounds], AbstractAsyncContextManager[RoomStore]]
    limiter: Callable[[], AbstractAsyncContextManager[RateLimiter]]
    brokers: Callable[[], AbstractAsyncContextManager[Sequence[Broker]]]


@asynccontextmanager
async def _memory_rooms(bounds: Bounds) -> AsyncIterator[RoomStore]:
    yield MemoryRooms(bounds)


@asynccontextmanager
async def _memory_limiter() -> AsyncIterator[RateLimiter]:
    yield MemoryRateLimiter()


@asynccontextmanager
async def _local_broker() -> AsyncIterator[Sequence[Broker]]:
    yield [LocalBroker()]


BACKENDS = (Backend("memory", _memory_rooms, _memory_limiter, _local_broker),)
