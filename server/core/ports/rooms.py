"""Live rooms: what goes into their store, and what comes out."""

from typing import Protocol

from msgspec import Struct

from server.core.events import Member, MessageSent, RoomEvent
from server.core.ids import ConnectionId, Identity, MessageId, Recipient, RoomId, UserId
from server.core.kinds import Policy
from server.core.opaque import Opaque


class Reservation(Struct, frozen=True):
    """A room that waits for its members until `expires_ms`."""

    created: bool
    expires_ms: int


class Entry(Struct, frozen=True, kw_only=True):
    """A wish to join a room.

    Attributes:
        key_hash: Of the key shown; None for no key.
        as_creator: Make the room if it is not there, and own it if nobody does yet.
        token_hash: Of the member token shown, which proves an identity held before.
        new_identity, new_token_hash: Taken if this entry makes a new member.
        name, public_key: None leaves what a known member has.
        since_seq: The last place in the sequence that the joiner has seen; 0 for none.
        is_return: A connection is restored: it comes as the member that it was, or not at all
            (NOT_A_MEMBER). Name and key count only if that member has left meanwhile, and
            `Joined.messages` stays empty.
    """

    room_id: RoomId
    user_id: UserId
    connection_id: ConnectionId
    key_hash: bytes | None
    as_creator: bool
    name: str | None
    public_key: Opaque | None
    token_hash: bytes | None
    new_identity: Identity
    new_token_hash: bytes
    since_seq: int
    is_return: bool = False


class Joined(Struct, frozen=True, kw_only=True):
    """What a joiner finds.

    Attributes:
        is_new: The joiner is a new member, and `new_token_hash` is now good.
        has_proved: This connection is the member beyond doubt: it made it, or it showed
            its token. Others joined with a public key, which everybody in the room knows:
            they read no private history and change nothing of the member.
        token_is_good: The token shown is the member's.
        is_creator: The member is the creator, and this connection has proved to be it.
        messages: Those after `since_seq` that the joiner may read, oldest first.
        seq: The newest place in the room's sequence.
        truncated: Messages after `since_seq` are no longer in the bounded history, or
            `since_seq` is of an earlier room of that id; then `messages` are all there are.
        events: What the others, and the hubs, hear of it.
    """

    is_new: bool
    has_proved: bool
    token_is_good: bool
    is_creator: bool
    room_created: bool
    locked: bool
    members: tuple[Member, ...]
    messages: tuple[MessageSent, ...]
    seq: int
    truncated: bool
    events: tuple[RoomEvent, ...]


class Draft(Struct, frozen=True, kw_only=True):
    """A message on its way into a room.

    `addressed_as` is the recipient as the sender wrote it, and `is_broadcast` says that the
    writing means everybody unless a member happens to have that very id.
    """

    room_id: RoomId
    connection_id: ConnectionId
    message_id: MessageId
    addressed_as: Recipient | None
    is_broadcast: bool
    ciphertext: Opaque
    content_type: str


class Appended(Struct, frozen=True):
    """A message that stands in the history; `is_repeat` if it stood there before."""

    event: MessageSent
    is_repeat: bool


class RoomSummary(Struct, frozen=True):
    """A room as operators may see it: counts and times, no keys, no content."""

    room_id: RoomId
    members: int
    messages: int
    held_bytes: int
    created_ms: int
    active_ms: int
    locked: bool
    has_key: bool


class RoomTotals(Struct, frozen=True):
    rooms: int
    members: int
    held_bytes: int


class RoomStore(Protocol):
    """Live rooms: who is in them, and what was said lately.

    Per room, sequence numbers are 1, 2, 3 … without gaps over joins, leaves, key changes
    and messages. A room never holds more members than its policy's capacity. Nobody takes
    the user id of a member with a live connection without that member's token or key.
    A connection may act in a room only while it is attached there (else NOT_A_MEMBER), and by
    the process alone into which it came last: by joining, or by coming back (`Entry.is_return`).
    """

    async def reserve(
        self, room_id: RoomId, key_hash: bytes | None, policy: Policy, now_ms: int
    ) -> Reservation:
        """Make a room with this key, or find the one that has it.

        Raises:
            AppError: ROOM_EXISTS under another key; SERVER_FULL.
        """
        ...

    async def join(self, entry: Entry, policy: Policy, now_ms: int) -> Joined:
        """Attach a connection, as a new member or as one more connection of a known one.

        Raises:
            AppError: ROOM_NOT_FOUND, INVALID_KEY, USER_ID_TAKEN, ROOM_LOCKED, ROOM_FULL,
                SERVER_FULL; FORBIDDEN if this connection is somebody else there;
                TOO_MANY_ROOMS if it is in too many; NOT_A_MEMBER by `Entry.is_return`.
        """
        ...

    async def members(self, room_id: RoomId, connection_id: ConnectionId) -> tuple[Member, ...]:
        """The members in order of joining."""
        ...

    async def save_key(
        self,
        room_id: RoomId,
        connection_id: ConnectionId,
        public_key: Opaque,
        name: str | None,
    ) -> tuple[Member, ...]:
        """Replace the public key (and the name, if given) of the connection's own member.

        What that changes is to be followed by a `MembersChanged`.

        Raises:
            AppError: FORBIDDEN for another key if the connection has not proved to be the
                member; SERVER_FULL.
        """
        ...

    async def append(self, draft: Draft, now_ms: int) -> Appended:
        """Put a message into the history under the next sequence number, at most once an id.

        Raises:
            AppError: RECIPIENT_NOT_FOUND; ID_CONFLICT if another sender holds the id;
                SERVER_FULL if all rooms together hold as many bytes as they may.
        """
        ...

    async def recipient(
        self,
        room_id: RoomId,
        connection_id: ConnectionId,
        addressed_as: Recipient | None,
        is_broadcast: bool,
    ) -> UserId | None:
        """The member that is addressed, by the rule of `Draft`; None for everybody.

        Raises:
            AppError: RECIPIENT_NOT_FOUND.
        """
        ...

    async def touch(self, room_id: RoomId, connection_id: ConnectionId, now_ms: int) -> None:
        """Count as activity in the room."""
        ...

    async def lock(self, room_id: RoomId, connection_id: ConnectionId, locked: bool) -> None:
        """Keep newcomers out, or let them in again.

        Raises:
            AppError: FORBIDDEN unless the connection has proved to be the creator.
        """
        ...

    async def remove(
        self, room_id: RoomId, connection_id: ConnectionId, user_id: UserId, now_ms: int
    ) -> tuple[RoomEvent, ...]:
        """Put a member out, void its token, and lock the room.

        Raises:
            AppError: FORBIDDEN unless the connection has proved to be the creator and the
                member is somebody else; RECIPIENT_NOT_FOUND.
        """
        ...

    async def leave(
        self, room_id: RoomId, connection_id: ConnectionId, now_ms: int
    ) -> tuple[RoomEvent, ...]:
        """Detach one connection; with its last one a member leaves."""
        ...

    async def lose(self, connection_id: ConnectionId, now_ms: int) -> None:
        """Note that a connection is gone from wherever it was; members have their grace.

        Again for the same connection changes nothing. As long as this raises, its members
        stay, and the core calls it again, with the same `now_ms`: their grace counts from it.
        """
        ...

    async def rooms_of(self, connection_id: ConnectionId) -> tuple[RoomId, ...]:
        """The rooms that a connection is attached to."""
        ...

    async def expire_lost(self, now_ms: int) -> tuple[RoomEvent, ...]:
        """Let members leave whose grace is over."""
        ...

    async def expire_idle(self, now_ms: int) -> tuple[RoomEvent, ...]:
        """Forget every room whose idle limit is over, with all its bytes."""
        ...

    async def summaries(self, after: RoomId | None, limit: int) -> tuple[RoomSummary, ...]:
        """Rooms in order of id, from the one after `after`."""
        ...

    async def totals(self) -> RoomTotals: ...
