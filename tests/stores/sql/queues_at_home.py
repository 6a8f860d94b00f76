"""Events for the people of a household, straight into their queues."""

from typing import Any

from server.core.ids import EventId, RoomId, UserId, new_id
from server.core.limits import Bounds
from server.core.ports.conversations import Device
from server.core.ports.queues import NewEvent, Queued
from server.core.queued import QueuedEvent
from server.stores.sql.queues import SqlQueues
from server.stores.sql.steps import Row, rows, value
from tests.stores.sql.households import NOW_MS, Household, phone

_WRONG_QUEUES = (
    "SELECT q.user_id, q.device_id, q.waiting FROM queues q WHERE q.waiting <> ("
    "SELECT COUNT(*) FROM queued_events p "
    "WHERE p.user_id = q.user_id AND p.device_id = q.device_id)"
)
_WRONG_EVENTS = (
    "SELECT e.sender_id, e.event_id, e.waiting FROM events e WHERE e.waiting <> ("
    "SELECT COUNT(*) FROM queued_events p WHERE p.event_key = e.event_key)"
)


class Post:
    """The queues of a household.

    Args:
        bounds: Small ones, so that tests reach them.
    """

    def __init__(self, home: Household, bounds: Bounds) -> None:
        self.home = home
        self.bounds = bounds
        self.store = SqlQueues(home.database, bounds)

    async def send(
        self, sender: str, to: str | RoomId | tuple[str, ...], event_id: str = "", **other: Any
    ) -> Queued:
        """Send to a user, to several, or to a group."""
        now_ms = other.pop("now_ms", NOW_MS)
        named = (to,) if isinstance(to, str) else to
        wish: dict[str, Any] = {
            "event_id": EventId(event_id or new_id()),
            "sender": UserId(sender),
            "sender_device": phone(sender).device_id,
            "recipients": () if isinstance(to, RoomId) else tuple(map(UserId, named)),
            "group_id": to if isinstance(to, RoomId) else None,
            "type": "MESSAGE",
            "metadata": b'{"chat_id":"c"}',
            "payload": "c2VjcmV0",
            "is_rotation": False,
        }
        return await self.store.append(NewEvent(**{**wish, **other}), now_ms)

    async def read(self, device: Device, seq: int = 0, limit: int = 100) -> list[QueuedEvent]:
        return list(await self.store.after(device, seq, limit, 1_000_000))

    async def places(self, device: Device) -> list[tuple[int, str]]:
        """What waits: the sequences, and the ids of events or why they are missing."""
        return [
            (one.seq, one.lost_as.value if one.lost_as else one.event_id)
            for one in await self.read(device)
        ]

    async def acknowledge(self, device: Device, *event_ids: str) -> list[int | None]:
        return [await self.store.acknowledge(device, EventId(one), NOW_MS) for one in event_ids]

    async def check_counts(self) -> None:
        """Queues and events say how much waits of them, and that is so."""
        assert await self._read(_WRONG_QUEUES) == []
        assert await self._read(_WRONG_EVENTS) == []

    async def _read(self, sql: str) -> list[Row]:
        return list(await self.home.database.read(lambda: rows(sql)))

    async def stored_bytes(self, user: str) -> int:
        """What is counted as stored of a sender's."""
        sql = "SELECT bytes FROM stored_bytes WHERE user_id = $1"
        return int(await self.home.database.read(lambda: value(sql, user)) or 0)
