"""What the scripts of sessions are given: core values as plain ones."""

from collections.abc import Collection
from itertools import chain

from server.core.events import Member
from server.core.ids import ConnectionId, Recipient
from server.core.kinds import Policy
from server.core.opaque import Opaque
from server.core.ports import Entry
from server.stores.redis import codec
from server.stores.redis.holdings import HeldMember, HeldMessage, Seed
from server.stores.redis.link import Value
from server.stores.room_sizes import member_bytes, message_bytes


def policy(of: Policy) -> tuple[int, ...]:
    return (
        of.capacity,
        of.idle_limit_ms,
        of.grace_ms,
        of.history_messages,
        of.history_bytes,
    )


def key(public_key: Opaque | None) -> tuple[bytes, bytes, int]:
    """A public key as scripts take it: packed, its digest, and its bytes."""
    if public_key is None:
        return b"", b"", 0
    return codec.pack(public_key), public_key.digest, public_key.size_bytes


def addressed(addressed_as: Recipient | None, is_broadcast: bool) -> tuple[str, int]:
    word = "" if addressed_as is None else f"={codec.written(addressed_as)}"
    return word, int(is_broadcast)


def wish(entry: Entry, node: str) -> tuple[Value, ...]:
    """What `rooms/join` takes of an entry, after the room's id."""
    name = entry.name or str(entry.user_id)
    return (
        codec.written(entry.user_id),
        entry.connection_id,
        node,
        entry.key_hash or b"",
        int(entry.as_creator),
        entry.name or "",
        *key(entry.public_key),
        entry.token_hash or b"",
        entry.new_identity,
        entry.new_token_hash,
        member_bytes(Member(entry.user_id, name, entry.public_key, 0)),
        entry.since_seq,
    )


def seed(one: Seed, coming: Collection[ConnectionId], node: str, now_ms: int) -> tuple[Value, ...]:
    """What `rooms/restore` takes of a seed, after the room's id."""
    return (
        node,
        now_ms,
        one.key_hash,
        *policy(one.policy),
        int(one.locked),
        one.creator or "",
        one.created_ms,
        one.seq,
        one.place,
        one.floor_seq,
        len(one.members),
        *chain.from_iterable(map(_member, one.members.values())),
        len(coming),
        *coming,
        len(one.removed),
        *one.removed,
        len(one.messages),
        *chain.from_iterable(map(_message, one.messages.values())),
    )


def _member(held: HeldMember) -> tuple[Value, ...]:
    member = held.member
    connections: list[Value] = []
    for connection_id, has_proved in held.connections.items():
        connections += (connection_id, int(has_proved))
    return (
        held.identity,
        codec.written(member.user_id),
        member.name,
        *key(member.public_key),
        member.joined_ms,
        held.order,
        member_bytes(member),
        held.token_hash or b"",
        len(held.connections),
        *connections,
    )


def _message(held: HeldMessage) -> tuple[Value, ...]:
    event = held.event
    before, ciphertext, after = codec.pack_message(event)
    words = (event.message_id, event.sender, event.addressed_as or "", event.content_type)
    return (
        event.message_id,
        event.seq,
        before + ciphertext + after,
        len(before),
        len(ciphertext),
        message_bytes(event.ciphertext, *words),
        held.sender or "",
        event.sender,
    )
