"""What clients may ask of conversations and of who is in them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from server.core.ids import DocumentId, MessageId, RoomId, UserId, WorkspaceId
from server.transports.api import DisplayName, RoomName

MAX_MEMBERS = 1_000
"""That one request may name; `Bounds.room_members` says how many a conversation has."""

TypeWord = Literal["DM", "GROUP", "DOCUMENT"]
RoleWord = Literal["ADMIN", "MEMBER"]

Text = Annotated[str, Meta(max_length=2_000)]
Icon = Annotated[str, Meta(max_length=64)]

ConversationCursor = Annotated[str, Meta(pattern=r"^[0-9]{1,18}\.[!-~]{1,128}$(?!\n)")]
"""A time and a conversation, as an answer before gave it."""


class CreateConversation(Struct, frozen=True, kw_only=True, rename="camel"):
    """An empty name is none: forms send it of a DM, which is called nothing."""

    type: TypeWord
    workspace_id: WorkspaceId
    name: DisplayName | None = None
    description: Text | None = None
    icon: Icon | None = None
    document_id: DocumentId | None = None
    member_ids: Annotated[tuple[UserId, ...], Meta(max_length=MAX_MEMBERS)] | None = None
    is_encrypted: bool | None = None


class ListConversations(Struct, frozen=True, kw_only=True, rename="camel"):
    """Of all one's workspaces, if none is said."""

    workspace_id: WorkspaceId | None = None
    type: TypeWord | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: ConversationCursor | None = None


class OfConversation(Struct, frozen=True, rename="camel"):
    conversation_id: RoomId


class UpdateConversation(OfConversation, frozen=True, kw_only=True, rename="camel"):
    """What is absent stays."""

    name: RoomName | None = None
    description: Text | None = None
    icon: Icon | None = None


class AddMember(OfConversation, frozen=True, kw_only=True, rename="camel"):
    user_id: UserId
    role: RoleWord | None = None


class RemoveMember(OfConversation, frozen=True, kw_only=True, rename="camel"):
    user_id: UserId


class SetRole(OfConversation, frozen=True, kw_only=True, rename="camel"):
    user_id: UserId
    role: RoleWord


class Typing(OfConversation, frozen=True, kw_only=True, rename="camel"):
    user_id: UserId | None = None
    sender_id: UserId | None = None


class MarkAsRead(OfConversation, frozen=True, kw_only=True, rename="camel"):
    """All of it, if no message is said."""

    message_id: MessageId | None = None
