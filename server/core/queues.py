"""Queues of events: sent, read, acknowledged, forgotten."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import DeviceId, EventId, RoomId, UserId, new_id
from server.core.parts import Parts
from server.core.ports.conversations import Device
from server.core.ports.queues import Forgotten, NewEvent, Queued, QueueStatistics, QueueStore
from server.core.queued import (
    DEFAULT_DEVICE,
    EVENTS_EXPIRED,
    KEY_ROTATION,
    MEMBER_REMOVED,
    EventsQueued,
    QueuedEvent,
)
from server.core.rates import charge, spend
from server.core.workspaces.telling import Notify

SERVER_TYPES = frozenset({EVENTS_EXPIRED, MEMBER_REMOVED})
"""Of events that only the server sends."""

MAX_PAGE_BYTES = 1024 * 1024
"""Of events that are read at a time."""

RECIPIENTS_AN_EVENT = 10
"""That count as one event more."""

EXPIRED_AT_ONCE = 1_000
"""Places of queues that are forgotten in one transaction: others wait for it."""

SEEN_AT_ONCE = 500
"""Devices that are noted in one transaction."""

STATISTICS_MS = 60_000

EXPIRY_INTERVAL_MS = 60 * 60 * 1000


class Event(Struct, frozen=True, kw_only=True):
    """An event as somebody wants it sent: to users, or to the members of a group.

    Attributes:
        metadata: The text of a JSON value.
    """

    event_id: EventId | None
    recipients: tuple[UserId, ...]
    group_id: RoomId | None
    type: str
    metadata: bytes | None
    payload: str | None


class Queues:
    """Events that wait for the devices of an installation."""

    def __init__(self, parts: Parts, store: QueueStore, notify: Notify) -> None:
        self._parts = parts
        self._store = store
        self._notify = notify
        self._expires_next_ms = 0
        self._recent: tuple[int, QueueStatistics] | None = None
        self._present: Callable[[], Sequence[Device]] = tuple

    def watch(self, present: Callable[[], Sequence[Device]]) -> None:
        """Ask for the devices that are connected, so that none is taken for gone."""
        self._present = present

    async def send(self, user: User, event: Event) -> Queued:
        """Queue an event, once for each id; whoever is connected gets it at once.

        Raises:
            AppError: See `QueueStore.append`; also INVALID_REQUEST, PAYLOAD_TOO_LARGE and
                RATE_LIMITED.
        """
        self._check(event)
        await self._spend(user, len(event.recipients))
        new = NewEvent(
            event_id=event.event_id or EventId(new_id()),
            sender=user.user_id,
            sender_device=device_of(user).device_id,
            recipients=event.recipients,
            group_id=event.group_id,
            type=event.type,
            metadata=event.metadata,
            payload=event.payload,
            is_rotation=event.type == KEY_ROTATION and event.group_id is not None,
        )
        queued = await self._store.append(new, self._now_ms())
        if event.group_id is not None:  # only now it is known how many are in it
            await self._charge(user, len(queued.users) + len(queued.full))
        if queued.users:
            await self._notify(EventsQueued(users=queued.users))
        return queued

    async def after(self, device: Device, seq: int, limit: int) -> Sequence[QueuedEvent]:
        """What waits for a device after a sequence, in order."""
        return await self._store.after(device, seq, limit, MAX_PAGE_BYTES)

    async def waiting(self, device: Device, seqs: Sequence[int]) -> frozenset[int]:
        """Which of these sequences were not acknowledged yet."""
        return await self._store.waiting(device, seqs)

    async def acknowledge(self, user: User, event_id: EventId) -> int | None:
        """Have the queue of this device let an event go.

        Returns:
            Its sequence; None if no such event waits (any more).
        """
        return await self._store.acknowledge(device_of(user), event_id, self._now_ms())

    async def see(self, devices: Sequence[Device]) -> None:
        """Note that devices are there."""
        await self._store.see(devices, self._now_ms())

    async def statistics(self) -> QueueStatistics:
        return await self._store.statistics()

    async def recent_statistics(self) -> QueueStatistics:
        """The same, up to a minute old: it reads all queues, and metrics are asked for often."""
        now_ms = self._now_ms()
        if self._recent is None or now_ms - self._recent[0] >= STATISTICS_MS:
            self._recent = (now_ms, await self._store.statistics())
        return self._recent[1]

    async def expire(self) -> None:
        """Once an hour, forget what is too old."""
        now_ms = self._now_ms()
        if now_ms < self._expires_next_ms:
            return
        present = self._present()
        for first in range(0, len(present), SEEN_AT_ONCE):
            await self.see(present[first : first + SEEN_AT_ONCE])
        if (await self._expire_some(now_ms)).is_all:
            self._expires_next_ms = now_ms + EXPIRY_INTERVAL_MS

    async def expire_now(self) -> int:
        """Forget all that is too old.

        Returns:
            How many events and queues that was.
        """
        now_ms = self._now_ms()
        some = await self._expire_some(now_ms)
        total = some.count
        while not some.is_all:
            some = await self._expire_some(now_ms)
            total += some.count
        return total

    async def _expire_some(self, now_ms: int) -> Forgotten:
        return await self._store.expire(now_ms, EXPIRED_AT_ONCE)

    def _check(self, event: Event) -> None:
        bounds = self._parts.bounds
        if event.type in SERVER_TYPES:
            raise AppError(Code.INVALID_REQUEST, f"only the server sends {event.type}")
        sizes = (
            (len((event.payload or "").encode()), bounds.ciphertext_bytes),
            (len(event.metadata or b""), bounds.metadata_bytes),
        )
        for size_bytes, limit_bytes in sizes:
            if size_bytes > limit_bytes:
                problem = f"{size_bytes} bytes are more than {limit_bytes}; send it in parts"
                raise AppError(Code.PAYLOAD_TOO_LARGE, problem)

    async def _spend(self, user: User, recipients: int) -> None:
        """Count an event, and what it costs beyond that."""
        limiter, rate = self._parts.limiter, self._parts.rates.send
        await spend(limiter, "send", user.user_id, rate, self._now_ms())
        await self._charge(user, recipients)

    async def _charge(self, user: User, recipients: int) -> None:
        """Count ten recipients as one event more."""
        limiter, rate = self._parts.limiter, self._parts.rates.send
        if recipients > RECIPIENTS_AN_EVENT:
            cost = recipients // RECIPIENTS_AN_EVENT
            await charge(limiter, ("send", user.user_id), rate, cost, self._now_ms())

    def _now_ms(self) -> int:
        return self._parts.clock.now_ms()


def device_of(user: User) -> Device:
    """The device that a user speaks from: the default one if the token names none."""
    return Device(user.user_id, DeviceId(user.device_id or DEFAULT_DEVICE))
