"""Signals: heads, which all can read, and words between two."""

from collections.abc import Iterable
from dataclasses import dataclass

from scripts.demo_parts.protocol.cards import Card
from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.link import Link
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
_TAG_BYTES = 8
_SHORT_HASH_BYTES = 16
_ENTRY_BYTES = 32


@dataclass(frozen=True)
class Newest:
    """The newest message of a chain: its number, 0 if there is none, and its hash or half of it."""

    number: int
    hash: bytes


@dataclass(frozen=True)
class ChainHead:
    """What the newest messages of one sender are.

    Attributes:
        signal_number: Rises from one to the next.
        newest: To everybody.
        alone: To the reader alone; None if there is none.
    """

    signal_number: int
    newest: Newest
    alone: Newest | None = None


@dataclass(frozen=True)
class Signal:
    """A word that only one member can read."""

    signal_number: int
    kind: str
    fields: list[bytes]


def write_head(
    link: Link,
    identity: Identity,
    signal_number: int,
    newest: Newest,
    alone: Iterable[tuple[Card, Newest]] = (),
) -> str | bytes:
    """Tell everybody what one's newest message is, and some what that to them alone is.

    Who these are, nobody else can tell.
    """
    entries = []
    for card, end in alone:
        parties = (identity.member_id, card.member_id)
        mask = _mask(link, identity.agree(card.box_key), *parties, u64(signal_number))
        plain = u64(end.number) + end.hash[:_SHORT_HASH_BYTES]
        entries.append(mask[:_TAG_BYTES] + _xor(mask[_TAG_BYTES:], plain))
    body = pack(
        _HEAD,
        link.session_id,
        identity.member_id,
        u64(signal_number),
        u64(newest.number),
        newest.hash,
        b"".join(sorted(entries)),
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
        return _read_head(link, identity, sender, open_part, closing_part)
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


def _read_head(
    link: Link, identity: Identity, sender: Card, body: bytes, signature: bytes
) -> ChainHead:
    _, session_id, member_id, signal_number, number, newest, entries = unpack(body, 7)
    if (session_id, member_id) != (link.session_id, sender.member_id):
        raise ForgedError("a head of other chains")
    of_size(newest, HASH_BYTES)
    if len(entries) % _ENTRY_BYTES:
        raise MalformedError("half an entry")
    verify(sender.sign_key, body, signature)
    parties = (sender.member_id, identity.member_id)
    mask = _mask(link, identity.agree(sender.box_key), *parties, signal_number)
    told = Newest(read_u64(number), newest)
    return ChainHead(read_u64(signal_number), told, _find_alone(entries, mask))


def _find_alone(entries: bytes, mask: bytes) -> Newest | None:
    for at in range(0, len(entries), _ENTRY_BYTES):
        entry = entries[at : at + _ENTRY_BYTES]
        if entry[:_TAG_BYTES] == mask[:_TAG_BYTES]:
            plain = _xor(entry[_TAG_BYTES:], mask[_TAG_BYTES:])
            return Newest(read_u64(plain[:8]), plain[8:])
    return None


def _mask(link: Link, secret: bytes, *place: bytes) -> bytes:
    return derive(secret, link.link_key, "alone", link.session_id, *place)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _on_wire(data: bytes) -> str | bytes:
    return data if len(data) > LONGEST_TEXT_BYTES else to_text(data)


def _off_wire(encrypted: object) -> bytes:
    return bytes(encrypted) if isinstance(encrypted, bytes | bytearray) else from_text(encrypted)
