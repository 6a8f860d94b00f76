"""What all messages are made of: a head, what is sealed, and a signature over both."""

from dataclasses import dataclass
from functools import cached_property

from scripts.demo_parts.protocol.packing import pack, to_text
from scripts.demo_parts.protocol.primitives import digest


@dataclass(frozen=True)
class Signed:
    """A message in its parts."""

    packed_head: bytes
    sealed: bytes
    signature: bytes

    @cached_property
    def signed(self) -> bytes:
        """What the signature is over."""
        return pack(b"hushwire/1/signed", self.packed_head, self.sealed)

    @cached_property
    def hash(self) -> bytes:
        """By which the next message of its sender names this one."""
        return digest(self.signed)

    @property
    def text(self) -> str:
        """As the relay carries it."""
        return to_text(pack(self.packed_head, self.sealed, self.signature))
