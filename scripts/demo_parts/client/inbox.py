"""Messages that come: each is checked, placed in its chain, opened, and told of."""

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Any

from scripts.demo_parts.client.chains import Chains
from scripts.demo_parts.client.keyring import Keyring, Known
from scripts.demo_parts.client.roster import Roster
from scripts.demo_parts.protocol.cards import Card
from scripts.demo_parts.protocol.chains import Place, Seen
from scripts.demo_parts.protocol.contents import Content, Remove, parse, read_content
from scripts.demo_parts.protocol.envelopes import Envelope, audience_of, read_envelope
from scripts.demo_parts.protocol.link import Link
from scripts.demo_parts.protocol.packing import to_text
from scripts.demo_parts.protocol.refusal import RefusedError


@dataclass
class Entry:
    """A message, and what has become of it.

    Attributes:
        status: received, waiting (for a key or a card), refused, unreadable, or sent (our own).
        reason: Why it was refused or cannot be read.
        to: The user id of the one whom it is for; None for everybody.
    """

    message_id: str
    sender: str
    to: str | None
    status: str = "waiting"
    reason: str = ""
    is_late: bool = False
    content: Content | None = None


@dataclass(frozen=True)
class Notice:
    """Something that a relay which does its work never causes."""

    code: str
    user_id: str
    count: int = 0


@dataclass
class Waiting:
    entry: Entry
    relayed: dict[str, Any]
    envelope: Envelope | None


@dataclass
class Inbox:
    """What one member has got.

    Attributes:
        removed: Told of whom the creator puts out.
        changed: Told of each entry when something has become of it.
    """

    link: Link
    own_id: str
    roster: Roster
    keyring: Keyring
    removed: Callable[[bytes], None]
    changed: Callable[[Entry], None]
    entries: list[Entry] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    _waiting: list[Waiting] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chains = Chains(self.notice)

    def take(self, relayed: dict[str, Any], is_history: bool = False) -> None:
        """Take what the relay brings as a message.

        Args:
            is_history: It may have come before.
        """
        to = relayed["to"] or None
        entry = Entry(str(relayed["id"]), str(relayed["from"]), to)
        card = self.roster.card_of(entry.sender)
        if not card:
            self.entries.append(entry)
            self._wait(Waiting(entry, relayed, None))
            return
        self._take_of(card, entry, relayed, is_history)

    def retry(self) -> None:
        """Look again at what waits for keys and cards, now that some have come."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            card = self.roster.card_of(one.entry.sender)
            if one.envelope and one.envelope.head.tag.epoch_id in self.keyring.known:
                self._open(one)
            elif card and not one.envelope:
                self.entries.remove(one.entry)
                self._take_of(card, one.entry, one.relayed, is_history=True)
            else:
                self._waiting.append(one)

    def lack(self, epoch_ids: Container[bytes]) -> None:
        """Tell of what cannot be read since nobody who is there gives these keys."""
        for one in self._waiting:
            if one.entry.status == "waiting" and _claimed_epoch(one) in epoch_ids:
                self._become(one.entry, "unreadable", "no-key")

    def note_own(self, envelope: Envelope) -> None:
        """Note an own message that the relay has."""
        name = (self.own_id, envelope.head.tag.audience)
        self.chains.take(name, *_link_of(envelope), since=0)

    def notice(self, code: str, user_id: str, count: int = 0) -> None:
        self.notices.append(Notice(code, user_id, count))

    # --- one message ---

    def _take_of(self, card: Card, entry: Entry, relayed: dict[str, Any], is_history: bool) -> None:
        try:
            envelope = read_envelope(relayed["encrypted"])
            envelope.check(self.link, card.member_id, audience_of(entry.to), entry.message_id)
            envelope.check_signature(card.sign_key)
        except RefusedError:
            self._refuse(entry, "forged")
            return
        name = (entry.sender, envelope.head.tag.audience)
        is_before = self.chains.has(name, *_link_of(envelope))
        if self.roster.is_removed(entry.sender) and not is_before:
            self._refuse(entry, "removed-member")
        elif entry.to and self.own_id not in (entry.to, entry.sender):
            self._refuse(entry, "not-for-us")
        else:
            self._place(entry, relayed, envelope, is_history)

    def _place(
        self, entry: Entry, relayed: dict[str, Any], envelope: Envelope, is_history: bool
    ) -> None:
        # What cannot be read counts in the chain all the same: its sender has signed it.
        since = self._learn(envelope)
        name = (entry.sender, envelope.head.tag.audience)
        place = self.chains.take(name, *_link_of(envelope), since or 0)
        if place is Place.REPEATED:
            if not is_history:
                self.notice("repeated", entry.sender)
        elif place is Place.FORKED or since is None:
            self._refuse(entry, "forked" if place is Place.FORKED else "forged")
        else:
            entry.is_late = place is Place.LATE
            self.entries.append(entry)
            self._open(Waiting(entry, relayed, envelope))

    def _learn(self, envelope: Envelope) -> int | None:
        try:
            return self.keyring.learn(envelope.head)
        except RefusedError:
            return None

    def _open(self, waiting: Waiting) -> None:
        entry, envelope = waiting.entry, waiting.envelope
        known = self.keyring.known.get(envelope.head.tag.epoch_id) if envelope else None
        if not envelope or not known:
            self._wait(waiting)
            return
        self.chains.start_at((entry.sender, envelope.head.tag.audience), known.since)
        self._tell(entry, envelope, known)

    def _tell(self, entry: Entry, envelope: Envelope, known: Known) -> None:
        try:
            opened = parse(envelope.open(self.link, known.epoch))
        except RefusedError:
            self._become(entry, "refused", "forged")
            return
        try:
            entry.content = read_content(envelope.head.kind, opened)
        except RefusedError:
            self._become(entry, "unreadable", "newer")
            return
        self._obey(entry, entry.content)

    def _obey(self, entry: Entry, content: Content) -> None:
        if not isinstance(content, Remove):
            self._become(entry, "sent" if entry.sender == self.own_id else "received")
            return
        creator = to_text(self.link.creator)
        may_remove = entry.sender == creator and not entry.to
        if not may_remove or content.member_id == self.link.creator:
            entry.content = None
            self._become(entry, "refused", "not-creator")
            return
        self.removed(content.member_id)
        self._become(entry, "sent" if entry.sender == self.own_id else "received")

    def _wait(self, waiting: Waiting) -> None:
        self._waiting.append(waiting)
        epoch_id = _claimed_epoch(waiting)
        if epoch_id:
            self.keyring.want(waiting.entry.sender, epoch_id)

    def _refuse(self, entry: Entry, reason: str) -> None:
        self.entries.append(entry)
        self._become(entry, "refused", reason)

    def _become(self, entry: Entry, status: str, reason: str = "") -> None:
        entry.status, entry.reason = status, reason
        self.changed(entry)


def _link_of(envelope: Envelope) -> tuple[int, Seen]:
    return envelope.head.number, Seen(envelope.hash, envelope.head.previous)


def _claimed_epoch(waiting: Waiting) -> bytes | None:
    """The epoch of a message, while nothing of it is checked; None if it is no message."""
    if waiting.envelope:
        return waiting.envelope.head.tag.epoch_id
    try:
        return read_envelope(waiting.relayed["encrypted"]).head.tag.epoch_id
    except RefusedError:
        return None
