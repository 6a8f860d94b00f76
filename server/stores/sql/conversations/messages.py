"""Messages of durable rooms, and how far they have come."""

from collections.abc import Mapping, Sequence

from server.core.durable import Status, StoredMessage
from server.core.errors import AppError
from server.core.ids import RoomId, UserId
from server.core.limits import Bounds
from server.core.ports.conversations import (
    NOTHING_TOLD,
    Acknowledged,
    Deleted,
    Device,
    FoundPage,
    FoundPlace,
    MessagePage,
    MessageRef,
    NewMessage,
    Search,
    StoredNew,
    WaitingPlace,
)
from server.stores.sql.batches import Batches
from server.stores.sql.conversations import expiry, history, receipts, search, waiting
from server.stores.sql.conversations.knowing import Draft, draft_of
from server.stores.sql.conversations.storing import Outcome, append_all, append_first
from server.stores.sql.database import Database


class SqlMessages:
    """A `MessageStore`."""

    def __init__(self, database: Database, bounds: Bounds) -> None:
        self._database = database
        self._batches: Batches[Draft, StoredNew] = Batches(
            together=lambda drafts: database.write(lambda: append_all(drafts, bounds, waits=False)),
            apart=lambda drafts: _store_apart(database, drafts, bounds),
        )

    async def append(self, new: NewMessage, now_ms: int, default_ttl_ms: int | None) -> StoredNew:
        draft = draft_of(new, now_ms, default_ttl_ms)
        return await self._batches.do(draft.key, draft, draft.size_bytes)

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
    ) -> FoundPage:
        return await self._database.read(
            lambda: search.search(user_id, search_for, before, limit, now_ms)
        )

    async def expire(self, now_ms: int, limit: int) -> int:
        forgotten = await self._database.write(lambda: expiry.expire(now_ms, limit))
        if forgotten < limit:
            room = limit - forgotten
            forgotten += await self._database.write(lambda: expiry.forget_ended(room))
        return forgotten


async def _store_apart(
    database: Database, drafts: Sequence[Draft], bounds: Bounds
) -> Sequence[Outcome]:
    """Store messages of one room, which another transaction has locked, or which is not there."""
    done = await database.write(lambda: append_all(drafts, bounds, waits=True))
    if done[0] is not None:
        return done
    try:
        first: Outcome = await database.write(lambda: append_first(drafts[0], bounds))
    except AppError as refusal:
        first = refusal
    return [first, *done[1:]]
