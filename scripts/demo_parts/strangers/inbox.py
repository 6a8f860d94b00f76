"""Messages of strangers as they come: checked, placed in their chain, opened, and told of."""

from collections.abc import Callable
from dataclasses import dataclass, field

from scripts.demo_parts.protocol.chains import Chain, Place, Seen, Told
from scripts.demo_parts.protocol.contents import Text, parse, read_content
from scripts.demo_parts.protocol.envelopes import NO_HASH
from scripts.demo_parts.protocol.refusal import ForgedError, RefusedError
from scripts.demo_parts.protocol.strangers.keys import KeysNote
from scripts.demo_parts.protocol.strangers.messages import (
    StrangerEnvelope,
    read_stranger_message,
)
from scripts.demo_parts.strangers.epochs import Epochs, Verdict
from scripts.demo_parts.strangers.keyring import Keyring
from scripts.demo_parts.strangers.people import People, Stranger
from scripts.demo_parts.strangers.told import ToldMessage

OVER_MS = 30_000
"""How long after its end messages of an epoch come without a notice."""

_WAITING = 500


@dataclass
class Entry:
    """A message, and what has become of it.

    Attributes:
        status: received, waiting (for keys or a card), refused or unreadable.
        reason: Why it was refused or cannot be read.
    """

    message_id: str
    sender: str
    status: str = "waiting"
    reason: str = ""
    text: str = ""
    is_late: bool = False


@dataclass(frozen=True)
class Notice:
    """Of coming and going; or something that a relay which does its work never causes."""

    code: str
    user_id: str
    count: int = 0


@dataclass
class _Waiting:
    entry: Entry
    told: ToldMessage
    since_ms: int
    envelope: StrangerEnvelope | None = None


@dataclass
class Inbox:
    """What one member has got."""

    place: bytes
    people: People
    epochs: Epochs
    keyring: Keyring
    notice: Callable[[str, str, int], None]
    entries: list[Entry] = field(default_factory=list)
    revealable: list[tuple[str, StrangerEnvelope, bytes]] = field(default_factory=list)
    _chains: dict[bytes, Chain] = field(default_factory=dict)
    _anchored: set[bytes] = field(default_factory=set)
    _waiting: list[_Waiting] = field(default_factory=list)

    def take(self, told: ToldMessage, now_ms: int, is_history: bool = False) -> None:
        """Take what the relay brings as a message of somebody else."""
        person = self.people.all.get(told.sender)
        if person and person.is_blocked:
            return
        waiting = _Waiting(Entry(told.message_id, told.sender), told, now_ms)
        if person and person.card:
            self._take_of(person, waiting, is_history)
        elif person and person.refusal:
            self._become(waiting.entry, "unreadable", "no-card")
        else:
            self._wait(waiting)

    def anchor(self, person: Stranger, note: KeysNote) -> None:
        """Learn by a sender's keys where it is."""
        sender, last = note.tag.sender, note.tag.first - 1
        chain = self._chains.setdefault(sender, Chain())
        is_first = sender not in self._anchored
        self._anchored.add(sender)
        if is_first and not chain.newest:
            if last:
                chain.take(last, Seen(note.previous, NO_HASH), 0)
            return
        state = chain.compare(last, note.previous) if last else Told.SAME
        if state is Told.FORKED:
            self.notice("forked", person.user_id, 0)
        # All that is behind came before these keys, on the same way.
        missing = chain.give_up(last) if state is Told.BEHIND else 0
        self._miss(person, missing + chain.start_at(note.tag.first))

    def retry(self) -> None:
        """Look again at what waits, now that keys or cards have come."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            person = self.people.all.get(one.told.sender)
            if person and one.envelope:
                self._open(person, one)
            elif person and person.card:
                self._take_of(person, one, is_history=True)
            else:
                self._wait(one)

    def lack(self, chain_ids: set[bytes]) -> None:
        """Tell of what cannot be read since nobody gives these keys."""
        lost = [
            one for one in self._waiting if one.envelope and one.envelope.head.chain_id in chain_ids
        ]
        for one in lost:
            self._waiting.remove(one)
            self._become(one.entry, "unreadable", "no-key")

    # --- one message ---

    def _take_of(self, person: Stranger, waiting: _Waiting, is_history: bool) -> None:
        told = waiting.told
        assert person.card
        try:
            if told.to:
                raise ForgedError("a message is for all")
            envelope = read_stranger_message(
                self.place, told.message_id, told.encrypted, person.card
            )
        except RefusedError:
            if person.is_changed:
                self._wait(waiting)
            else:
                self._become(waiting.entry, "refused", "forged")
            return
        head = envelope.head
        if self.epochs.judge(head.epoch, head.members, head.sender) is not Verdict.BEFORE:
            waiting.envelope = envelope
            self._place(person, waiting, envelope, is_history)

    def _place(
        self, person: Stranger, waiting: _Waiting, envelope: StrangerEnvelope, is_history: bool
    ) -> None:
        head = envelope.head
        chain = self._chains.setdefault(head.sender, Chain())
        keys = self.keyring.chain_of(envelope)
        seen = Seen(envelope.hash, head.draft.previous)
        place, missing = chain.take(head.draft.number, seen, keys.tag.first if keys else 0)
        self._miss(person, missing)
        if place is Place.REPEATED:
            if not is_history:
                self.notice("repeated", person.user_id, 0)
        elif place is Place.FORKED:
            self._become(waiting.entry, "refused", "forked")
        else:
            waiting.entry.is_late = place is Place.LATE
            self._open(person, waiting)

    def _open(self, person: Stranger, waiting: _Waiting) -> None:
        entry, envelope = waiting.entry, waiting.envelope
        if not envelope or not self.keyring.has(envelope):
            self._wait(waiting)
            return
        chain, number = self.keyring.chain_of(envelope), envelope.head.draft.number
        if not chain:
            self._become(entry, "unreadable", "not-for-us")
            return
        try:
            if not envelope.is_of(chain):
                raise ForgedError("of another chain than it says")
            key = chain.key_of(number)
            said = parse(envelope.open(key))
        except RefusedError:
            self._become(entry, "refused", "forged")
            return
        chain.forget(number)
        self._tell(person, waiting, envelope, said)
        if entry.status == "received":
            self.revealable.append((entry.sender, envelope, key))

    def _tell(
        self, person: Stranger, waiting: _Waiting, envelope: StrangerEnvelope, said: object
    ) -> None:
        head = envelope.head
        try:
            content = read_content(head.draft.kind, said)
        except RefusedError:
            content = None
        if not isinstance(content, Text):
            self._become(waiting.entry, "unreadable", "newer")
            return
        waiting.entry.text = content.text
        over_ms = waiting.since_ms - self.epochs.newest_ms
        was_behind, person.is_behind = person.is_behind, False
        if head.epoch < self.epochs.newest and over_ms >= OVER_MS:
            person.is_behind = True
            if not was_behind:
                self.notice("behind", person.user_id, 0)
        self._become(waiting.entry, "received")

    def _wait(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._become(waiting.entry, "waiting")
        if waiting.envelope:
            chain_id = waiting.envelope.head.chain_id
            self.keyring.want(waiting.told.sender, chain_id, waiting.since_ms)
        if len(self._waiting) > _WAITING:
            self._become(self._waiting.pop(0).entry, "unreadable", "no-key")

    def _become(self, entry: Entry, status: str, reason: str = "") -> None:
        entry.status, entry.reason = status, reason
        if not any(one is entry for one in self.entries):
            self.entries.append(entry)

    def _miss(self, person: Stranger, count: int) -> None:
        if count:
            self.notice("missing", person.user_id, count)
