"""What clients may ask, field by field. Fields not named here are left out when decoding."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from server.core.ids import MessageId, Recipient, UserId
from server.core.opaque import Opaque
from server.transports.api import GroupId

Reason = Annotated[str, Meta(min_length=1, max_length=500)]
MessageType = Literal["text", "key_exchange"]


class Join(Struct, frozen=True, rename="camel"):
    public_key: Opaque


class Next(Struct, frozen=True, rename="camel"):
    public_key: Opaque | None = None


class InGroup(Struct, frozen=True, rename="camel"):
    group_id: GroupId


class Send(InGroup, frozen=True, kw_only=True):
    """Whoever the payload says it is from must be the caller."""

    encrypted_message: Opaque
    message_type: MessageType | None = None
    to: Recipient | None = None
    id: MessageId | None = None
    message_id: MessageId | None = None
    client_message_id: MessageId | None = None
    sender: UserId | None = field(default=None, name="from")
    sender_id: UserId | None = None
    user_id: UserId | None = None


class ReadMessages(InGroup, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    before: MessageId | None = None


class SetTyping(InGroup, frozen=True, kw_only=True):
    is_typing: bool


class Block(Struct, frozen=True, rename="camel"):
    """Whom to block; the group, if given, is where one met."""

    user_id: UserId
    group_id: GroupId | None = None


class ReportMember(InGroup, frozen=True, kw_only=True):
    user_id: UserId
    reason: Reason
    evidence: Opaque | None = None


class OfUser(Struct, frozen=True, rename="camel"):
    user_id: UserId


class Nothing(Struct, frozen=True):
    """A request without fields."""


class ListGroups(Struct, frozen=True):
    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    limit: Annotated[int, Meta(ge=1, le=200)] = 20


class ListReports(Struct, frozen=True):
    after: MessageId | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
