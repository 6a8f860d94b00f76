"""Keys of a sender: one for each message, each made of the one before."""

from dataclasses import dataclass

from scripts.demo_parts.protocol.packing import u64
from scripts.demo_parts.protocol.primitives import KEY_BYTES, derive, random
from scripts.demo_parts.protocol.refusal import ForgedError

CHAIN_ID_BYTES = 16

CHAIN_MESSAGES = 100
"""A chain of keys has no more; the next message begins another one."""


@dataclass(frozen=True)
class ChainTag:
    """What a chain of keys is for.

    Attributes:
        sender: A member id.
        epoch: The relay's number for the set of members.
        members: As of `members_hash`.
        first: The number of its first message.
    """

    sender: bytes
    epoch: int
    members: bytes
    first: int


class KeyChain:
    """A chain of keys at one of its messages: what was before cannot be had from it.

    Attributes:
        place: The group.
    """

    def __init__(self, place: bytes, tag: ChainTag, first_key: bytes | None = None) -> None:
        self.place = place
        self.tag = tag
        self._key = first_key or random(KEY_BYTES)
        self._next = tag.first
        self._skipped: dict[int, bytes] = {}
        context = (tag.sender, u64(tag.epoch), tag.members, u64(tag.first))
        made = derive(self._key, place, "strangers/chain", *context)
        self.chain_id = made[:CHAIN_ID_BYTES]

    def is_for(self, number: int) -> bool:
        """Tell whether it has a key for that message."""
        return self.tag.first <= number < self.tag.first + CHAIN_MESSAGES

    def key_of(self, number: int) -> bytes:
        """The key of a message, which stays until `forget`.

        Raises:
            ForgedError: The message is not of this chain, or its key was forgotten.
        """
        if not self.is_for(number):
            raise ForgedError("beyond its chain of keys")
        while self._next <= number:
            self._skipped[self._next] = derive(self._key, self.place, "strangers/message-key")
            self._key = derive(self._key, self.place, "strangers/next-key")
            self._next += 1
        if number not in self._skipped:
            raise ForgedError("its key was used and forgotten")
        return self._skipped[number]

    def forget(self, number: int) -> None:
        """Forget the key of a message that was opened, or that the relay has."""
        self._skipped.pop(number, None)

    @property
    def state(self) -> tuple[int, bytes]:
        """The next number, and the key of which its key is made."""
        return self._next, self._key
