"""Cards: a member's keys and name, proved to all who have the link."""

import unicodedata
from dataclasses import dataclass

from scripts.demo_parts.protocol.identity import Identity, member_id_of
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
    unpad,
    utf8,
)
from scripts.demo_parts.protocol.primitives import (
    KEY_BYTES,
    derive,
    is_same,
    is_sign_key,
    mac,
    seal_with_nonce,
    shared_secret,
    unseal_with_nonce,
    verify,
)
from scripts.demo_parts.protocol.refusal import ForgedError, MalformedError

NAME_CHARS = 64
NAME_BYTES = 256

_LABEL = b"hushwire/1/card"
_NAME_FLOOR_BYTES = 64
_NOT_IN_NAMES = {"Cc", "Cs", "Zl", "Zp"}
_ANY_SECRET = bytes(KEY_BYTES)


@dataclass(frozen=True)
class Card:
    """What a member has shown of itself.

    Attributes:
        text: As the relay carries it.
    """

    member_id: bytes
    sign_key: bytes
    box_key: bytes
    made_ms: int
    name: str
    text: str

    @property
    def user_id(self) -> str:
        """What the relay calls its member."""
        return to_text(self.member_id)


def write_card(
    link: Link, identity: Identity, name: str, made_ms: int, nonce: bytes | None = None
) -> str:
    """Make the card of a member, as the relay carries it.

    Raises:
        ValueError: It is no name.
    """
    if not is_name(name):
        raise ValueError(f"no name: {name!r}")
    context = _name_context(link, identity.member_id)
    padded = pad(name.encode(), _NAME_FLOOR_BYTES)
    body = pack(
        _LABEL,
        link.session_id,
        identity.sign_key,
        identity.box_key,
        u64(made_ms),
        seal_with_nonce(_name_key(link), context, padded, nonce),
    )
    signature = identity.sign(body)
    return to_text(pack(body, signature, _card_mac(link, body, signature)))


def read_card(link: Link, text: object, user_id: str | None = None) -> Card:
    """Read a card.

    Args:
        user_id: Whose it must be.

    Raises:
        MalformedError: It is no card.
        ForgedError: It is not by a member of this session who has the link, or another's.
    """
    body, signature, proof = unpack(from_text(text), 3)
    if not is_same(proof, _card_mac(link, body, signature)):
        raise ForgedError("made without the link")
    label, session_id, sign_key, box_key, made, sealed_name = unpack(body, 6)
    if label != _LABEL or session_id != link.session_id:
        raise ForgedError("a card of something else")
    member_id = member_id_of(sign_key, box_key)
    if user_id not in (None, to_text(member_id)):
        raise ForgedError("another member's card")
    check_keys(sign_key, box_key)
    verify(sign_key, body, signature)
    name = _read_name(link, member_id, sealed_name)
    return Card(member_id, sign_key, box_key, read_u64(made), name, str(text))


def is_name(name: str) -> bool:
    """Tell whether it can be a name: neither too long nor empty, and on one line."""
    categories = {unicodedata.category(char) for char in name if char != "\ufeff"}
    return (
        bool(categories - {"Zs"})
        and not categories & _NOT_IN_NAMES
        and len(name) <= NAME_CHARS
        and len(name.encode()) <= NAME_BYTES
    )


def check_keys(sign_key: bytes, box_key: bytes) -> None:
    """Refuse keys with which a member could hold up others.

    Raises:
        MalformedError: They are not of the size of keys.
        ForgedError: Nobody could seal for it, or all would disagree on what it has signed.
    """
    of_size(sign_key, KEY_BYTES)
    of_size(box_key, KEY_BYTES)
    if not is_sign_key(sign_key):
        raise ForgedError("a sign key that is not of the prime-order group")
    shared_secret(_ANY_SECRET, box_key)  # refuses keys with which everybody shares one secret


def _read_name(link: Link, member_id: bytes, sealed: bytes) -> str:
    padded = unseal_with_nonce(_name_key(link), _name_context(link, member_id), sealed)
    name = utf8(unpad(padded))
    if not is_name(name):
        raise MalformedError("a name that is none")
    return name


def _name_key(link: Link) -> bytes:
    return derive(link.link_key, link.session_id, "name")


def _name_context(link: Link, member_id: bytes) -> bytes:
    return pack(b"hushwire/1/name", link.session_id, member_id)


def _card_mac(link: Link, body: bytes, signature: bytes) -> bytes:
    return mac(derive(link.link_key, link.session_id, "card"), pack(body, signature))
