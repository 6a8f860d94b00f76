"""Epochs: the keys under which a sender writes for a while, and who is handed them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.link import MEMBER_ID_BYTES, Bond
from scripts.demo_parts.protocol.packing import of_size, pack, read_u64, u64, unpack_all
from scripts.demo_parts.protocol.primitives import (
    KEY_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    box_key_of,
    derive,
    digest,
    random,
    seal,
    shared_secret,
    unseal,
)
from scripts.demo_parts.protocol.refusal import ForgedError, MalformedError

EPOCH_ID_BYTES = 16
EVERYBODY = b""
"""The audience that is not one member."""

_FROM_AT = MEMBER_ID_BYTES
_NUMBER_BYTES = 8
_ENTRY_BYTES = _FROM_AT + _NUMBER_BYTES + KEY_BYTES + TAG_BYTES
_NO_NONCE = bytes(NONCE_BYTES)
"""Each wrap key is used once."""


class Recipient(Protocol):
    """For whom a key can be wrapped: who shows a card, or a device."""

    @property
    def member_id(self) -> bytes: ...

    @property
    def box_key(self) -> bytes: ...


@dataclass(frozen=True)
class Tag:
    """What a message tells of its epoch.

    Attributes:
        audience: EVERYBODY, or a member id.
        recipients: What `recipients_of` makes of those who have the key.
    """

    sender: bytes
    audience: bytes
    recipients: bytes
    epoch_id: bytes


@dataclass(frozen=True)
class Epoch:
    """A key, and for whom it is."""

    tag: Tag
    key: bytes


@dataclass(frozen=True)
class Wraps:
    """What the first message of an epoch carries: its key, for each recipient.

    Attributes:
        entries: By member id: a number, and the wrapped key.
    """

    ephemeral_key: bytes
    entries: Mapping[bytes, bytes]


@dataclass(frozen=True)
class Unwrapped:
    """The epoch that a message has begun, and since which number its reader is a recipient."""

    epoch: Epoch
    since: int


def recipients_of(members: Iterable[bytes]) -> bytes:
    return digest(pack(b"hushwire/1/recipients", *sorted(members)))


def make_epoch(
    link: Bond, sender: bytes, audience: bytes, recipients: bytes, key: bytes | None = None
) -> Epoch:
    """The epoch of a key, by default of a new one."""
    key = key or random(KEY_BYTES)
    made = derive(key, link.session_id, "epoch", sender, audience, recipients)
    return Epoch(Tag(sender, audience, recipients, made[:EPOCH_ID_BYTES]), key)


def check_epoch(link: Bond, tag: Tag, key: bytes) -> Epoch:
    """The epoch of this tag, if the key is its key.

    Raises:
        ForgedError: It is that of another.
    """
    epoch = make_epoch(link, tag.sender, tag.audience, tag.recipients, key)
    if epoch.tag != tag:
        raise ForgedError("the key is not that of the epoch")
    return epoch


# --- the key, for each recipient ---


def write_keys(
    link: Bond,
    epoch: Epoch,
    cards: Iterable[Recipient],
    since: Mapping[bytes, int],
    ephemeral_secret: bytes | None = None,
) -> bytes:
    """Wrap an epoch's key for each of its recipients.

    Args:
        cards: Those of all recipients.
        since: By member id: the number since which it has been a recipient without a break.
    """
    secret = ephemeral_secret or random(KEY_BYTES)
    ephemeral_key = box_key_of(secret)
    entries = []
    for card in sorted(cards, key=lambda card: card.member_id):
        shared = shared_secret(secret, card.box_key)
        wrap_key = _wrap_key(link, epoch.tag, card.member_id, shared, ephemeral_key)
        number = u64(since[card.member_id])
        wrapped = seal(wrap_key, _NO_NONCE, number, epoch.key)
        entries.append(card.member_id + number + wrapped)
    return pack(ephemeral_key, *entries)


def read_keys(field: bytes, tag: Tag) -> Wraps:
    """Take the field of a message apart.

    Raises:
        MalformedError: It is no such field.
        ForgedError: The keys are for others than the recipients.
    """
    ephemeral_key, *packed = unpack_all(field) or [b""]
    of_size(ephemeral_key, KEY_BYTES)
    members = [of_size(entry, _ENTRY_BYTES)[:_FROM_AT] for entry in packed]
    if members != sorted(set(members)):
        raise MalformedError("keys in no order, or twice for one member")
    if recipients_of(members) != tag.recipients:
        raise ForgedError("keys for others than the recipients")
    return Wraps(ephemeral_key, {entry[:_FROM_AT]: entry[_FROM_AT:] for entry in packed})


def unwrap(link: Bond, identity: Identity, tag: Tag, wraps: Wraps) -> Unwrapped | None:
    """Open the key that is wrapped for oneself; None if there is none.

    Raises:
        MalformedError: The number is none.
        ForgedError: It does not open, or is not that of the epoch.
    """
    me = identity.member_id
    if me not in wraps.entries:
        return None
    number, wrapped = wraps.entries[me][:_NUMBER_BYTES], wraps.entries[me][_NUMBER_BYTES:]
    shared = identity.agree(wraps.ephemeral_key)
    wrap_key = _wrap_key(link, tag, me, shared, wraps.ephemeral_key)
    epoch = check_epoch(link, tag, unseal(wrap_key, _NO_NONCE, number, wrapped))
    return Unwrapped(epoch, read_u64(number))


def _wrap_key(link: Bond, tag: Tag, member: bytes, shared: bytes, ephemeral_key: bytes) -> bytes:
    place = (link.session_id, tag.sender, tag.audience, tag.epoch_id, member, ephemeral_key)
    return derive(shared, link.link_key, "wrap", *place)
