"""Who a member is: its keys, and the id that they make."""

from dataclasses import dataclass
from functools import cached_property

from scripts.demo_parts.protocol.link import MEMBER_ID_BYTES
from scripts.demo_parts.protocol.packing import pack, to_text
from scripts.demo_parts.protocol.primitives import (
    KEY_BYTES,
    box_key_of,
    digest,
    random,
    shared_secret,
    sign,
    sign_key_of,
)


@dataclass(frozen=True)
class Identity:
    """The secrets of one member, which is one device."""

    seed: bytes
    box_secret: bytes

    @cached_property
    def sign_key(self) -> bytes:
        return sign_key_of(self.seed)

    @cached_property
    def box_key(self) -> bytes:
        return box_key_of(self.box_secret)

    @cached_property
    def member_id(self) -> bytes:
        return member_id_of(self.sign_key, self.box_key)

    @property
    def user_id(self) -> str:
        """What the relay calls it."""
        return to_text(self.member_id)

    def sign(self, data: bytes) -> bytes:
        return sign(self.seed, data)

    def agree(self, box_key: bytes) -> bytes:
        """The secret shared with the owner of a key.

        Raises:
            ForgedError: Everybody knows it.
        """
        return shared_secret(self.box_secret, box_key)


def new_identity() -> Identity:
    return Identity(random(KEY_BYTES), random(KEY_BYTES))


def member_id_of(sign_key: bytes, box_key: bytes) -> bytes:
    """Who has these keys: nobody can have the same id with others."""
    return digest(pack(b"hushwire/1/member", sign_key, box_key))[:MEMBER_ID_BYTES]
