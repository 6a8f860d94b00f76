"""What clients may say in frames, besides sending messages."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from server.apis.secure_chat.requests.messages import MAX_IDS
from server.core.ids import MessageId, RoomId, UserId
from server.core.one_of import OneOf


class Heartbeat(Struct, frozen=True):
    """Nothing is said."""


class Typing(OneOf, frozen=True, rename="camel"):
    """To whoever is in a room, or to the other one of a direct room."""

    ONE_OF: ClassVar = ("recipient_id", "room_id")

    recipient_id: UserId | None = None
    room_id: RoomId | None = None


class AskPresence(Struct, frozen=True, rename="camel"):
    """Of these users, or of everybody who shares a room with the caller."""

    user_ids: Annotated[tuple[UserId, ...], Meta(max_length=MAX_IDS)] | None = None


class TellReceipt(Struct, frozen=True, rename="camel"):
    """Of one message or of many; room or sender say which, where several have an id."""

    message_id: MessageId | None = None
    message_ids: Annotated[tuple[MessageId, ...], Meta(max_length=MAX_IDS)] = ()
    room_id: RoomId | None = None
    sender_id: UserId | None = None

    def __post_init__(self) -> None:
        if (self.message_id is None) == (not self.message_ids):
            raise ValueError("Expected either messageId or messageIds")

    @property
    def ids(self) -> tuple[MessageId, ...]:
        """All of them."""
        return self.message_ids if self.message_id is None else (self.message_id,)
