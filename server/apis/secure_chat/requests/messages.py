"""What clients may ask of messages."""

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

from server.core.coverage import covered_by
from server.core.ids import DeviceId, MessageId, RoomId, UserId
from server.core.one_of import OneOf
from server.core.opaque import Opaque
from server.core.ports.conversations import Device
from server.transports.api import FoundCursor, Time

MAX_IDS = 500
"""Of one bulk update."""

Limit = Annotated[int, Meta(ge=1, le=200)]
Sequence = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Word = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,31}$(?!\n)")]
StatusWord = Literal["delivered", "read"]
RoomCursor = Annotated[str, Meta(pattern=r"^[0-9]{1,18}\.[!-~]{1,128}$(?!\n)")]
"""A number and a room, as an answer before gave it."""


Metadata = Annotated[
    Opaque,
    Meta(
        extra_json_schema={
            "type": "object",
            "description": "an object, relayed as it is; `encryptedKeys`, if there, is an array "
            "of objects with `recipientId` and `recipientDeviceId`",
        }
    ),
]


class Send(OneOf, frozen=True, rename="camel"):
    """To a user or into a room. Whoever the payload says it is from must be the caller."""

    ONE_OF: ClassVar = ("recipient_id", "room_id")

    encrypted_content: Annotated[str, Meta(min_length=1)]
    message_id: MessageId | None = None
    recipient_id: UserId | None = None
    room_id: RoomId | None = None
    message_type: Word | None = None
    encryption_metadata: Metadata | None = None
    sender_id: UserId | None = None
    sender_device_id: DeviceId | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.encryption_metadata is not None:
            covered_by(self.encryption_metadata)

    @property
    def covered(self) -> frozenset[Device] | None:
        """The devices that the message is encrypted for; None if it does not say."""
        return covered_by(self.encryption_metadata) if self.encryption_metadata else None


class ReadDirect(Struct, frozen=True, rename="camel"):
    user_id: UserId
    limit: Limit = 50
    before: Sequence | None = None
    after: Sequence | None = None


class ReadRoom(Struct, frozen=True, rename="camel"):
    room_id: RoomId
    limit: Limit = 50
    before: Sequence | None = None
    after: Sequence | None = None


class ReadOffline(Struct, frozen=True):
    limit: Limit = 100
    after: RoomCursor | None = None


class ListConversations(Struct, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    before: RoomCursor | None = None


class SetStatus(Struct, frozen=True, rename="camel"):
    """Room or sender say which message is meant, where several have the id."""

    message_id: MessageId
    status: StatusWord
    room_id: RoomId | None = None
    sender_id: UserId | None = None


class SetStatuses(Struct, frozen=True, rename="camel"):
    """One status for all of these, or one for each."""

    message_ids: Annotated[list[MessageId], Meta(max_length=MAX_IDS)] = []
    status: StatusWord | None = None
    updates: Annotated[list[SetStatus], Meta(max_length=MAX_IDS)] = []
    room_id: RoomId | None = None

    def __post_init__(self) -> None:
        if not (self.message_ids or self.updates):
            raise ValueError("Expected messageIds or updates")
        if self.message_ids and self.status is None:
            raise ValueError("Expected status beside messageIds")


class SearchMessages(Struct, frozen=True, rename="camel"):
    """By what the server may know."""

    query: str | None = None
    user_id: UserId | None = None
    participant_id: UserId | None = None
    sender_id: UserId | None = None
    room_id: RoomId | None = None
    message_type: Word | None = None
    from_time: Time | None = msgspec.field(default=None, name="from")
    to_time: Time | None = msgspec.field(default=None, name="to")
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    before: FoundCursor | None = None


class DeleteMessage(Struct, frozen=True, rename="camel"):
    message_id: MessageId
    room_id: RoomId | None = None
    sender_id: UserId | None = None
