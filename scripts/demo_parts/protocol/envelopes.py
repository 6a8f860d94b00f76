"""Envelopes: a message as the relay carries it, signed, sealed and bound to its place."""

from dataclasses import dataclass

from scripts.demo_parts.protocol.epochs import EPOCH_ID_BYTES, EVERYBODY, Epoch, Tag
from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.link import MEMBER_ID_BYTES, Bond
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
    HASH_BYTES,
    derive,
    random,
    seal_with_nonce,
    unseal_with_nonce,
    verify,
)
from scripts.demo_parts.protocol.refusal import ForgedError, MalformedError
from scripts.demo_parts.protocol.signed import Signed

TYPE = "hushwire.1"
"""The relay's `type` of such messages."""

NO_HASH = bytes(HASH_BYTES)
"""What stands for the hash of the message before the first."""

MESSAGE_ID_BYTES = 16

_LABEL = b"hushwire/1/message"
_FLOOR_BYTES = 256
_LONGEST_ID_BYTES = 128
_LONGEST_KIND_BYTES = 32


@dataclass(frozen=True)
class Head:
    """What a message says of itself, open but signed.

    Attributes:
        number: Its place in the chain, from 1.
        previous: The hash of the message before in its chain, or NO_HASH.
        keys: The epoch's wrapped keys, in its first message.
    """

    session_id: bytes
    message_id: str
    kind: str
    tag: Tag
    number: int
    previous: bytes
    sent_ms: int
    keys: bytes

    def packed(self) -> bytes:
        return pack(
            _LABEL,
            self.session_id,
            self.tag.sender,
            self.tag.audience,
            self.message_id.encode(),
            self.kind.encode(),
            self.tag.epoch_id,
            self.tag.recipients,
            u64(self.number),
            self.previous,
            u64(self.sent_ms),
            self.keys,
        )


@dataclass(frozen=True)
class Envelope(Signed):
    """A message that was taken apart; nothing of it is believed before it is checked."""

    head: Head

    def check(self, link: Bond, sender: bytes, audience: bytes, message_id: str) -> None:
        """Believe that it is what the relay says it is.

        Raises:
            ForgedError: It belongs elsewhere.
        """
        head = self.head
        told = (link.session_id, sender, audience, message_id)
        if told != (head.session_id, head.tag.sender, head.tag.audience, head.message_id):
            raise ForgedError("a message that belongs elsewhere")

    def check_signature(self, sign_key: bytes) -> None:
        """Believe that its sender wrote it.

        Raises:
            ForgedError: Somebody else did.
        """
        verify(sign_key, self.signed, self.signature)

    def open(self, link: Bond, epoch: Epoch) -> bytes:
        """What is in it.

        Raises:
            ForgedError: It is not of this epoch, or does not open.
            MalformedError: It is not padded.
        """
        if epoch.tag != self.head.tag:
            raise ForgedError("of another epoch")
        content_key = derive(epoch.key, link.session_id, "content")
        return unpad(unseal_with_nonce(content_key, self.packed_head, self.sealed))


def new_message_id() -> str:
    return to_text(random(MESSAGE_ID_BYTES))


def write_envelope(
    identity: Identity, epoch: Epoch, head: Head, content: bytes, nonce: bytes | None = None
) -> Envelope:
    """Seal and sign a message."""
    packed_head = head.packed()
    content_key = derive(epoch.key, head.session_id, "content")
    sealed = seal_with_nonce(content_key, packed_head, pad(content, _FLOOR_BYTES), nonce)
    unsigned = Envelope(packed_head, sealed, b"", head)
    return Envelope(packed_head, sealed, identity.sign(unsigned.signed), head)


def read_envelope(text: object) -> Envelope:
    """Take a message apart.

    Raises:
        MalformedError: It is no message.
    """
    packed_head, sealed, signature = unpack(from_text(text), 3)
    return Envelope(packed_head, sealed, signature, _read_head(packed_head))


def audience_of(to: object) -> bytes:
    """The audience that the relay names in `to`.

    Raises:
        MalformedError: It is no member id.
    """
    return from_text(to) if to else EVERYBODY


def _read_head(packed_head: bytes) -> Head:
    label, session_id, sender, audience, message_id, kind, *rest = unpack(packed_head, 12)
    epoch_id, recipients, packed_number, previous, sent, keys = rest
    if label != _LABEL:
        raise MalformedError("not a message")
    number = read_u64(packed_number)
    if not number or len(message_id) > _LONGEST_ID_BYTES or len(kind) > _LONGEST_KIND_BYTES:
        raise MalformedError("a number, an id or a kind that is none")
    tag = Tag(
        of_size(sender, MEMBER_ID_BYTES),
        of_size(audience, MEMBER_ID_BYTES) if audience else EVERYBODY,
        of_size(recipients, HASH_BYTES),
        of_size(epoch_id, EPOCH_ID_BYTES),
    )
    of_size(previous, HASH_BYTES)
    sent_ms = read_u64(sent)
    return Head(session_id, utf8(message_id), utf8(kind), tag, number, previous, sent_ms, keys)
