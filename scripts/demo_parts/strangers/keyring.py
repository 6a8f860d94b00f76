"""Chains of keys that others have sent, and what is done about those that are lacking."""

from collections.abc import Callable
from dataclasses import dataclass, field

from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.refusal import ForgedError
from scripts.demo_parts.protocol.strangers.chains import KeyChain
from scripts.demo_parts.protocol.strangers.keys import KeysNote, open_keys, read_keys
from scripts.demo_parts.protocol.strangers.messages import StrangerEnvelope
from scripts.demo_parts.strangers.epochs import Epochs, Verdict
from scripts.demo_parts.strangers.people import Stranger

PATIENCE_MS = 1_000
ASKING_MS = 4_000
TIMES_ASKED = 3

_CHAINS_EACH = 16
_AHEAD = 50


@dataclass
class Wish:
    user_id: str
    chain_id: bytes
    next_ms: int
    asked: int = 0


@dataclass(frozen=True)
class _Early:
    """Keys for an epoch that is yet to be told."""

    person: Stranger
    note: KeysNote
    since_ms: int


@dataclass
class Keyring:
    """What one member has got.

    Attributes:
        accepted: Told of keys that were taken.
        trouble: Told of a notice's code, and about whom.
    """

    place: bytes
    identity: Identity
    epochs: Epochs
    accepted: Callable[[Stranger, KeysNote], None]
    trouble: Callable[[str, Stranger], None]
    _chains: dict[bytes, dict[bytes, KeyChain | None]] = field(default_factory=dict)
    _early: list[_Early] = field(default_factory=list)
    _wishes: dict[bytes, Wish] = field(default_factory=dict)

    @property
    def ahead_since_ms(self) -> int | None:
        """Since when somebody speaks of an epoch of which the relay has not told us."""
        return self._early[0].since_ms if self._early else None

    def take(self, person: Stranger, encrypted: object, now_ms: int) -> None:
        """Take what came as keys of somebody who has a card.

        Raises:
            RefusedError: They are not authentic.
        """
        assert person.card
        self._judge(_Early(person, read_keys(self.place, person.card, encrypted), now_ms))

    def retry(self) -> None:
        """Look again at what came too early, now that an epoch was told."""
        early, self._early = self._early, []
        for one in early:
            self._judge(one)

    def has(self, envelope: StrangerEnvelope) -> bool:
        """Tell whether the keys of a message have come, be they for us or not."""
        return envelope.head.chain_id in self._chains.get(envelope.head.sender, {})

    def chain_of(self, envelope: StrangerEnvelope) -> KeyChain | None:
        """The chain of a message; None if its keys were not for us, or have not come."""
        return self._chains.get(envelope.head.sender, {}).get(envelope.head.chain_id)

    def want(self, user_id: str, chain_id: bytes, now_ms: int) -> None:
        self._wishes.setdefault(chain_id, Wish(user_id, chain_id, now_ms + PATIENCE_MS))

    def due(self, now_ms: int) -> tuple[list[Wish], set[bytes]]:
        """What is to be asked for now, and the chains that nobody gives."""
        due = [wish for wish in self._wishes.values() if wish.next_ms <= now_ms]
        wanted = [wish for wish in due if wish.asked < TIMES_ASKED]
        for wish in wanted:
            wish.asked, wish.next_ms = wish.asked + 1, now_ms + ASKING_MS
        lacking = {wish.chain_id for wish in due} - {wish.chain_id for wish in wanted}
        for chain_id in lacking:
            del self._wishes[chain_id]
        return wanted, lacking

    def _judge(self, early: _Early) -> None:
        tag = early.note.tag
        verdict = self.epochs.judge(tag.epoch, tag.members, tag.sender)
        if verdict is Verdict.SPLIT:
            self.trouble("split", early.person)
        elif verdict is Verdict.AHEAD:
            self._early = [*self._early, early][-_AHEAD:]
        elif verdict is Verdict.GOOD:
            self._accept(early.person, early.note)

    def _accept(self, person: Stranger, note: KeysNote) -> None:
        chains = self._chains.setdefault(note.tag.sender, {})
        if note.chain_id in chains:
            return  # never twice: the keys that were used are forgotten
        try:
            chains[note.chain_id] = open_keys(self.place, self.identity, note)
        except ForgedError:
            self.trouble("forged", person)
            return
        if len(chains) > _CHAINS_EACH:
            del chains[next(iter(chains))]
        self._wishes.pop(note.chain_id, None)
        self.epochs.note(note.tag.epoch, note.tag.members)
        self.accepted(person, note)
