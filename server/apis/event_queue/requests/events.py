"""What clients may ask of events."""

from typing import Annotated, ClassVar

from msgspec import Meta

from server.core.ids import EventId, RoomId, UserId
from server.core.one_of import OneOf
from server.core.opaque import Opaque

MAX_RECIPIENTS = 1_000

EventType = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$(?!\n)")]

Recipients = Annotated[tuple[UserId, ...], Meta(min_length=1, max_length=MAX_RECIPIENTS)]


class Send(OneOf, frozen=True):
    """An event, to one user, to several, or to a group."""

    ONE_OF: ClassVar = ("recipient_id", "recipient_ids", "group_id")

    event_type: EventType
    recipient_id: UserId | None = None
    recipient_ids: Recipients | None = None
    group_id: RoomId | None = None
    encrypted_payload: str | None = None
    metadata: Opaque | None = None
    event_id: EventId | None = None
    sender_id: UserId | None = None

    @property
    def recipients(self) -> tuple[UserId, ...]:
        """Users whom it names."""
        if self.recipient_id is not None:
            return (self.recipient_id,)
        return tuple(dict.fromkeys(self.recipient_ids or ()))
