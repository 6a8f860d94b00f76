"""What happened in a room. Frozen facts, past tense; every API renders them in its own words."""

from enum import Enum

from msgspec import Struct

from server.core.identity import User
from server.core.ids import ConnectionId, Identity, MessageId, Recipient, RoomId, UserId
from server.core.kinds import Kind
from server.core.opaque import Opaque


class LeaveReason(Enum):
    LEFT = "left"
    LOST = "lost"
    REMOVED = "removed"


class Member(Struct, frozen=True, gc=False):
    """One person in a room, as the others may see them."""

    user_id: UserId
    name: str
    public_key: Opaque | None
    joined_ms: int


class Group(Struct, frozen=True, kw_only=True):
    """A random group, as its members see it.

    Attributes:
        epoch: Rises with each change of who is there or of a public key.
        seq: The newest place in its sequence.
    """

    room_id: RoomId
    name: str
    capacity: int
    members: tuple[Member, ...]
    epoch: int
    seq: int
    created_ms: int


class RoomEvent(Struct, frozen=True, kw_only=True, gc=False):
    """Something that the members of a room hear of.

    Attributes:
        room_id: Where it happened.
        skip: The connection that caused it and need not hear of it.
    """

    room_id: RoomId
    skip: ConnectionId | None = None


class MessageSent(RoomEvent, frozen=True, kw_only=True):
    """A message was accepted and stands in the room's history.

    Attributes:
        seq: Its place in the room's sequence, from 1.
        recipient: The one member it is for; None is everybody.
        addressed_as: The recipient as the sender wrote it, given back unchanged.
        identities: Sender and recipient of a private message: only these may read it in
            the history, whatever user id they come back under.
        sender_name: In random groups, where it may change from one message to the next.
    """

    seq: int
    message_id: MessageId
    sender: UserId
    recipient: UserId | None
    addressed_as: Recipient | None
    ciphertext: Opaque
    content_type: str
    sent_ms: int
    identities: frozenset[Identity] | None = None
    sender_name: str = ""


class MemberJoined(RoomEvent, frozen=True, kw_only=True):
    seq: int
    user_id: UserId
    name: str
    joined_ms: int
    public_key: Opaque | None = None


class MemberLeft(RoomEvent, frozen=True, kw_only=True):
    seq: int
    user_id: UserId
    reason: LeaveReason
    left_ms: int
    name: str = ""


class MembersChanged(RoomEvent, frozen=True, kw_only=True):
    """The list of members or of their public keys is now this one.

    Attributes:
        epoch: Of a random group.
    """

    members: tuple[Member, ...]
    epoch: int = 0


class TypingChanged(RoomEvent, frozen=True, kw_only=True):
    user_id: UserId
    is_typing: bool
    name: str = ""


class FileDownloaded(RoomEvent, frozen=True, kw_only=True):
    user_id: UserId
    file_name: str
    recipient: UserId | None
    downloaded_ms: int


class SignalSent(RoomEvent, frozen=True, kw_only=True):
    """Something opaque for those who are there now; it has no place in the sequence.

    Attributes:
        recipient, addressed_as: As of `MessageSent`.
    """

    sender: UserId
    recipient: UserId | None
    addressed_as: Recipient | None
    ciphertext: Opaque
    sent_ms: int


class RoomLocked(RoomEvent, frozen=True, kw_only=True):
    """Newcomers are kept out (`locked`) or let in again."""

    locked: bool
    locked_ms: int


class ConnectionEvent(Struct, frozen=True, kw_only=True, gc=False):
    """Something that concerns one connection of this process, whatever rooms it is in."""

    connection_id: ConnectionId


class SignedIn(ConnectionEvent, frozen=True, kw_only=True):
    """The connection speaks for this user from now on, or has renewed its token."""

    user: User


class SignInExpired(ConnectionEvent, frozen=True, kw_only=True):
    """The connection's token has run out: until it is renewed it speaks for nobody."""

    expired_ms: int


class SignedOut(ConnectionEvent, frozen=True, kw_only=True):
    """The connection speaks for nobody after all: what goes with signing in could not be done."""


class SignInEnded(ConnectionEvent, frozen=True, kw_only=True):
    """The connection's sign-in has ended before its token runs out, and it ends with it."""

    reason: str


class ConnectionAttached(RoomEvent, frozen=True, kw_only=True):
    """A connection hears of the room from now on, as this user.

    Attributes:
        kind: In whose words it hears.
    """

    user_id: UserId
    connection_id: ConnectionId
    kind: Kind = Kind.SESSION


class GroupEntered(ConnectionAttached, frozen=True, kw_only=True):
    """The same for a connection that has not asked: another one of its user has, or an earlier."""

    group: Group


class ConnectionDetached(RoomEvent, frozen=True, kw_only=True):
    """A connection hears of the room no longer, by its own wish."""

    connection_id: ConnectionId


class ConnectionLapsed(ConnectionDetached, frozen=True, kw_only=True):
    """The same because its token has run out; it alone is told."""


class MemberRemoved(RoomEvent, frozen=True, kw_only=True):
    """All connections of this user are put out of the room."""

    user_id: UserId


class RoomExpired(RoomEvent, frozen=True, kw_only=True):
    """The room was idle for too long, and everything of it is forgotten."""

    idle_limit_ms: int


class EventsLost(RoomEvent, frozen=True, kw_only=True):
    """What happened in the room is no longer known in full; who is there has to ask anew.

    A process tells it to the connections here, and never by way of others.
    """


MOMENTARY = (TypingChanged, SignalSent, EventsLost)
"""Events that are for those who are there at that moment, and are remembered by nobody."""
