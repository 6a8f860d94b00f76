"""What clients may ask of events."""

from typing import Annotated

from msgspec import Meta, Struct

from server.core.ids import EventId, RoomId, UserId
from server.core.opaque import Opaque

MAX_RECIPIENTS = 1_000

EventType = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$(?!\n)")]


class Send(Struct, frozen=True):
    """An event, to one user, to several, or to a group."""

    event_type: EventType
    recipient_id: UserId | None = None
    recipient_ids: Annotated[tuple[UserId, ...], Meta(max_length=MAX_RECIPIENTS)] | None = None
    group_id: RoomId | None = None
    encrypted_payload: str | None = None
    metadata: Opaque | None = None
    event_id: EventId | None = None
    sender_id: UserId | None = None

    def __post_init__(self) -> None:
        said = (self.recipient_id, self.recipient_ids, self.group_id)
        if sum(one is not None for one in said) != 1 or self.recipient_ids == ():
            raise ValueError("Expected one of recipient_id, recipient_ids and group_id")

    @property
    def recipients(self) -> tuple[UserId, ...]:
        """Users whom it names."""
        if self.recipient_id is not None:
            return (self.recipient_id,)
        return tuple(dict.fromkeys(self.recipient_ids or ()))
