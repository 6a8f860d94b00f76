"""Three members of one session with fixed secrets, and the questions that can be asked of them."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import shake_256
from typing import Any

from scripts.demo_parts.protocol.cards import Card, read_card, write_card
from scripts.demo_parts.protocol.epochs import Epoch, make_epoch, recipients_of, write_keys
from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.link import Link

MADE_MS = 1_790_000_000_000


def fixed(about: str, size_bytes: int) -> bytes:
    """Bytes that are always the same, and look like no others."""
    return shake_256(f"hushwire vectors: {about}".encode()).digest(size_bytes)


@dataclass(frozen=True)
class Someone:
    name: str

    @cached_property
    def identity(self) -> Identity:
        return Identity(fixed(f"{self.name}'s seed", 32), fixed(f"{self.name}'s box", 32))

    @property
    def member_id(self) -> bytes:
        return self.identity.member_id

    @property
    def secrets(self) -> dict[str, bytes]:
        return {"seed": self.identity.seed, "boxSecret": self.identity.box_secret}

    @cached_property
    def card(self) -> Card:
        nonce = fixed(f"{self.name}'s nonce", 24)
        return read_card(LINK, write_card(LINK, self.identity, self.name, MADE_MS, nonce))


ANN, BOB, CY = Someone("Ann"), Someone("Bob ❤"), Someone("Cy")
EVERYONE = [ANN, BOB, CY]
LINK = Link(fixed("session", 16), fixed("secret", 32), ANN.member_id)
OTHER_LINK = Link(fixed("session", 16), fixed("another secret", 32), ANN.member_id)

ALL_IDS = [one.member_id for one in EVERYONE]
KEY = fixed("epoch key", 32)
EPOCH = make_epoch(LINK, ANN.member_id, b"", recipients_of(ALL_IDS), KEY)
SINCE = {ANN.member_id: 1, BOB.member_id: 3, CY.member_id: 7}
EPHEMERAL = fixed("ephemeral", 32)
KEYS = write_keys(LINK, EPOCH, [one.card for one in EVERYONE], SINCE, EPHEMERAL)


def epoch_args(epoch: Epoch = EPOCH) -> dict[str, Any]:
    tag = epoch.tag
    place = {"sender": tag.sender, "audience": tag.audience, "recipients": tag.recipients}
    return {**place, "key": epoch.key}
