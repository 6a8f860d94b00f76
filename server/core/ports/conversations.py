"""Durable rooms and their messages: what goes into their stores, and what comes out."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from msgspec import Struct

from server.core.durable import Conversation, Role, Status, StoredMessage
from server.core.ids import DeviceId, MessageId, RoomId, UserId, WorkspaceId
from server.core.workspaces.values import NewPost, Post


class NewRoom(Struct, frozen=True, kw_only=True):
    """A room with roles, to be made; `creator` owns it, and the others are members."""

    room_id: RoomId
    creator: UserId
    name: str
    description: str
    ttl_ms: int | None
    members: tuple[UserId, ...]


class RoomChange(Struct, frozen=True, kw_only=True):
    """What is to be changed of a room; None leaves it, and a `ttl_ms` of 0 takes it away."""

    name: str | None = None
    description: str | None = None
    ttl_ms: int | None = None


class Place(Struct, frozen=True):
    """Of a room in a list of rooms, the most active first."""

    active_ms: int
    room_id: RoomId


class Listed(Struct, frozen=True, kw_only=True):
    """A room in a list.

    Attributes:
        last: The newest message that the asker may read.
        unread: Messages of others that the asker has not read; no more than 1000 are counted.
    """

    conversation: Conversation
    place: Place
    last: StoredMessage | None
    unread: int


class ListPage(Struct, frozen=True):
    rooms: tuple[Listed, ...]
    has_more: bool


class Changed(Struct, frozen=True):
    """A room as it is now.

    Attributes:
        is_changed: It was another before.
        has_joined: Whom it is about was not in it before.
    """

    conversation: Conversation
    is_changed: bool
    has_joined: bool = False


class Left(Struct, frozen=True):
    """Somebody is out of a room.

    Attributes:
        conversation: What is left of it; None if nobody is.
        workspace_id: Of a room of a workspace; `is_sealed` as of `Conversation`.
    """

    conversation: Conversation | None
    workspace_id: WorkspaceId | None = None
    is_sealed: bool = False


class Ended(Struct, frozen=True):
    """A room is nobody's any more; `users` were in it, and the rest is as of `Left`."""

    users: tuple[UserId, ...]
    workspace_id: WorkspaceId | None = None
    is_sealed: bool = False


class ConversationStore(Protocol):
    """Durable rooms, and who is in them.

    A room with roles has one owner, and never more members than its bound. For whoever is not a
    member there is no room: it raises NOT_FOUND. What members alone may change in a room with
    roles, nobody may in a direct room (FORBIDDEN).
    """

    async def create(self, new: NewRoom, now_ms: int) -> Conversation:
        """Make a room.

        Raises:
            AppError: RECIPIENT_NOT_FOUND if one of the members has no account or has blocked
                the creator; TOO_MANY_ROOMS of the creator; LIMIT_REACHED: too many members, or
                one of them is in too many rooms, or was put into too many by strangers.
        """
        ...

    async def get(self, user_id: UserId, room_id: RoomId) -> Conversation: ...

    async def page(
        self, user_id: UserId, before: Place | None, limit: int, now_ms: int, *, managed: bool
    ) -> ListPage:
        """A user's rooms, the most active first.

        Args:
            managed: Only those with roles. Else all; direct ones if there is something to read.
        """
        ...

    async def update(
        self, user_id: UserId, room_id: RoomId, change: RoomChange, now_ms: int
    ) -> Changed:
        """Change name, description or how long messages are kept; those to come.

        Raises:
            AppError: FORBIDDEN unless owner or admin.
        """
        ...

    async def delete(self, user_id: UserId, room_id: RoomId, now_ms: int) -> Ended:
        """End a room, and all of its messages.

        Raises:
            AppError: FORBIDDEN unless owner.
        """
        ...

    async def add_member(
        self, user_id: UserId, room_id: RoomId, member: UserId, role: Role | None, now_ms: int
    ) -> Changed:
        """Have somebody in a room, in a role; as a member if None is said of somebody new.

        Whoever makes another the owner is an admin from then on.

        Raises:
            AppError: FORBIDDEN: admins add members, and owners do all else; of the owner's
                role, which goes by making another the owner; RECIPIENT_NOT_FOUND and
                LIMIT_REACHED as for `create`; ROOM_FULL.
        """
        ...

    async def remove_member(
        self, user_id: UserId, room_id: RoomId, member: UserId, now_ms: int
    ) -> Left:
        """Take somebody out of a room, or leave it. With its last member a room ends.

        An owner who leaves is followed by who is longest there, of admins if there are any.

        Raises:
            AppError: FORBIDDEN: admins remove members, owners anybody; RECIPIENT_NOT_FOUND if
                that is nobody's there.
        """
        ...

    async def members_of(self, user_id: UserId, room_id: RoomId) -> tuple[UserId, ...]:
        """All who are in a room, the asker too; for what is told there and not stored."""
        ...

    async def peer(self, user_id: UserId, other: UserId) -> RoomId | None:
        """The direct room of two, if there is one and neither blocks the other."""
        ...

    async def rooms_of(self, user_id: UserId, limit: int) -> tuple[RoomId, ...]:
        """The rooms that a user is in, sealed ones too, the newest first: to tell who is there."""
        ...

    async def whole(self, room_id: RoomId) -> Conversation:
        """A room as nobody's in particular.

        Raises:
            AppError: NOT_FOUND.
        """
        ...

    async def acquaintances(self, user_id: UserId, limit: int) -> tuple[UserId, ...]:
        """Who takes part in a room in which a user takes part.

        Whom a stranger has put there does so as soon as it says something. Those of whom one
        blocks the other are left out.
        """
        ...


class Device(Struct, frozen=True):
    """A device of a user."""

    user_id: UserId
    device_id: DeviceId


class NewMessage(Struct, frozen=True, kw_only=True):
    """A message on its way into a room.

    Attributes:
        room_id: Where to; or None, if it is for the direct room with `recipient`.
        new_room_id: Taken if the direct room is to be made.
        covered: The devices that it is encrypted for; None if it does not say.
        metadata: The text of a JSON value.
        post: What else there is of it in a workspace; None if it was not sent there.
    """

    sender: UserId
    sender_device: DeviceId | None
    room_id: RoomId | None
    recipient: UserId | None
    new_room_id: RoomId
    message_id: MessageId
    type: str
    ciphertext: str
    metadata: bytes | None
    covered: frozenset[Device] | None
    post: NewPost | None = None

    @property
    def is_sealed(self) -> bool:
        return self.post is not None and self.post.is_sealed


class StoredNew(Struct, frozen=True, kw_only=True):
    """A message that is stored.

    Attributes:
        is_repeat: It was stored before.
        readers: Who may read it, the sender too.
        post: As workspaces know it, if it is new and was put into a room of theirs; but the key.
    """

    message: StoredMessage
    is_repeat: bool
    readers: tuple[UserId, ...]
    post: Post | None = None


class MessagePage(Struct, frozen=True):
    """Messages, oldest first, and whether there are more in the direction that was asked for."""

    messages: tuple[StoredMessage, ...]
    has_more: bool


class MessageRef(Struct, frozen=True):
    """Which message is meant: ids are unique in a room, so the room or the sender may be said."""

    message_id: MessageId
    room_id: RoomId | None = None
    sender: UserId | None = None


class Receipt(Struct, frozen=True, kw_only=True):
    """A message has come further with somebody than before.

    Attributes:
        workspace_id: Of a room of a workspace.
        position: Up to where it has read the room now, if that has moved.
    """

    room_id: RoomId
    seq: int
    message_id: MessageId
    sender: UserId
    status: Status
    workspace_id: WorkspaceId | None = None
    position: int | None = None


class Acknowledged(Struct, frozen=True, kw_only=True):
    """What came of acknowledging messages.

    Attributes:
        receipts: Of those that have come further.
        unknown: What names no message that the user may read, or more than one.
    """

    receipts: tuple[Receipt, ...]
    unknown: tuple[MessageId, ...]


NOTHING_TOLD: Mapping[str, int] = MappingProxyType({})


class WaitingPlace(Struct, frozen=True):
    """Of a message among those that wait for a device."""

    room_id: RoomId
    seq: int


class Search(Struct, frozen=True, kw_only=True):
    """What is looked for; None is anything.

    Attributes:
        participant: Somebody who is in the room with whoever searches.
        from_ms, until_ms: When it was stored; until excludes itself.
    """

    participant: UserId | None = None
    sender: UserId | None = None
    room_id: RoomId | None = None
    type: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None


class FoundPlace(Struct, frozen=True, order=True):
    """Of a message in the result of a search."""

    sent_ms: int
    room_id: RoomId
    seq: int


class FoundPage(Struct, frozen=True):
    """Messages that were found, the newest first.

    Attributes:
        next: Before which the search goes on; None at its end. A page may be empty and not the
            last: it looks at only so many messages.
    """

    messages: tuple[StoredMessage, ...]
    next: FoundPlace | None


class Deleted(Struct, frozen=True, kw_only=True):
    """A message that is a tombstone now; `is_repeat` if it was before."""

    message: StoredMessage
    is_repeat: bool
    readers: tuple[UserId, ...]


class MessageStore(Protocol):
    """Messages of durable rooms, and how far they have come.

    Per room, sequences are 1, 2, 3 … without gaps, in the order in which messages were stored,
    and their times never step back. A member reads what was stored since it joined, until it
    expires. For whoever is not a member there is no room: it raises NOT_FOUND. A page of large
    messages holds fewer than were asked for, and says that there are more.
    """

    async def append(self, new: NewMessage, now_ms: int, default_ttl_ms: int | None) -> StoredNew:
        """Store a message under the next sequence, at most once an id and room.

        The first message of two makes their direct room. What is for somebody who has blocked
        the sender is stored for the sender alone, and everything looks as else.

        Raises:
            AppError: RECIPIENT_NOT_FOUND if there is no such account; ID_CONFLICT if another
                sender holds the id; DEVICE_MISMATCH unless it is encrypted for just the devices
                that the other members have now (`details`: the lists `missing` and `stale`), or
                it does not say for which, and nobody has more than one; FORBIDDEN to
                somebody whom the sender has blocked; TOO_MANY_ROOMS; LIMIT_REACHED if the messages
                of the sender take all the bytes that an account has, or so many strangers wait
                for an answer of the recipient that one more may not begin.
            KeyEndedError: It is sealed under a key that has ended.
        """
        ...

    async def history(
        self,
        user_id: UserId,
        room_id: RoomId,
        limit: int,
        now_ms: int,
        *,
        before: int | None = None,
        after: int | None = None,
    ) -> MessagePage:
        """Messages of a room before or after a sequence; the newest if neither is said."""
        ...

    async def direct_history(
        self,
        user_id: UserId,
        other: UserId,
        limit: int,
        now_ms: int,
        *,
        before: int | None = None,
        after: int | None = None,
    ) -> MessagePage:
        """The same of the direct room with somebody; none if there is no such room."""
        ...

    async def waiting(
        self,
        device: Device,
        limit: int,
        now_ms: int,
        *,
        after: WaitingPlace | None = None,
        told: Mapping[str, int] = NOTHING_TOLD,
    ) -> MessagePage:
        """Messages of other devices that one has not acknowledged: room by room, each in order.

        Those of the user's own other devices too. A device begins with what was stored since
        it is there.

        Args:
            after: Only what comes after this in that order.
            told: By room, up to where nothing is asked for.
        """
        ...

    async def acknowledge(
        self, device: Device, refs: tuple[MessageRef, ...], status: Status, now_ms: int
    ) -> Acknowledged:
        """Note that messages have come to a device, or were read there; again changes nothing.

        What was read was delivered. Own messages and deleted ones have no receipts; what the user
        wrote on another device does not wait for this one any more.
        """
        ...

    async def get(self, user_id: UserId, ref: MessageRef, now_ms: int) -> StoredMessage:
        """The message that is meant.

        Raises:
            AppError: NOT_FOUND; ID_CONFLICT if several are.
        """
        ...

    async def delete(self, user_id: UserId, ref: MessageRef, now_ms: int) -> Deleted:
        """Forget what a message said; that there was one stays known.

        Raises:
            AppError: NOT_FOUND; ID_CONFLICT if several are meant; FORBIDDEN unless it is the
                user's own, or the user is owner or admin there.
        """
        ...

    async def search(
        self,
        user_id: UserId,
        search_for: Search,
        before: FoundPlace | None,
        limit: int,
        now_ms: int,
    ) -> FoundPage:
        """Messages that the user may read, the newest first, as far as one page looks."""
        ...

    async def expire(self, now_ms: int, limit: int) -> int:
        """Forget messages whose time is over, and those of rooms that ended: at most so many.

        Returns:
            How many; as long as it is the limit there may be more.
        """
        ...
