"""Durable rooms: what they are made of, and what their members hear of on all their devices."""

from enum import Enum

from msgspec import Struct

from server.core.ids import DeviceId, MessageId, RoomId, UserId, WorkspaceId
from server.core.kinds import Kind
from server.core.user_events import Mail, MailChanged, MailWithdrawn, UserEvent


class Role(Enum):
    """What a member of a room with roles may do: each may what the next one may, and more."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class Status(Enum):
    """How far a message has come."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"


class Participant(Struct, frozen=True, kw_only=True):
    """A member of a durable room.

    Attributes:
        username, display_name: Of the account; empty if there is none (any more). A user of
            another system has a name to display alone.
    """

    user_id: UserId
    role: Role
    joined_ms: int
    username: str = ""
    display_name: str = ""


class Conversation(Struct, frozen=True, kw_only=True):
    """A durable room, as a member sees it.

    Attributes:
        name, description: Text, or ciphertext; empty in a direct room.
        ttl_ms: For so long messages are kept; None as the installation has it.
        seq: Of the newest message.
        epoch: 1, and one more with each who came or went, or had a new key.
        workspace_id: Of a room of a workspace.
        is_sealed: What is said there was sealed by us, and so were its texts: under
            `key_version` of the keys of the workspace.
        icon: As the name.
        document_id: Of a room that belongs to a document.
        role: Of whoever asked; None where nobody did.
        participants: In order of joining.
    """

    room_id: RoomId
    kind: Kind
    name: str
    description: str
    created_by: UserId
    created_ms: int
    updated_ms: int
    ttl_ms: int | None
    seq: int
    epoch: int = 1
    workspace_id: WorkspaceId | None = None
    is_sealed: bool = False
    key_version: int | None = None
    icon: str = ""
    document_id: str | None = None
    role: Role | None = None
    participants: tuple[Participant, ...] = ()


class StoredMessage(Struct, frozen=True, kw_only=True):
    """A message of a durable room.

    Attributes:
        workspace_id: Of a room of a workspace.
        recipient: The other one of a direct room; None in all others, and in a workspace.
        type: A word of the client's.
        ciphertext, metadata: Opaque; the metadata is the text of a JSON value. None of what was
            deleted.
        status: To its sender how far it has come with all the others, to whoever else reads it
            how far it has come with them.
        delivered, read: With how many of the others; both 0 to whoever did not send it.
    """

    room_id: RoomId
    kind: Kind
    workspace_id: WorkspaceId | None = None
    seq: int
    message_id: MessageId
    sender: UserId
    sender_device: DeviceId | None
    recipient: UserId | None
    type: str
    ciphertext: str | None
    metadata: bytes | None
    sent_ms: int
    expires_ms: int | None
    deleted_ms: int | None
    status: Status = Status.SENT
    delivered: int = 0
    read: int = 0


class MessageStored(Mail, frozen=True, kw_only=True):
    """A message was stored; its stream is its room."""

    message: StoredMessage


class StatusAdvanced(UserEvent, frozen=True, kw_only=True):
    """A message was delivered to `user_id`, or read by it; its sender hears of it, and it."""

    room_id: RoomId
    seq: int
    message_id: MessageId
    sender: UserId
    user_id: UserId
    status: Status
    at_ms: int


class MessageEdited(MailChanged, frozen=True, kw_only=True):
    """A message of an opaque conversation says something else. Its stream is its room.

    Attributes:
        metadata: The text of a JSON value.
    """

    message_id: MessageId
    ciphertext: str
    metadata: bytes | None
    edited_ms: int

    @property
    def room_id(self) -> RoomId:
        return RoomId(self.stream)


class MessageDeleted(MailWithdrawn, frozen=True, kw_only=True):
    """A message says nothing any more; `user_id` has deleted it. Its stream is its room."""

    message_id: MessageId
    user_id: UserId
    deleted_ms: int

    @property
    def room_id(self) -> RoomId:
        return RoomId(self.stream)


class ConversationChanged(UserEvent, frozen=True, kw_only=True):
    """A room is new, or its name or members changed; `conversation` has no `role`."""

    conversation: Conversation


class ConversationEnded(UserEvent, frozen=True, kw_only=True):
    """The room is none of these users' any more: it was deleted, or they were removed or left."""

    room_id: RoomId
    at_ms: int


class MemberTyping(UserEvent, frozen=True, kw_only=True):
    """A member of a room is typing something, or no longer."""

    room_id: RoomId
    user_id: UserId
    is_typing: bool
