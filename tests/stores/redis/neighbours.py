"""One store of rooms that is several: each connection is of one process, as connections are."""

import itertools
import zlib
from typing import Any

from server.core.events import RoomEvent
from server.core.ids import ConnectionId, RoomId
from server.core.kinds import Policy
from server.core.ports import (
    Appended,
    Draft,
    Entry,
    Joined,
    Reservation,
    RoomStore,
    RoomSummary,
    RoomTotals,
)


class Neighbours:
    """A `RoomStore` of several processes' stores of the same rooms."""

    def __init__(self, *stores: RoomStore) -> None:
        self._stores = stores
        self._turns = itertools.cycle(stores)

    def _of(self, connection_id: ConnectionId) -> RoomStore:
        return self._stores[zlib.crc32(connection_id.encode()) % len(self._stores)]

    async def join(self, entry: Entry, policy: Policy, now_ms: int) -> Joined:
        return await self._of(entry.connection_id).join(entry, policy, now_ms)

    async def append(self, draft: Draft, now_ms: int) -> Appended:
        return await self._of(draft.connection_id).append(draft, now_ms)

    async def lose(self, connection_id: ConnectionId, now_ms: int) -> None:
        await self._of(connection_id).lose(connection_id, now_ms)

    async def rooms_of(self, connection_id: ConnectionId) -> tuple[RoomId, ...]:
        return await self._of(connection_id).rooms_of(connection_id)

    # What any of them can do, they do by turns.

    async def reserve(
        self, room_id: RoomId, key_hash: bytes | None, policy: Policy, now_ms: int
    ) -> Reservation:
        return await next(self._turns).reserve(room_id, key_hash, policy, now_ms)

    async def summaries(self, after: RoomId | None, limit: int) -> tuple[RoomSummary, ...]:
        return await next(self._turns).summaries(after, limit)

    async def totals(self) -> RoomTotals:
        return await next(self._turns).totals()

    # Each looks after what it has made due.

    async def expire_lost(self, now_ms: int) -> tuple[RoomEvent, ...]:
        return tuple([e for store in self._stores for e in await store.expire_lost(now_ms)])

    async def expire_idle(self, now_ms: int) -> tuple[RoomEvent, ...]:
        return tuple([e for store in self._stores for e in await store.expire_idle(now_ms)])

    def __getattr__(self, name: str) -> Any:
        """What a connection does in a room."""

        async def act(room_id: RoomId, connection_id: ConnectionId, *more: Any) -> Any:
            return await getattr(self._of(connection_id), name)(room_id, connection_id, *more)

        return act
