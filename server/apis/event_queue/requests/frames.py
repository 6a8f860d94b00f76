"""What clients may say in frames."""

from msgspec import Struct

from server.core.ids import EventId, UserId


class Ack(Struct, frozen=True):
    """This device has the event."""

    event_id: EventId
    recipient_id: UserId | None = None


class Ping(Struct, frozen=True):
    """Nothing is said."""
