"""Signals: heads, which all can read, and words between two."""

from dataclasses import dataclass

from scripts.demo_parts.protocol.cards import Card
from scripts.demo_parts.protocol.epochs import EVERYBODY
from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.link import MEMBER_ID_BYTES, Link
from scripts.demo_parts.protocol.packing import (
    from_text,
    of_size,
    pack,
    pad,
    read_u64,
    to_text,
    u64,
    unpack,
    unpack_all,
    unpad,
    utf8,
)
from scripts.demo_parts.protocol.primitives import (
    HASH_BYTES,
    derive,
    seal_with_nonce,
    unseal_with_nonce,
    verify,
)
from scripts.demo_parts.protocol.refusal import ForgedError, MalformedError

LONGEST_TEXT_BYTES = 16 * 1024
"""A larger signal travels as binary."""

_HEAD = b"hushwire/1/head"
_SIGNAL = b"hushwire/1/signal"
_FLOOR_BYTES = 256


@dataclass(frozen=True)
class ChainHead:
    """What the newest message of one's chain is.

    Attributes:
        signal_number: Rises from one to the next.
        number: 0 if there is none.
    """

    audience: bytes
    signal_number: int
    number: int
    hash: bytes


@dataclass(frozen=True)
class Signal:
    """A word that only one member can read."""

    signal_number: int
    kind: str
    fields: list[bytes]


def write_head(link: Link, identity: Identity, head: ChainHead) -> str | bytes:
    body = pack(
        _HEAD,
        link.session_id,
        identity.member_id,
        head.audience,
        u64(head.signal_number),
        u64(head.number),
        head.hash,
    )
    return _on_wire(pack(body, identity.sign(body)))


def write_signal(
    link: Link, identity: Identity, receiver: Card, signal: Signal, nonce: bytes | None = None
) -> str | bytes:
    parties = (link.session_id, identity.member_id, receiver.member_id)
    head = pack(_SIGNAL, *parties, u64(signal.signal_number))
    key = derive(identity.agree(receiver.box_key), link.link_key, "signal", *parties)
    padded = pad(pack(signal.kind.encode(), *signal.fields), _FLOOR_BYTES)
    return _on_wire(pack(head, seal_with_nonce(key, head, padded, nonce)))


def read_signal(
    link: Link, identity: Identity, sender: Card, encrypted: object
) -> ChainHead | Signal:
    """Read what the relay brings as a signal of this sender.

    Raises:
        MalformedError: It is no signal.
        ForgedError: It is not by this sender, or not for us.
    """
    open_part, closing_part = unpack(_off_wire(encrypted), 2)
    label = next(iter(unpack_all(open_part)), b"")
    if label == _HEAD:
        return _read_head(link, sender, open_part, closing_part)
    if label != _SIGNAL:
        raise MalformedError("no signal")
    _, *told, signal_number = unpack(open_part, 5)
    parties = [link.session_id, sender.member_id, identity.member_id]
    if told != parties:
        raise ForgedError("between others")
    key = derive(identity.agree(sender.box_key), link.link_key, "signal", *parties)
    fields = unpack_all(unpad(unseal_with_nonce(key, open_part, closing_part)))
    if not fields:
        raise MalformedError("a signal without a kind")
    return Signal(read_u64(signal_number), utf8(fields[0]), fields[1:])


def _read_head(link: Link, sender: Card, body: bytes, signature: bytes) -> ChainHead:
    _, session_id, member_id, audience, signal_number, number, newest = unpack(body, 7)
    if (session_id, member_id) != (link.session_id, sender.member_id):
        raise ForgedError("a head of another chain")
    of_size(newest, HASH_BYTES)
    of_size(audience, MEMBER_ID_BYTES if audience else len(EVERYBODY))
    verify(sender.sign_key, body, signature)
    return ChainHead(audience, read_u64(signal_number), read_u64(number), newest)


def _on_wire(data: bytes) -> str | bytes:
    return data if len(data) > LONGEST_TEXT_BYTES else to_text(data)


def _off_wire(encrypted: object) -> bytes:
    return bytes(encrypted) if isinstance(encrypted, bytes | bytearray) else from_text(encrypted)
