"""What clients may ask, field by field. Fields not named here are left out when decoding."""

from typing import Annotated

from msgspec import Meta, Struct, field

from server.core.errors import AppError, Code
from server.core.ids import MessageId, Recipient, RoomId, UserId
from server.core.opaque import Opaque
from server.transports.api import DisplayName, FileName, Key

TypeWord = Annotated[str, Meta(pattern="^[A-Za-z0-9_./+-]{1,64}$(?!\\n)")]
NewToken = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{43,128}$(?!\\n)")]
"""Of 256 random bits at least, as long as they are random."""
Sequence = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Reserve(Struct, frozen=True, rename="camel"):
    session_id: RoomId
    auth_key: Key | None = None


class ListSessions(Struct, frozen=True):
    after: RoomId | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class Join(Struct, frozen=True, rename="camel"):
    session_id: RoomId
    user_id: UserId
    display_name: DisplayName | None = None
    public_key: Opaque | None = None
    is_creator: bool | None = None
    auth_key: Key | None = None
    member_token: Key | None = None
    new_member_token: NewToken | None = None
    since: Sequence | None = None


class InSession(Struct, frozen=True, rename="camel"):
    """Something within a session. Whoever the payload says it is from must be the caller."""

    session_id: RoomId
    user_id: UserId | None = None
    sender: UserId | None = field(default=None, name="from")
    sender_id: UserId | None = None


class SaveKey(InSession, frozen=True, kw_only=True):
    public_key: Opaque
    display_name: DisplayName | None = None


class Send(InSession, frozen=True, kw_only=True):
    encrypted: Opaque
    to: Recipient | None = None
    type: TypeWord | None = None
    id: MessageId | None = None
    message_id: MessageId | None = None
    client_message_id: MessageId | None = None


class Signal(InSession, frozen=True, kw_only=True):
    encrypted: Opaque
    to: Recipient | None = None


class Downloaded(InSession, frozen=True, kw_only=True):
    file_name: FileName
    to: Recipient | None = None


class Lock(InSession, frozen=True, kw_only=True):
    locked: bool = True


class Remove(Struct, frozen=True, rename="camel"):
    """Here `userId` is who is to go."""

    session_id: RoomId
    user_id: UserId
    sender: UserId | None = field(default=None, name="from")
    sender_id: UserId | None = None


class Wanted(Struct, frozen=True):
    """A session id taken apart: the room, and the key if one was given."""

    room_id: RoomId
    key: str | None


def room_and_key(session_id: RoomId, auth_key: str | None) -> Wanted:
    """Read `id:key`, or an id beside its key.

    Raises:
        AppError: INVALID_REQUEST without an id; INVALID_KEY if two different keys are given.
    """
    name, _, key_in_id = session_id.partition(":")
    if not name:
        raise AppError(Code.INVALID_REQUEST, "sessionId: the part before the colon is missing")
    if auth_key and key_in_id and auth_key != key_in_id:
        raise AppError(Code.INVALID_KEY, "authKey and the key within sessionId differ")
    return Wanted(RoomId(name), auth_key or key_in_id or None)


def room_of(session_id: RoomId) -> RoomId:
    """The room of `id` or `id:key`."""
    if ":" not in session_id:
        return session_id
    return room_and_key(session_id, None).room_id
