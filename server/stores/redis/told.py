"""What concerns users and workspaces, between processes: a kind's name and its fields."""

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from server.core.ids import Recipient, UserId
from server.core.opaque import Opaque
from server.stores.redis.codec import user_id_of, written

Event = TypeVar("Event", bound=Struct)


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


def pack(event: Struct) -> bytes:
    """An event as bytes."""
    return _encode((type(event).__name__, event))


def unpack(base: type[Event], data: bytes) -> Event | None:
    """The event, of a kind of `base`; None of a kind that only a newer process knows."""
    name, fields = _split(data)
    decoder = _decoder(base, name)
    return decoder.decode(fields) if decoder else None


@cache
def _decoder(base: type[Event], name: str) -> msgspec.msgpack.Decoder[Event] | None:
    kinds = {kind.__name__: kind for kind in _kinds(base)}
    return msgspec.msgpack.Decoder(kinds[name], dec_hook=_made) if name in kinds else None


def _kinds(kind: type[Event]) -> Iterator[type[Event]]:
    for one in kind.__subclasses__():
        yield one
        yield from _kinds(one)
