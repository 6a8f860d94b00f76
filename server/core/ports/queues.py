"""Queues of events: what goes into their store, and what comes out."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from server.core.ids import DeviceId, EventId, RoomId, UserId
from server.core.ports.conversations import Device
from server.core.queued import QueuedEvent


class NewEvent(Struct, frozen=True, kw_only=True):
    """An event on its way into queues.

    Attributes:
        recipients: Whom it is for, if it is not for a group.
        group_id: The room whose members it is for, on all of their devices but the sending one.
        metadata: The text of a JSON value.
        is_rotation: It is a member's about the keys of the group, and has the places that are kept
            for such.
    """

    event_id: EventId
    sender: UserId
    sender_device: DeviceId | None
    recipients: tuple[UserId, ...]
    group_id: RoomId | None
    type: str
    metadata: bytes | None
    payload: str | None
    is_rotation: bool


class Queued(Struct, frozen=True, kw_only=True):
    """An event that is in queues.

    Attributes:
        users: Whom it is for, and who are to hear of it; nobody if it was there before.
        full: Who of those it was for had no room for it.
        is_repeat: It was stored before; the rest is as it was then.
    """

    event_id: EventId
    sent_ms: int
    users: tuple[UserId, ...]
    full: tuple[UserId, ...]
    is_repeat: bool = False


class LongQueue(Struct, frozen=True):
    """A queue that has much that waits."""

    device: Device
    waiting: int


class Forgotten(Struct, frozen=True, kw_only=True):
    """What was forgotten at a time.

    Attributes:
        count: Of events and queues.
        is_all: There is nothing more, but for what others are busy with.
    """

    count: int
    is_all: bool


class QueueStatistics(Struct, frozen=True, kw_only=True):
    """What waits, for operators.

    Attributes:
        queues: That take events.
        lapsed: Whose devices were not seen for too long.
        waiting: Places of all queues that were not acknowledged.
        longest: Those in which most waits, at most ten.
        oldest_ms: When the oldest event was sent that still waits; None if none does.
        bytes: Of metadata and payloads, each counted once.
    """

    queues: int
    lapsed: int
    waiting: int
    longest: tuple[LongQueue, ...]
    oldest_ms: int | None
    bytes: int


class QueueStore(Protocol):
    """Events that wait for a device of a user until that device acknowledges them.

    Per device, sequences are 1, 2, 3 … without gaps, and events are read in that order, each by
    every `after` until it is acknowledged or expires. Whatever was lost without having been
    acknowledged has a place in its stead that says so, and is acknowledged like an event.
    """

    async def append(self, new: NewEvent, now_ms: int) -> Queued:
        """Put an event into the queues of its recipients, in all or none, once an id and sender.

        A user without a queue gets one for each device, or one for the default device; if all have
        lapsed, that of the device which was seen last takes events again. Whoever
        has blocked the sender gets nothing, and that does not show.

        Raises:
            AppError: RECIPIENT_NOT_FOUND if some have no account, with them as `not_found`;
                NOT_FOUND if the sender is not in the group; FORBIDDEN if the sender has blocked one
                of them; ID_CONFLICT if the event of another sender in one of the queues has the id;
                QUEUE_FULL if no recipient had room; LIMIT_REACHED if what the sender has stored
                takes all the bytes that an account has.
        """
        ...

    async def after(
        self, device: Device, seq: int, limit: int, max_bytes: int
    ) -> Sequence[QueuedEvent]:
        """What waits after a sequence, in order; of large events fewer, but one at least."""
        ...

    async def waiting(self, device: Device, seqs: Sequence[int]) -> frozenset[int]:
        """Which of these places were not acknowledged yet."""
        ...

    async def acknowledge(self, device: Device, event_id: EventId, now_ms: int) -> int | None:
        """Take an event out of the queue of one device.

        Returns:
            The place that it had; None if there is none of that id (any more).
        """
        ...

    async def see(self, devices: Sequence[Device], now_ms: int) -> None:
        """Note that devices are there: their queues are made, or taken up again.

        But for devices that were revoked, and of accounts that were deleted: these have none.
        """
        ...

    async def expire(self, now_ms: int, limit: int) -> Forgotten:
        """Forget events that are too old, and what waits for devices that are gone for too long.

        Args:
            limit: Of events, of queues, and of their places: others wait for so many.
        """
        ...

    async def statistics(self) -> QueueStatistics: ...
