"""Events in queues: what they are made of, and what wakes the connections that wait for them."""

from enum import Enum

from msgspec import Struct

from server.core.ids import DeviceId, EventId, RoomId, UserId
from server.core.user_events import UserEvent

DEFAULT_DEVICE = DeviceId("default")
"""The device of users who name none."""

KEY_ROTATION = "KEY_ROTATION"
"""A group has another key epoch: its members, or the keys of one of them, have changed."""

MEMBER_REMOVED = "MEMBER_REMOVED"
"""To whoever is no member of a group any more."""

EVENTS_EXPIRED = "EVENTS_EXPIRED"
"""Something in a stretch of the queue was lost before it was acknowledged."""


class LostAs(Enum):
    """Why events are gone that had not been acknowledged."""

    EXPIRED = "expired"
    FULL = "queue_full"
    LAPSED = "device_unseen"
    SUPERSEDED = "superseded"
    """By a newer word of the server on the same group."""


class QueuedEvent(Struct, frozen=True, kw_only=True):
    """A place of a queue.

    Attributes:
        sender: None if it is the server's own.
        type: A word of the client's, or one of those above.
        metadata: The text of a JSON value.
        payload: Opaque; None if there is none.
        sent_ms: When it was sent, or lost.
        first_seq: From where on something was lost; the sequence itself if nothing was.
        lost_as: Why; None of an event.
    """

    seq: int
    first_seq: int
    event_id: EventId
    sender: UserId | None
    type: str
    group_id: RoomId | None
    sent_ms: int
    metadata: bytes | None
    payload: str | None
    lost_as: LostAs | None = None


class EventsQueued(UserEvent, frozen=True, kw_only=True):
    """Something was put into queues of these users."""
