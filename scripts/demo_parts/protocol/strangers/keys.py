"""How keys come to members, and how they are asked for."""

from collections.abc import Iterable
from dataclasses import dataclass

from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.link import MEMBER_ID_BYTES
from scripts.demo_parts.protocol.packing import (
    from_text,
    of_size,
    pack,
    read_u64,
    to_text,
    u64,
    unpack,
)
from scripts.demo_parts.protocol.primitives import (
    HASH_BYTES,
    KEY_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    box_key_of,
    derive,
    random,
    seal,
    shared_secret,
    unseal,
    verify,
)
from scripts.demo_parts.protocol.refusal import ForgedError, MalformedError, RefusedError
from scripts.demo_parts.protocol.strangers.cards import StrangerCard
from scripts.demo_parts.protocol.strangers.chains import CHAIN_ID_BYTES, ChainTag, KeyChain

_KEYS = b"hushwire/1/strangers/keys"
_WANTED = b"hushwire/1/strangers/wanted"
_NO_NONCE = bytes(NONCE_BYTES)
"""Each wrap key is used once."""
_ENTRY_BYTES = MEMBER_ID_BYTES + KEY_BYTES + TAG_BYTES


@dataclass(frozen=True)
class KeysNote:
    """What the keys of a sender say of themselves, signed and open.

    Attributes:
        previous: The hash of the sender's last message before.
        wrapped: By member id.
    """

    tag: ChainTag
    chain_id: bytes
    previous: bytes
    ephemeral_key: bytes
    wrapped: dict[bytes, bytes]


def write_keys(
    identity: Identity,
    chain: KeyChain,
    previous: bytes,
    recipients: Iterable[tuple[bytes, bytes]],
    ephemeral_secret: bytes | None = None,
) -> str:
    """Wrap a chain that was not used yet, for a message of the relay's type `key_exchange`.

    Args:
        recipients: Member id and box key of each.
    """
    secret = ephemeral_secret or random(KEY_BYTES)
    ephemeral_key, tag = box_key_of(secret), chain.tag
    number, first_key = chain.state
    if number != tag.first:
        raise ValueError("a chain that was used already")
    entries = []
    for member_id, box_key in sorted(recipients):
        shared = shared_secret(secret, box_key)
        context = (tag.sender, chain.chain_id, member_id, ephemeral_key)
        wrap_key = _wrap_key(chain.place, shared, *context)
        entries.append(member_id + seal(wrap_key, _NO_NONCE, b"", first_key))
    body = pack(
        _KEYS,
        chain.place,
        tag.sender,
        u64(tag.epoch),
        tag.members,
        chain.chain_id,
        u64(tag.first),
        previous,
        ephemeral_key,
        b"".join(entries),
    )
    return to_text(pack(body, identity.sign(body)))


def read_keys(place: bytes, sender: StrangerCard, text: object) -> KeysNote:
    """Read what the relay brings as keys of that user.

    Raises:
        MalformedError: It is no such message.
        ForgedError: It is of another sender, or belongs elsewhere.
    """
    body, signature = unpack(from_text(text), 2)
    label, where, member_id, epoch, members, chain_id, first, previous, *rest = unpack(body, 10)
    ephemeral_key, packed = rest
    if label != _KEYS:
        raise MalformedError("no keys")
    of_size(members, HASH_BYTES)
    of_size(chain_id, CHAIN_ID_BYTES)
    of_size(previous, HASH_BYTES)
    of_size(ephemeral_key, KEY_BYTES)
    tag = ChainTag(member_id, read_u64(epoch), members, read_u64(first))
    if not tag.first:
        raise MalformedError("number 0")
    note = KeysNote(tag, chain_id, previous, ephemeral_key, _read_entries(packed))
    if where != place:
        raise ForgedError("keys for another group")
    if member_id != sender.member_id:
        raise ForgedError("keys of another sender")
    verify(sender.sign_key, body, signature)
    return note


def open_keys(place: bytes, identity: Identity, note: KeysNote) -> KeyChain | None:
    """Take one's own key out; None if there is none.

    Raises:
        ForgedError: It does not open, or is that of another chain.
    """
    wrapped = note.wrapped.get(identity.member_id)
    if wrapped is None:
        return None
    shared = identity.agree(note.ephemeral_key)
    context = (note.tag.sender, note.chain_id, identity.member_id, note.ephemeral_key)
    wrap_key = _wrap_key(place, shared, *context)
    chain = KeyChain(place, note.tag, unseal(wrap_key, _NO_NONCE, b"", wrapped))
    if chain.chain_id != note.chain_id:
        raise ForgedError("a key of another chain")
    return chain


def write_wish(place: bytes, chain_id: bytes) -> str:
    """Say "send me the keys of that chain again", for another `key_exchange`."""
    return to_text(pack(_WANTED, place, chain_id))


def read_wish(place: bytes, text: object) -> bytes | None:
    """The id of the chain of which somebody wants the keys; None if it is no such wish."""
    try:
        label, where, chain_id = unpack(from_text(text), 3)
    except RefusedError:
        return None
    is_wish = (label, where, len(chain_id)) == (_WANTED, place, CHAIN_ID_BYTES)
    return chain_id if is_wish else None


def _read_entries(packed: bytes) -> dict[bytes, bytes]:
    if len(packed) % _ENTRY_BYTES:
        raise MalformedError("half a key")
    entries = [packed[at : at + _ENTRY_BYTES] for at in range(0, len(packed), _ENTRY_BYTES)]
    members = [entry[:MEMBER_ID_BYTES] for entry in entries]
    if members != sorted(set(members)):
        raise MalformedError("keys in no order, or twice for one member")
    return {entry[:MEMBER_ID_BYTES]: entry[MEMBER_ID_BYTES:] for entry in entries}


def _wrap_key(place: bytes, shared: bytes, *context: bytes) -> bytes:
    return derive(shared, place, "strangers/wrap", *context)
