"""What workspaces and their conversations are made of."""

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct

from server.core.durable import Conversation, Role, StoredMessage
from server.core.ids import FileId, MessageId, UserId, WorkspaceId


class Standing(Enum):
    """What a member of a workspace says of itself."""

    ONLINE = "online"
    AWAY = "away"
    BUSY = "busy"
    OFFLINE = "offline"


class WrappedKey(Struct, frozen=True, kw_only=True):
    """A key of a workspace, which nobody can use who does not have the master key.

    Attributes:
        version: 1, and one more with each rotation.
        wrapped: Nonce (24 bytes), then 32 + 16.
        wrapped_by: Names the master key: 8 bytes.
    """

    workspace_id: WorkspaceId
    version: int
    wrapped: bytes
    wrapped_by: bytes


class Workspace(Struct, frozen=True, kw_only=True):
    """A workspace, as one of its members sees it.

    Attributes:
        name: Sealed under `key`, as its store has it; or opened.
        role: Of whoever asked.
        members: How many are in.
    """

    workspace_id: WorkspaceId
    name: str
    key: WrappedKey
    created_by: UserId
    created_ms: int
    updated_ms: int
    role: Role
    members: int


class WorkspaceMember(Struct, frozen=True, kw_only=True):
    """Somebody in a workspace.

    Attributes:
        name: Of the account, or as the token of another system has it.
    """

    user_id: UserId
    name: str
    role: Role
    joined_ms: int


class NewPost(Struct, frozen=True, kw_only=True):
    """What a message of a workspace has besides, on its way into a room.

    Attributes:
        key_version: Under which it is sealed; None of what is opaque.
        tokens: Of its words, if it is sealed.
    """

    reply_to: MessageId | None = None
    key_version: int | None = None
    tokens: tuple[str, ...] = ()
    file_ids: tuple[FileId, ...] = ()

    @property
    def is_sealed(self) -> bool:
        return self.key_version is not None


class Post(Struct, frozen=True, kw_only=True):
    """A message of a workspace, as its store has it.

    Attributes:
        key: Under which it is sealed; None of what is opaque.
        reply_to, thread: The message that it answers, and the first of that thread.
        replies, last_reply_ms: Of the first message of a thread; deleted ones do not count.
        edits: How often it was edited.
        reactions: Emoji and who chose it, in order of the first of each.
        read_by: How many others have read it.
        is_withheld: It is for its sender alone, and nobody else can read it.
    """

    message: StoredMessage
    key: WrappedKey | None = None
    reply_to: MessageId | None = None
    thread: MessageId | None = None
    replies: int = 0
    last_reply_ms: int | None = None
    edited_ms: int | None = None
    edits: int = 0
    reactions: tuple[tuple[str, tuple[UserId, ...]], ...] = ()
    read_by: int = 0
    is_withheld: bool = False


class Channel(Struct, frozen=True, kw_only=True):
    """A conversation of a workspace, as a member sees it.

    Attributes:
        positions: Up to which sequence each member has read, and since when.
    """

    conversation: Conversation
    key: WrappedKey | None
    positions: Mapping[UserId, tuple[int, int | None]]
