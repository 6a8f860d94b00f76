"""What the scripts of sessions answer, as core values."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, structs

from server.core.events import (
    ConnectionAttached,
    Member,
    MembersChanged,
    MessageSent,
    RoomEvent,
)
from server.core.ids import ConnectionId, Identity, RoomId
from server.core.ports import Appended, Draft, Entry, Joined, RoomSummary
from server.stores.redis import codec


def members_in(packed: bytes) -> tuple[Member, ...]:
    return codec.members_of(codec.unpack(packed))


def event_in(room_id: RoomId, packed: bytes) -> RoomEvent:
    return codec.event_of(room_id, codec.unpack(packed))


def events_in(room_id: RoomId, answer: list[bytes]) -> tuple[RoomEvent, ...]:
    return tuple(event_in(room_id, packed) for packed in answer)


def events_of_rooms(answer: list[bytes]) -> list[RoomEvent]:
    """From room ids and events by turns."""
    pairs = zip(answer[::2], answer[1::2], strict=True)
    return [event_in(RoomId(room_id.decode()), packed) for room_id, packed in pairs]


class Admission(Struct, frozen=True, kw_only=True):
    """What a join brings: for the joiner, and for whoever may have to restore the room.

    Attributes:
        place: The newest of the room's log.
        identity, order: Of the joiner's member; `order` is where in the sequence it joined.
        key_hash, creator, created_ms: Of the room.
        said_seq: Of its newest message; 0 for none.
    """

    joined: Joined
    place: int
    identity: Identity
    order: int
    key_hash: bytes
    creator: Identity | None
    created_ms: int
    said_seq: int


def admission_in(entry: Entry, answer: list[Any]) -> Admission:
    *flags, seq, place, identity, order, key_hash, creator, created_ms, said_seq = answer[:-3]
    members, told, messages = answer[-3:]
    own_identity = Identity(identity.decode())
    return Admission(
        joined=_joined(entry, own_identity, seq, flags, members, told, messages),
        place=place,
        identity=own_identity,
        order=order,
        key_hash=key_hash,
        creator=Identity(creator.decode()) if creator else None,
        created_ms=created_ms,
        said_seq=said_seq,
    )


def _joined(
    entry: Entry,
    identity: Identity,
    seq: int,
    flags: list[int],
    members: bytes,
    told: list[bytes],
    messages: list[bytes],
) -> Joined:
    is_new, has_proved, token_is_good, is_creator, is_made, locked, truncated = map(bool, flags)
    present = members_in(members)
    attached = ConnectionAttached(
        room_id=entry.room_id, user_id=_own_id(entry, present), connection_id=entry.connection_id
    )
    return Joined(
        is_new=is_new,
        has_proved=has_proved,
        token_is_good=token_is_good,
        is_creator=is_creator,
        room_created=is_made,
        locked=locked,
        members=present,
        messages=_readable(entry.room_id, messages, identity if has_proved else None),
        seq=seq,
        truncated=truncated,
        events=(attached, *(_told(entry.room_id, one, present) for one in told)),
    )


def appended_in(draft: Draft, now_ms: int, answer: list[Any]) -> tuple[Appended, Identity | None]:
    """What was appended, and the identity of its sender; None of a repeat."""
    if answer[0]:
        return _repeat(draft, *answer[1:]), None
    _, seq, identity, sender, recipient, identities = answer
    event = MessageSent(
        room_id=draft.room_id,
        skip=draft.connection_id,
        seq=seq,
        message_id=draft.message_id,
        sender=codec.user_id_of(sender.decode()),
        recipient=codec.user_id_of(recipient.decode()) if recipient else None,
        addressed_as=draft.addressed_as,
        ciphertext=draft.ciphertext,
        content_type=draft.content_type,
        sent_ms=now_ms,
        identities=frozenset(Identity(one.decode()) for one in identities) or None,
    )
    return Appended(event, is_repeat=False), Identity(identity.decode())


def recalled_in(
    room_id: RoomId, answer: list[Any]
) -> tuple[int, list[tuple[MessageSent, Identity | None]]]:
    """After which sequence number all messages follow; and these with their senders, in order."""
    floor_seq, *found = answer
    recalled = []
    for sender, packed in zip(found[::2], found[1::2], strict=True):
        event = event_in(room_id, packed)
        assert isinstance(event, MessageSent)
        recalled.append((event, Identity(sender.decode()) if sender else None))
    return floor_seq, recalled[::-1]


def summary_in(answer: list[Any]) -> RoomSummary:
    room_id, members, messages, held_bytes, created_ms, active_ms, locked, has_key = answer
    return RoomSummary(
        room_id=RoomId(room_id.decode()),
        members=members,
        messages=messages,
        held_bytes=held_bytes,
        created_ms=created_ms,
        active_ms=active_ms,
        locked=bool(locked),
        has_key=bool(has_key),
    )


def attached_in(answer: list[bytes]) -> Iterator[tuple[ConnectionId, RoomId]]:
    for one in answer:
        connection_id, _, room_id = one.decode().partition("\0")
        yield ConnectionId(connection_id), RoomId(room_id)


def _own_id(entry: Entry, members: tuple[Member, ...]) -> Any:
    """As the member wrote it that this connection is one of."""
    return next(member.user_id for member in members if member.user_id == entry.user_id)


def _told(room_id: RoomId, noted: bytes, members: tuple[Member, ...]) -> RoomEvent:
    if noted[:1] == b"c":
        skip = ConnectionId(noted[1:].decode()) or None
        return MembersChanged(room_id=room_id, skip=skip, members=members)
    return event_in(room_id, noted[1:])


def _readable(
    room_id: RoomId, packed: list[bytes], reader: Identity | None
) -> tuple[MessageSent, ...]:
    found = []
    for one in packed:
        event = event_in(room_id, one)
        assert isinstance(event, MessageSent)
        if event.identities is None or reader in event.identities:
            found.append(event)
    return tuple(found)


def _repeat(draft: Draft, is_trimmed: int, has_proved: int, packed: bytes) -> Appended:
    event = event_in(draft.room_id, packed)
    assert isinstance(event, MessageSent)
    if is_trimmed or not has_proved:
        event = structs.replace(event, ciphertext=draft.ciphertext)
    if event.identities and not has_proved:
        # Who joined by a public key alone may send, but learns nothing of what is private.
        event = structs.replace(
            event, recipient=None, addressed_as=draft.addressed_as, content_type=draft.content_type
        )
    return Appended(event, is_repeat=True)
