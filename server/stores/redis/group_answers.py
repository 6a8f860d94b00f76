"""What scripts of random groups are given and answer, as core values."""

from collections.abc import Sequence

from server.core.events import Group, MessageSent, RoomEvent
from server.core.ids import RoomId
from server.core.opaque import Opaque
from server.core.ports import GroupSummary, Post, SavedKey
from server.stores.redis import codec
from server.stores.redis.link import Value
from server.stores.room_sizes import message_bytes


def key_arguments(key: Opaque | None) -> tuple[Value, Value, Value]:
    """A public key as scripts have it: packed, its size, and what is the same for equal keys."""
    return (b"", 0, b"") if key is None else (codec.pack(key), key.size_bytes, key.digest)


def post_bytes(post: Post) -> int:
    words = (post.message_id, post.sender, post.recipient or "", post.content_type)
    return message_bytes(post.ciphertext, *words)


def group_in(packed: bytes) -> Group:
    return codec.group_of(codec.unpack(packed))


def message_in(room_id: RoomId, packed: bytes) -> MessageSent:
    event = codec.event_of(room_id, codec.unpack(packed))
    assert isinstance(event, MessageSent), "a message was asked for"
    return event


def events_in(told: Sequence[bytes]) -> tuple[RoomEvent, ...]:
    """Events, each after the group in which it happened."""
    return tuple(
        codec.event_of(RoomId(room.decode()), codec.unpack(event))
        for room, event in zip(told[::2], told[1::2], strict=True)
    )


def saved_key_in(packed: bytes) -> SavedKey:
    user_id, name, key, saved_ms = codec.unpack(packed)
    return SavedKey(codec.user_id_of(user_id), name, Opaque.restored(key), saved_ms)


def summary_in(packed: bytes) -> GroupSummary:
    room_id, *rest = codec.unpack(packed)
    return GroupSummary(RoomId(room_id), *rest)
