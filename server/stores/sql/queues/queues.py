"""Events that wait for devices."""

from collections.abc import Sequence

from server.core.ids import EventId
from server.core.limits import Bounds
from server.core.ports.conversations import Device
from server.core.ports.queues import Forgotten, NewEvent, Queued, QueueStatistics
from server.core.queued import QueuedEvent
from server.stores.sql.batches import Batches
from server.stores.sql.database import Database
from server.stores.sql.queues import reading
from server.stores.sql.queues.acknowledging import Ack, acknowledge_all
from server.stores.sql.queues.appending import Draft, append_all
from server.stores.sql.queues.expiry import expire_events, lapse_queues
from server.stores.sql.queues.seeing import see


class SqlQueues:
    """A `QueueStore`."""

    def __init__(self, database: Database, bounds: Bounds) -> None:
        self._database = database
        self._appends: Batches[Draft, Queued] = Batches(
            together=lambda some: database.write(lambda: append_all(some, bounds, waits=False)),
            apart=lambda some: database.write(lambda: append_all(some, bounds, waits=True)),
        )
        self._acks: Batches[Ack, int] = Batches(
            together=lambda some: database.write(lambda: acknowledge_all(some, waits=False)),
            apart=lambda some: database.write(lambda: acknowledge_all(some, waits=True)),
        )

    async def append(self, new: NewEvent, now_ms: int) -> Queued:
        draft = Draft(new, now_ms)
        return await self._appends.do(draft.key, draft, draft.size_bytes)

    async def after(
        self, device: Device, seq: int, limit: int, max_bytes: int
    ) -> Sequence[QueuedEvent]:
        return await self._database.read(lambda: reading.after(device, seq, limit, max_bytes))

    async def waiting(self, device: Device, seqs: Sequence[int]) -> frozenset[int]:
        return await self._database.look_up(lambda: reading.waiting(device, seqs))

    async def acknowledge(self, device: Device, event_id: EventId, now_ms: int) -> int | None:
        ack = Ack(device, event_id, now_ms)
        return (await self._acks.do(ack.key, ack)) or None

    async def see(self, devices: Sequence[Device], now_ms: int) -> None:
        await self._database.write(lambda: see(devices, now_ms))

    async def expire(self, now_ms: int, limit: int) -> Forgotten:
        events = await self._database.write(lambda: expire_events(now_ms, limit))
        if not events.is_all:
            return events
        lapsed = await self._database.write(lambda: lapse_queues(now_ms, limit))
        return Forgotten(count=events.count + lapsed.count, is_all=lapsed.is_all)

    async def statistics(self) -> QueueStatistics:
        return await self._database.read(reading.statistics)
