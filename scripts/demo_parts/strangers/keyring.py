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

BEHIND_MS = 10_000
"""Until it is shown that the relay tells others what it does not tell us, and one goes on."""

_CHAINS_EACH = 16
_WISHES_EACH = 4
"""A sender keeps as many."""


@dataclass
class Wish:
    user_id: str
    chain_id: bytes
    next_ms: int
    asked: int = 0


@dataclass
class _Ahead:
    """The last keys of somebody for an epoch that is yet to be told."""

    person: Stranger
    note: KeysNote
    since_ms: int
    is_holding: bool


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
    _ahead: dict[str, _Ahead] = field(default_factory=dict)
    _doubted: set[str] = field(default_factory=set)
    _wishes: dict[bytes, Wish] = field(default_factory=dict)

    @property
    def is_holding(self) -> bool:
        """Whether somebody has just spoken of an epoch of which the relay has not told us."""
        return any(one.is_holding for one in self._ahead.values())

    def overdue(self, now_ms: int) -> list[Stranger]:
        """Who spoke of such an epoch so long ago that it should have been told; each once.

        They hold nothing any more: else anybody could silence us with one message.
        """
        late = [
            one
            for one in self._ahead.values()
            if one.is_holding and now_ms - one.since_ms >= BEHIND_MS
        ]
        for one in late:
            one.is_holding = False
            self._doubted.add(one.person.user_id)
        return [one.person for one in late]

    def forget(self, user_id: str) -> None:
        """Wait for nothing of somebody who is blocked, has gone, or shows other keys."""
        self._ahead.pop(user_id, None)

    def take(self, person: Stranger, encrypted: object, now_ms: int) -> None:
        """Take what came as keys of somebody who has a card.

        Raises:
            RefusedError: They are not authentic.
        """
        assert person.card
        self._take(person, read_keys(self.place, person.card, encrypted), now_ms)

    def retry(self) -> None:
        """Look again at what came too early, now that an epoch was told."""
        for one in [*self._ahead.values()]:
            if not one.person.is_present or one.person.is_changed:
                self.forget(one.person.user_id)
            elif self._verdict(one.note) is not Verdict.AHEAD:
                self._settle(one)

    def has(self, envelope: StrangerEnvelope) -> bool:
        """Tell whether the keys of a message have come, be they for us or not."""
        return envelope.head.chain_id in self._chains.get(envelope.head.sender, {})

    def chain_of(self, envelope: StrangerEnvelope) -> KeyChain | None:
        """The chain of a message; None if its keys were not for us, or have not come."""
        return self._chains.get(envelope.head.sender, {}).get(envelope.head.chain_id)

    def want(self, user_id: str, chain_id: bytes, now_ms: int) -> None:
        """Ask for keys after a while, unless there is enough to be asked of that sender."""
        of_sender = [one for one in self._wishes.values() if one.user_id == user_id]
        if len(of_sender) < _WISHES_EACH:
            self._wishes.setdefault(chain_id, Wish(user_id, chain_id, now_ms + PATIENCE_MS))

    def due(self, now_ms: int) -> tuple[dict[str, list[bytes]], set[bytes]]:
        """Whom to ask for which chains now, and the chains that nobody gives."""
        due = [wish for wish in self._wishes.values() if wish.next_ms <= now_ms]
        wanted = [wish for wish in due if wish.asked < TIMES_ASKED]
        for wish in wanted:
            wish.asked, wish.next_ms = wish.asked + 1, now_ms + ASKING_MS
        lacking = {wish.chain_id for wish in due} - {wish.chain_id for wish in wanted}
        for chain_id in lacking:
            del self._wishes[chain_id]
        asked: dict[str, list[bytes]] = {}
        for wish in wanted:
            asked.setdefault(wish.user_id, []).append(wish.chain_id)
        return asked, lacking

    def _verdict(self, note: KeysNote) -> Verdict:
        return self.epochs.judge(note.tag.epoch, note.tag.members, note.tag.sender)

    def _take(self, person: Stranger, note: KeysNote, now_ms: int) -> None:
        verdict = self._verdict(note)
        if verdict is Verdict.SPLIT:
            self.trouble("split", person)
        elif verdict is Verdict.AHEAD:
            self._wait(person, note, now_ms)
        elif verdict is Verdict.GOOD:
            self._accept(person, note)

    def _wait(self, person: Stranger, note: KeysNote, now_ms: int) -> None:
        before = self._ahead.get(person.user_id)
        if before:
            before.note = note
        else:
            is_holding = person.user_id not in self._doubted
            self._ahead[person.user_id] = _Ahead(person, note, now_ms, is_holding)

    def _settle(self, ahead: _Ahead) -> None:
        """Take what came too early, of an epoch that was told by now."""
        user_id = ahead.person.user_id
        self.forget(user_id)
        self._doubted.discard(user_id)
        if self._verdict(ahead.note) is not Verdict.GOOD:
            self._doubted.add(user_id)
        self._take(ahead.person, ahead.note, ahead.since_ms)

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
        self.epochs.note(note.tag.epoch, note.tag.members, note.tag.sender)
        self.accepted(person, note)
