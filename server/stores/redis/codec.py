"""Core values as MessagePack, as scripts handle them and processes tell each other.

An event is an array: the number of its kind (its place in `KINDS`), then its fields in the
order of its struct, without the room's id, which the channel or the log names. User ids are
text, of numeric ones with a mark in front; opaque values are text, or bytes with a mark.
Scripts make some events themselves: `lua/lib.lua` has one function for each.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec

from server.core.events import (
    ConnectionAttached,
    ConnectionDetached,
    ConnectionLapsed,
    EventsLost,
    FileDownloaded,
    Group,
    GroupEntered,
    LeaveReason,
    Member,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MembersChanged,
    MessageSent,
    RoomEvent,
    RoomExpired,
    RoomLocked,
    SignalSent,
    TypingChanged,
)
from server.core.ids import (
    Identity,
    MessageId,
    NumericUserId,
    Recipient,
    RoomId,
    UserId,
)
from server.core.kinds import Kind
from server.core.opaque import Opaque
from server.core.ports import Report

# The order is part of what is stored: add at the end only.
KINDS: tuple[type[RoomEvent], ...] = (
    MessageSent,
    MemberJoined,
    MemberLeft,
    MembersChanged,
    TypingChanged,
    FileDownloaded,
    SignalSent,
    RoomLocked,
    ConnectionAttached,
    GroupEntered,
    ConnectionDetached,
    ConnectionLapsed,
    MemberRemoved,
    RoomExpired,
    EventsLost,
)

_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}

_FIELDS = {
    kind: tuple(name for name in kind.__struct_fields__ if name != "room_id") for kind in KINDS
}

NUMERIC_MARK = "\x01"
"""In front of the text of a user id that its client wrote as a number."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def pack(value: Any) -> bytes:
    """A core value, or plain values in lists."""
    return _encode(_plain(value))


def unpack(data: bytes) -> Any:
    """Plain values."""
    return _decode(data)


def pack_event(event: RoomEvent) -> bytes:
    kind = type(event)
    fields = [_plain(getattr(event, name)) for name in _FIELDS[kind]]
    return _encode([_NUMBERS[kind], *fields])


def pack_message(event: MessageSent) -> tuple[bytes, bytes, bytes]:
    """A message in three parts: before its ciphertext, that, and after it."""
    names = _FIELDS[MessageSent]
    fields = [_encode(_plain(getattr(event, name))) for name in names]
    middle = names.index("ciphertext")
    head = bytes([0x90 + len(names) + 1])  # a MessagePack array
    before = head + _encode(_NUMBERS[MessageSent]) + b"".join(fields[:middle])
    return before, fields[middle], b"".join(fields[middle + 1 :])


def event_of(room_id: RoomId, plain: list[Any]) -> RoomEvent:
    """An event from its plain values."""
    kind = KINDS[plain[0]]
    fields = {
        name: _READ[name](value) if value is not None and name in _READ else value
        for name, value in zip(_FIELDS[kind], plain[1:], strict=True)
    }
    made: RoomEvent = kind(room_id=room_id, **fields)
    return made


def written(user_id: Recipient) -> str:
    """A user id as scripts have it."""
    return NUMERIC_MARK + user_id if isinstance(user_id, NumericUserId) else str(user_id)


def user_id_of(text: str) -> UserId:
    if text.startswith(NUMERIC_MARK):
        return NumericUserId(text[len(NUMERIC_MARK) :])
    return UserId(text)


def _recipient_of(text: str) -> Recipient:
    return user_id_of(text) if text.startswith(NUMERIC_MARK) else Recipient(text)


def member_of(plain: list[Any]) -> Member:
    user_id, name, public_key, joined_ms = plain
    key = None if public_key is None else Opaque.restored(public_key)
    return Member(user_id_of(user_id), name, key, joined_ms)


def members_of(plain: list[Any]) -> tuple[Member, ...]:
    return tuple(map(member_of, plain))


def group_of(plain: list[Any]) -> Group:
    room_id, name, capacity, members, epoch, seq, created_ms = plain
    return Group(
        room_id=RoomId(room_id),
        name=name,
        capacity=capacity,
        members=members_of(members),
        epoch=epoch,
        seq=seq,
        created_ms=created_ms,
    )


def pack_report(report: Report) -> bytes:
    """All fields up to those that the store fills in, one after the other."""
    names = Report.__struct_fields__[: -len(("name", "public_key"))]
    return b"".join(pack(getattr(report, name)) for name in names)


def report_of(data: bytes) -> Report:
    report_id, room_id, reporter, user_id, reason, evidence, created_ms, name, key = unpack(data)
    return Report(
        report_id=report_id,
        room_id=RoomId(room_id),
        reporter=user_id_of(reporter),
        user_id=user_id_of(user_id),
        reason=reason,
        evidence=None if evidence is None else Opaque.restored(evidence),
        created_ms=created_ms,
        name=name,
        public_key=None if key is None else Opaque.restored(key),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return written(value) if isinstance(value, Recipient) else str(value)
    if isinstance(value, Opaque):
        return value.stored
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    if isinstance(value, Member | Group):
        return [_plain(getattr(value, name)) for name in value.__struct_fields__]
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


_READ: dict[str, Callable[[Any], Any]] = {
    "message_id": MessageId,
    "sender": user_id_of,
    "recipient": user_id_of,
    "user_id": user_id_of,
    "addressed_as": _recipient_of,
    "ciphertext": Opaque.restored,
    "public_key": Opaque.restored,
    "identities": lambda held: frozenset(map(Identity, held)),
    "reason": LeaveReason,
    "members": members_of,
    "kind": Kind,
    "group": group_of,
}
