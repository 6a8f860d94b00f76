"""Random groups: what goes into their store, and what comes out."""

from typing import Protocol

from msgspec import Struct

from server.core.events import Group, MessageSent, RoomEvent
from server.core.ids import ConnectionId, MessageId, RoomId, UserId
from server.core.opaque import Opaque
from server.core.ports.rooms import Appended


class NewGroup(Struct, frozen=True):
    """What a group is made of when no other has room."""

    room_id: RoomId
    name: str
    capacity: int


class Wish(Struct, frozen=True, kw_only=True):
    """A wish for a place in some group.

    Attributes:
        public_key: None for the one that the user had last.
        connection_id: The connection that asks; None over HTTP.
        is_move: Leave the group where one is, for another.
        new_group: Made if no group has room for this user.
        connect_by_ms: Until when a user without a connection stays.
        apart_until_ms: Until when whoever is left by a move is not met again.
        forget_ms: When all of the user may be forgotten that belongs to no group.
    """

    user_id: UserId
    name: str
    public_key: Opaque | None
    connection_id: ConnectionId | None
    is_move: bool
    new_group: NewGroup
    connect_by_ms: int
    apart_until_ms: int
    forget_ms: int


class Matched(Struct, frozen=True):
    """The user's group; `is_new` unless the user was there before."""

    group: Group
    is_new: bool
    events: tuple[RoomEvent, ...]


class Post(Struct, frozen=True, kw_only=True):
    """A message on its way into a group.

    Attributes:
        connection_id: The connection that it came by; None over HTTP.
        recipient: None is everybody.
    """

    room_id: RoomId
    sender: UserId
    connection_id: ConnectionId | None
    message_id: MessageId
    recipient: UserId | None
    ciphertext: Opaque
    content_type: str


class HistoryPage(Struct, frozen=True):
    """Messages of a group, oldest first; `has_more` if there are older ones."""

    messages: tuple[MessageSent, ...]
    has_more: bool


class SavedKey(Struct, frozen=True):
    """The public key that a user had last, wherever that was."""

    user_id: UserId
    name: str
    public_key: Opaque
    saved_ms: int


class Report(Struct, frozen=True, kw_only=True):
    """What a member says of another, for operators.

    Attributes:
        report_id: Later ones sort after earlier ones.
        evidence: What the reporter chose to reveal.
        name, public_key: Of the reported one, as the group itself had them: what the reporter
            reveals proves nothing by itself. The store fills them in, as far as it knows.
    """

    report_id: str
    room_id: RoomId
    reporter: UserId
    user_id: UserId
    reason: str
    evidence: Opaque | None
    created_ms: int
    name: str | None = None
    public_key: Opaque | None = None


class Reported(Struct, frozen=True):
    """Whether the report was the last that it took to remove the member."""

    is_removed: bool
    events: tuple[RoomEvent, ...]


class GroupSummary(Struct, frozen=True):
    """A group as operators may see it: counts and times, nobody's name."""

    room_id: RoomId
    name: str
    members: int
    capacity: int
    messages: int
    held_bytes: int
    created_ms: int
    active_ms: int


class GroupPage(Struct, frozen=True):
    """Some groups, and how many there are in all."""

    groups: tuple[GroupSummary, ...]
    total: int


class GroupTotals(Struct, frozen=True):
    """`made` counts the groups that have ended, too."""

    made: int
    groups: int
    members: int
    users: int
    held_bytes: int


class GroupStore(Protocol):
    """Random groups: who is with whom, and what was said lately; and of users what outlives them.

    A user is in one group at most. A group never holds more members than its capacity, and
    ends with its last one. Nobody is matched with a user whom either has blocked, nor, for a
    while, with a group or a user that was left for another. Per group, sequence numbers are
    1, 2, 3 … without gaps over joins, leaves, key changes and messages; its epoch rises with
    each join, leave and key change. All connections of a user are in the user's group.
    A method for members raises NOT_FOUND for a group in which the user is not.
    Users who are not here hold a part of the space only: where there are too many, those that
    are to be forgotten next, guests mostly, are forgotten earlier.
    """

    async def match(self, wish: Wish, now_ms: int) -> Matched:
        """Find a place: in the fullest group that may take the user, else in a new one.

        Whoever is in a group stays there, with the key of this wish, unless it is a move.

        Raises:
            AppError: INVALID_REQUEST without a public key, now or before; SERVER_FULL.
        """
        ...

    async def connect(
        self, user_id: UserId, connection_id: ConnectionId, forget_ms: int
    ) -> tuple[RoomEvent, ...]:
        """Note a connection of a user, which comes into the user's group."""
        ...

    async def lose(self, connection_id: ConnectionId, now_ms: int, leave_at_ms: int) -> bool:
        """Note that a connection is gone; with the last one, the user leaves at that time.

        Again for the same connection changes nothing.

        Returns:
            Whether it is gone; else it goes on in another process, where it stays.
        """
        ...

    async def current(self, user_id: UserId) -> Group | None: ...

    async def leave(
        self,
        room_id: RoomId,
        user_id: UserId,
        connection_id: ConnectionId | None,
        now_ms: int,
        apart_until_ms: int,
    ) -> tuple[RoomEvent, ...]:
        """Leave with all connections, of which one asked; not to meet these again for a while."""
        ...

    async def append(self, post: Post, now_ms: int) -> Appended:
        """Put a message into the history under the next sequence number, at most once an id.

        Raises:
            AppError: RECIPIENT_NOT_FOUND for nobody there, and for who has blocked the sender;
                ID_CONFLICT if another sender holds the id; SERVER_FULL.
        """
        ...

    async def history(
        self, room_id: RoomId, user_id: UserId, before: MessageId | None, limit: int
    ) -> HistoryPage:
        """The newest messages before one that the user may read.

        Raises:
            AppError: NOT_FOUND if no message of that id is remembered that the user may read.
        """
        ...

    async def touch(self, room_id: RoomId, user_id: UserId, now_ms: int) -> str:
        """Count as activity in the group.

        Returns:
            The user's name there.
        """
        ...

    async def block(self, user_id: UserId, blocked: UserId, forget_ms: int) -> None:
        """Have two users not meet in groups to come, and no private messages from the other.

        Raises:
            AppError: LIMIT_REACHED; FORBIDDEN to block oneself.
        """
        ...

    async def unblock(self, user_id: UserId, blocked: UserId) -> None: ...

    async def report(
        self, report: Report, address_mark: bytes, now_ms: int, expires_ms: int
    ) -> Reported:
        """Keep a report, and block its subject; remove it when enough members have reported it.

        Enough are three, or all others if they are fewer, each present for a minute and each
        with another `address_mark`. Who has left can be reported for what it said there, as
        long as the reporter can read that. A later report by the same about the same in that
        group takes the place of the former. When there are too many, the oldest goes of the
        `address_mark` that has most. Nobody is blocked by a reporter whose list is full.

        Raises:
            AppError: RECIPIENT_NOT_FOUND; FORBIDDEN to report oneself; SERVER_FULL.
        """
        ...

    async def reports(self, after: str | None, limit: int) -> tuple[Report, ...]:
        """Reports in order of age, from the one after `after`; all if that one is forgotten."""
        ...

    async def key_of(self, user_id: UserId, asker: UserId, *, in_group: bool) -> SavedKey | None:
        """The key that a user had last, unless it has blocked the asker.

        Args:
            in_group: Of members of the asker's group alone.
        """
        ...

    async def expire_lost(self, now_ms: int) -> tuple[RoomEvent, ...]:
        """Let users leave who are without a connection for too long."""
        ...

    async def expire_idle(self, now_ms: int) -> tuple[RoomEvent, ...]:
        """Forget every group whose idle limit is over, and users and reports that are due."""
        ...

    async def page(self, start: int, limit: int) -> GroupPage:
        """Groups in order of age."""
        ...

    async def totals(self) -> GroupTotals: ...
