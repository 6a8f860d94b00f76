"""Messages among strangers: signed, each under a key of its own."""

from dataclasses import dataclass

from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.link import MEMBER_ID_BYTES
from scripts.demo_parts.protocol.packing import (
    from_text,
    of_size,
    pack,
    pad,
    read_u64,
    u64,
    unpack,
    unpad,
    utf8,
)
from scripts.demo_parts.protocol.primitives import (
    HASH_BYTES,
    derive,
    is_same,
    seal_with_nonce,
    unseal_with_nonce,
    verify,
)
from scripts.demo_parts.protocol.refusal import ForgedError, MalformedError
from scripts.demo_parts.protocol.signed import Signed
from scripts.demo_parts.protocol.strangers.cards import StrangerCard
from scripts.demo_parts.protocol.strangers.chains import CHAIN_ID_BYTES, KeyChain

_LABEL = b"hushwire/1/strangers/message"
_FLOOR_BYTES = 256
_LONGEST_ID_BYTES = 128
_LONGEST_KIND_BYTES = 32


@dataclass(frozen=True)
class Draft:
    """What a message shall say of itself.

    Attributes:
        number: Its place among all messages of its sender in the group, from 1.
        previous: The hash of the message before, or NO_HASH.
    """

    message_id: str
    kind: str
    number: int
    previous: bytes
    sent_ms: int


@dataclass(frozen=True)
class StrangerHead:
    """What a message says of itself, open but signed.

    Attributes:
        sender: A member id.
        members: As of `members_hash`.
        commitment: To the one key that opens it.
    """

    place: bytes
    sender: bytes
    chain_id: bytes
    epoch: int
    members: bytes
    draft: Draft
    commitment: bytes

    def packed(self) -> bytes:
        return pack(
            _LABEL,
            self.place,
            self.sender,
            self.draft.message_id.encode(),
            self.draft.kind.encode(),
            self.chain_id,
            u64(self.epoch),
            self.members,
            u64(self.draft.number),
            self.draft.previous,
            u64(self.draft.sent_ms),
            self.commitment,
        )


@dataclass(frozen=True)
class StrangerEnvelope(Signed):
    """A message that was taken apart, of which the signature is right."""

    head: StrangerHead

    def is_of(self, chain: KeyChain) -> bool:
        """Tell whether it says of itself what a chain of keys is for."""
        head, tag = self.head, chain.tag
        told = (head.chain_id, head.sender, head.epoch, head.members)
        return told == (chain.chain_id, tag.sender, tag.epoch, tag.members)

    def open(self, key: bytes) -> bytes:
        """What is in it.

        Args:
            key: That of this message alone.

        Raises:
            ForgedError: It does not open, or is committed to another key.
            MalformedError: It is not padded.
        """
        head = self.head
        if not is_same(
            _commitment(head.place, head.sender, head.draft.number, key), head.commitment
        ):
            raise ForgedError("not the key to which it is committed")
        content_key = derive(key, head.place, "strangers/content")
        return unpad(unseal_with_nonce(content_key, self.packed_head, self.sealed))


def write_stranger_message(
    identity: Identity,
    chain: KeyChain,
    draft: Draft,
    content: bytes,
    nonce: bytes | None = None,
) -> StrangerEnvelope:
    """Seal and sign a message, under the key that its chain has for its number."""
    key, place, tag = chain.key_of(draft.number), chain.place, chain.tag
    commitment = _commitment(place, tag.sender, draft.number, key)
    head = StrangerHead(
        place, tag.sender, chain.chain_id, tag.epoch, tag.members, draft, commitment
    )
    packed_head = head.packed()
    content_key = derive(key, place, "strangers/content")
    sealed = seal_with_nonce(content_key, packed_head, pad(content, _FLOOR_BYTES), nonce)
    unsigned = StrangerEnvelope(packed_head, sealed, b"", head)
    return StrangerEnvelope(packed_head, sealed, identity.sign(unsigned.signed), head)


def read_stranger_message(
    place: bytes, message_id: str, text: object, sender: StrangerCard
) -> StrangerEnvelope:
    """Take a message apart that the relay brings as one of that user, and check that it is.

    Raises:
        MalformedError: It is no message.
        ForgedError: It is of another sender, or belongs elsewhere.
    """
    packed_head, sealed, signature = unpack(from_text(text), 3)
    head = _read_head(packed_head)
    told = (head.place, head.sender, head.draft.message_id)
    if told != (place, sender.member_id, message_id):
        raise ForgedError("a message that belongs elsewhere")
    envelope = StrangerEnvelope(packed_head, sealed, signature, head)
    verify(sender.sign_key, envelope.signed, signature)
    return envelope


def _read_head(packed_head: bytes) -> StrangerHead:
    label, place, sender, message_id, kind, chain_id, epoch, members, *rest = unpack(
        packed_head, 12
    )
    packed_number, previous, sent, commitment = rest
    if label != _LABEL:
        raise MalformedError("no message")
    number = read_u64(packed_number)
    if not number or len(message_id) > _LONGEST_ID_BYTES or len(kind) > _LONGEST_KIND_BYTES:
        raise MalformedError("a number, an id or a kind that is none")
    of_size(sender, MEMBER_ID_BYTES)
    of_size(chain_id, CHAIN_ID_BYTES)
    for field in (members, previous, commitment):
        of_size(field, HASH_BYTES)
    draft = Draft(utf8(message_id), utf8(kind), number, previous, read_u64(sent))
    return StrangerHead(place, sender, chain_id, read_u64(epoch), members, draft, commitment)


def _commitment(place: bytes, sender: bytes, number: int, key: bytes) -> bytes:
    return derive(key, place, "strangers/commitment", sender, u64(number))
