"""Conversations of workspaces: what goes into their store, and what comes out."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from server.core.durable import Role
from server.core.ids import DocumentId, MessageId, RoomId, UserId, WorkspaceId
from server.core.kinds import Kind
from server.core.ports.conversations import Ended, Left
from server.core.ports.conversations import Place as ListPlace
from server.core.ports.workspaces import Entrant
from server.core.workspaces.values import Channel, Post, WrappedKey


class NewChannel(Struct, frozen=True, kw_only=True):
    """A conversation to be made.

    Attributes:
        key_version: Under which name, description and icon are sealed; None if it is opaque.
        members: Besides who makes it; of a direct one the other.
    """

    room_id: RoomId
    workspace_id: WorkspaceId
    kind: Kind
    key_version: int | None
    name: str
    description: str
    icon: str
    document_id: DocumentId | None
    members: tuple[UserId, ...]


class Texts(Struct, frozen=True, kw_only=True):
    """What a conversation is called, as its store has it: sealed under `key_version`, or opaque."""

    name: str
    description: str
    icon: str
    key_version: int | None


class Place(Struct, frozen=True, kw_only=True):
    """What a member of a conversation may do there, and under which key its messages are sealed.

    Attributes:
        key: The newest of the workspace; None if the conversation is opaque.
        seq: Of the newest message.
    """

    room_id: RoomId
    workspace_id: WorkspaceId
    kind: Kind
    is_sealed: bool
    role: Role
    key: WrappedKey | None
    seq: int


LISTED_MEMBERS = 20
"""Of one conversation in a list."""


class ListedChannel(Struct, frozen=True, kw_only=True):
    """A conversation in a list.

    Attributes:
        channel: With those alone of its members who joined first, and the asker.
        last: The newest message that the asker may read.
        unread: Messages of others that the asker has not read; no more than 1000 are counted.
        members: How many it has.
    """

    channel: Channel
    place: ListPlace
    last: Post | None
    unread: int
    members: int


class Made(Struct, frozen=True, kw_only=True):
    """A conversation that is there.

    Attributes:
        is_new: It was not there before.
        joined: Who is in it now and was not, if it was there.
    """

    channel: Channel
    is_new: bool
    joined: tuple[UserId, ...] = ()


class ChangedChannel(Struct, frozen=True, kw_only=True):
    """A conversation as it is now.

    Attributes:
        changed: What was another before: `name`, `description`, `icon`, `members`.
        joined: Who is in it now and was not.
    """

    channel: Channel
    changed: tuple[str, ...]
    joined: tuple[UserId, ...] = ()


class Position(Struct, frozen=True, kw_only=True):
    """How far somebody has read a conversation.

    Attributes:
        seq: Up to where.
        read_ms: When that moved last; None if it never has.
        unread: What is left; no more than 1000 are counted.
        has_moved: It was less before.
        newest: The newest message of another that was read just now, and who has sent it; of
            opaque conversations alone.
    """

    room_id: RoomId
    workspace_id: WorkspaceId
    seq: int
    read_ms: int | None
    unread: int
    has_moved: bool
    newest: tuple[MessageId, int, UserId] | None = None


class ChannelStore(Protocol):
    """Conversations of workspaces, sealed or opaque: durable rooms, of which it sees no others.

    For whoever is not a member there is none: it raises NOT_FOUND. Nobody is in one who is not in
    its workspace. What only members of a rank may do, nobody may in a direct one (FORBIDDEN).
    """

    async def create(self, who: Entrant, new: NewChannel, now_ms: int) -> Made:
        """Make a conversation; if it is that of two, or of a document, at most once.

        Where there is one for a document already, who asks comes in; where there is one for two,
        whoever of them is in it no more.

        Raises:
            AppError: NOT_FOUND unless it is in the workspace; RECIPIENT_NOT_FOUND if one of the
                members is not, or has blocked who asks; TOO_MANY_ROOMS; LIMIT_REACHED: too many
                members, or one of them is in too many; ROOM_FULL: that of a document; FORBIDDEN
                with oneself.
        """
        ...

    async def place(self, who: Entrant, room_id: RoomId) -> Place:
        """What somebody may do in a conversation: asked before all that is done there.

        Raises:
            AppError: NOT_FOUND; also if its token no longer names the workspace.
        """
        ...

    async def get(self, user_id: UserId, room_id: RoomId) -> Channel: ...

    async def whole(self, room_id: RoomId) -> Channel | None:
        """A conversation as nobody's in particular; None if there is none (any more)."""
        ...

    async def page(
        self,
        who: Entrant,
        workspace_id: WorkspaceId | None,
        kind: Kind | None,
        before: ListPlace | None,
        limit: int,
        now_ms: int,
    ) -> tuple[tuple[ListedChannel, ...], bool]:
        """Somebody's conversations, the most active first, and whether there are more.

        Raises:
            AppError: NOT_FOUND unless it is in the workspace.
        """
        ...

    async def joined(self, who: Entrant, workspace_id: WorkspaceId) -> Mapping[RoomId, int]:
        """Somebody's conversations in a workspace, each with the sequence of its newest message.

        Raises:
            AppError: NOT_FOUND unless it is in the workspace.
        """
        ...

    async def unread(
        self, who: Entrant, workspace_id: WorkspaceId, now_ms: int
    ) -> tuple[tuple[RoomId, int], ...]:
        """In which of them something is unread, and how much: no more than 1000 are counted.

        Raises:
            AppError: NOT_FOUND unless it is in the workspace.
        """
        ...

    async def unread_in(self, user_id: UserId, room_id: RoomId, now_ms: int) -> int:
        """How much is unread in one of them; no more than 1000 are counted."""
        ...

    async def update(
        self, user_id: UserId, room_id: RoomId, texts: Texts, before: Texts, now_ms: int
    ) -> Channel:
        """Change what a conversation is called.

        Args:
            before: What is changed.

        Raises:
            AppError: FORBIDDEN unless owner or admin; ID_CONFLICT if it is not `before` any more.
        """
        ...

    async def add_member(
        self, who: Entrant, room_id: RoomId, member: UserId, role: Role | None, now_ms: int
    ) -> ChangedChannel:
        """Have somebody in a conversation, in a role; as a member if None is said of somebody new.

        Whoever is in the workspace may add itself to the conversation of a document.

        Raises:
            AppError: As `ConversationStore.add_member`.
        """
        ...

    async def set_role(
        self, user_id: UserId, room_id: RoomId, member: UserId, role: Role, now_ms: int
    ) -> ChangedChannel:
        """Change the role of a member.

        Raises:
            AppError: As `ConversationStore.add_member`; RECIPIENT_NOT_FOUND if it is none.
        """
        ...

    async def remove_member(
        self, user_id: UserId, room_id: RoomId, member: UserId, now_ms: int
    ) -> Left:
        """Take somebody out of a conversation, or leave it; see `ConversationStore`."""
        ...

    async def delete(self, user_id: UserId, room_id: RoomId, now_ms: int) -> Ended:
        """End a conversation.

        Raises:
            AppError: FORBIDDEN unless owner.
        """
        ...

    async def read(
        self, user_id: UserId, room_id: RoomId, message_id: MessageId | None, now_ms: int
    ) -> Position:
        """Note that somebody has read a conversation up to a message, or all of it.

        Further back changes nothing. Many at once are done together.

        Raises:
            AppError: NOT_FOUND, of the message too.
        """
        ...
