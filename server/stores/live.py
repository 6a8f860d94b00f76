"""The stores of live state, as one installation has them: in memory, or shared in Redis."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from server.core.clock import Clock
from server.core.kinds import Policy
from server.core.limits import Bounds
from server.core.ports import (
    Broker,
    GroupStore,
    PresenceStore,
    RateLimiter,
    RecoveryStore,
    RoomStore,
    Topics,
    UserBroker,
)
from server.stores.memory.broker import LocalBroker
from server.stores.memory.groups import MemoryGroups
from server.stores.memory.presences import MemoryPresences
from server.stores.memory.rates import MemoryRateLimiter
from server.stores.memory.recoveries import MAX_SESSIONS, MemoryRecoveries
from server.stores.memory.rooms import MemoryRooms
from server.stores.memory.space import Space
from server.stores.memory.topics import LocalTopics
from server.stores.memory.user_broker import LocalUserBroker


class Live(Protocol):
    """All that holds live state, and the way from one process to the others."""

    rooms: RoomStore
    groups: GroupStore
    limiter: RateLimiter
    broker: Broker
    user_broker: UserBroker
    topics: Topics
    presences: PresenceStore
    workspace_presences: PresenceStore
    recoveries: RecoveryStore

    @property
    def is_ready(self) -> bool:
        """Whether what is needed is there."""
        ...

    async def start(self, on_lost: Callable[[], Awaitable[None]]) -> None:
        """Begin to hear of others.

        Args:
            on_lost: Called if the others have given this process up: its connections are to
                be closed, so that their clients come back.
        """
        ...

    async def stop(self) -> None:
        """Tell the others that this process ends, and let go of everything."""
        ...


class StoreAwayError(Exception):
    """Where live state is to be cannot be had; the text says why."""


class MemoryLive:
    """Live state in this process alone.

    Args:
        recovery_ms: For so long after a drop somebody may come back.
        max_sessions: Of connections that may come back, open and dropped ones.
    """

    is_ready = True

    def __init__(
        self,
        random: Policy,
        bounds: Bounds,
        clock: Clock,
        recovery_ms: int = 0,
        max_sessions: int = MAX_SESSIONS,
    ) -> None:
        space = Space(bounds.total_bytes)
        self.rooms: RoomStore = MemoryRooms(bounds, space)
        self.groups: GroupStore = MemoryGroups(random, bounds, space)
        self.limiter: RateLimiter = MemoryRateLimiter()
        self.broker: Broker = LocalBroker(clock, recovery_ms)
        self.user_broker: UserBroker = LocalUserBroker()
        self.topics: Topics = LocalTopics()
        self.presences: PresenceStore = MemoryPresences()
        self.workspace_presences: PresenceStore = MemoryPresences()
        self.recoveries: RecoveryStore = MemoryRecoveries(max_sessions)

    async def start(self, on_lost: Callable[[], Awaitable[None]]) -> None:
        """There are no others."""

    async def stop(self) -> None:
        """It ends with the process."""
