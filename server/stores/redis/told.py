"""What concerns users, as processes tell each other: a kind's name and its fields."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from server.core.ids import Recipient, UserId
from server.core.opaque import Opaque
from server.core.user_events import UserEvent
from server.stores.redis.codec import user_id_of, written


def _plain(value: Any) -> Any:
    if isinstance(value, Recipient):
        return written(value)
    return value.stored if isinstance(value, Opaque) else str(value)


def _made(kind: type, value: Any) -> Any:
    if kind is Opaque:
        return Opaque.restored(value)
    return user_id_of(value) if kind is UserId else kind(value)


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode
_split = msgspec.msgpack.Decoder(tuple[str, msgspec.Raw]).decode


def pack(event: UserEvent) -> bytes:
    """An event as bytes."""
    return _encode((type(event).__name__, event))


def unpack(data: bytes) -> UserEvent | None:
    """The event; None of a kind that only a newer process knows."""
    name, fields = _split(data)
    decoder = _decoder(name)
    return decoder.decode(fields) if decoder else None


@cache
def _decoder(name: str) -> "msgspec.msgpack.Decoder[UserEvent] | None":
    kinds = {kind.__name__: kind for kind in _kinds(UserEvent)}
    return msgspec.msgpack.Decoder(kinds[name], dec_hook=_made) if name in kinds else None


def _kinds(kind: type[UserEvent]) -> Iterator[type[UserEvent]]:
    for one in kind.__subclasses__():
        yield one
        yield from _kinds(one)
