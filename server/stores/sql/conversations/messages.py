"""Messages of durable rooms, and how far they have come."""

from collections.abc import Mapping

from server.core.durable import Status, StoredMessage
from server.core.ids import RoomId, UserId
from server.core.limits import Bounds
from server.core.ports.conversations import (
    NOTHING_TOLD,
    Acknowledged,
    Deleted,
    Device,
    FoundPlace,
    MessagePage,
    MessageRef,
    NewMessage,
    Search,
    StoredNew,
    WaitingPlace,
)
from server.stores.sql.conversations import expiry, history, receipts, search, storing, waiting
from server.stores.sql.database import Database


class SqlMessages:
    """A `MessageStore`."""

    def __init__(self, database: Database, bounds: Bounds) -> None:
        self._database = database
        self._bounds = bounds

    async def append(self, new: NewMessage, now_ms: int, default_ttl_ms: int | None) -> StoredNew:
        try:
            return await self._database.write(
                lambda: storing.append(new, now_ms, default_ttl_ms, self._bounds)
            )
        except storing.RepeatedError as repeat:
            return repeat.stored

    async def history(
        self,
        user_id: UserId,
        room_id: RoomId,
        limit: int,
        now_ms: int,
        *,
        before: int | None = None,
        after: int | None = None,
    ) -> MessagePage:
        return await self._database.read(
            lambda: history.history(user_id, room_id, limit, now_ms, before, after)
        )

    async def direct_history(
        self,
        user_id: UserId,
        other: UserId,
        limit: int,
        now_ms: int,
        *,
        before: int | None = None,
        after: int | None = None,
    ) -> MessagePage:
        return await self._database.read(
            lambda: history.direct_history(user_id, other, limit, now_ms, before, after)
        )

    async def waiting(
        self,
        device: Device,
        limit: int,
        now_ms: int,
        *,
        after: WaitingPlace | None = None,
        told: Mapping[str, int] = NOTHING_TOLD,
    ) -> MessagePage:
        return await self._database.read(
            lambda: waiting.waiting(device, limit, now_ms, after, told)
        )

    async def acknowledge(
        self, device: Device, refs: tuple[MessageRef, ...], status: Status, now_ms: int
    ) -> Acknowledged:
        return await self._database.write(
            lambda: receipts.acknowledge(device, refs, status, now_ms)
        )

    async def get(self, user_id: UserId, ref: MessageRef, now_ms: int) -> StoredMessage:
        return await self._database.read(lambda: history.get(user_id, ref, now_ms))

    async def delete(self, user_id: UserId, ref: MessageRef, now_ms: int) -> Deleted:
        return await self._database.write(lambda: history.delete(user_id, ref, now_ms))

    async def search(
        self,
        user_id: UserId,
        search_for: Search,
        before: FoundPlace | None,
        limit: int,
        now_ms: int,
    ) -> MessagePage:
        return await self._database.read(
            lambda: search.search(user_id, search_for, before, limit, now_ms)
        )

    async def expire(self, now_ms: int, limit: int) -> int:
        return await self._database.write(lambda: expiry.expire(now_ms, limit))
