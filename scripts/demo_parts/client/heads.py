"""Signs of life: what each sender's newest message is, told and heard."""

from dataclasses import dataclass

from scripts.demo_parts.client.chains import Name
from scripts.demo_parts.client.inbox import Inbox
from scripts.demo_parts.client.outbox import Outbox
from scripts.demo_parts.client.roster import Roster, Someone
from scripts.demo_parts.protocol.cards import Card
from scripts.demo_parts.protocol.chains import Told
from scripts.demo_parts.protocol.epochs import EVERYBODY
from scripts.demo_parts.protocol.packing import from_text, to_text
from scripts.demo_parts.protocol.signals import ChainHead, Newest

HEAD_MS = 30_000
GRACE_MS = 5_000
SILENT_MS = 150_000


@dataclass
class Claim:
    """What a sender has told of and what has not come.

    Attributes:
        number: What must have come until the grace is over.
        newest: Of which it told meanwhile.
    """

    number: int
    newest: int
    due_ms: int


class Heads:
    def __init__(self, roster: Roster, inbox: Inbox, outbox: Outbox, own_id: str) -> None:
        self._roster = roster
        self._inbox = inbox
        self._outbox = outbox
        self._own_id = own_id
        self._claims: dict[Name, Claim] = {}
        self._told_ms: int | None = None
        self._watched_ms = 0

    def is_due(self, now_ms: int) -> bool:
        """Whether a head is to be sent now; then the next is due after `HEAD_MS`."""
        if self._told_ms is not None and now_ms - self._told_ms < HEAD_MS:
            return False
        self._told_ms = now_ms
        return True

    def alone(self) -> list[tuple[Card, Newest]]:
        """What the newest messages to single members are."""
        ends = [(to_text(one), self._outbox.end(one)) for one in self._outbox.audiences if one]
        cards = [(self._roster.card_of(user_id), end) for user_id, end in ends]
        return [(card, end) for card, end in cards if card]

    def again(self, now_ms: int) -> None:
        """Have the next round begin at once, as after coming in.

        Nobody is held to be silent for the time in which we were not connected.
        """
        self._told_ms = None
        lost_ms, self._watched_ms = now_ms - self._watched_ms, now_ms
        for someone in self._roster.others():
            someone.heard_ms = min(now_ms, someone.heard_ms + lost_ms)

    def hear(self, sender: Someone, head: ChainHead, now_ms: int) -> None:
        """Compare what a sender says with what has come of it."""
        self._compare((sender.user_id, EVERYBODY), head.newest, now_ms)
        if head.alone:
            self._compare((sender.user_id, from_text(self._own_id)), head.alone, now_ms)

    def watch(self, now_ms: int) -> None:
        """Tell of what has not come in time, and of whom nothing is heard."""
        self._watched_ms = now_ms
        for name, claim in [*self._claims.items()]:
            if claim.due_ms <= now_ms:
                self._give_up(name, claim, now_ms)
        for someone in self._roster.others():
            if not someone.is_silent and now_ms - someone.heard_ms >= SILENT_MS:
                someone.is_silent = True
                self._inbox.notice("silent", someone.user_id)

    def _compare(self, name: Name, newest: Newest, now_ms: int) -> None:
        told = self._inbox.chains.compare(name, newest.number, newest.hash)
        if told is Told.FORKED:
            self._inbox.notice("forked", name[0])
        if told is not Told.BEHIND:
            return
        first = Claim(newest.number, newest.number, now_ms + GRACE_MS)
        claim = self._claims.setdefault(name, first)
        claim.newest = max(claim.newest, newest.number)

    def _give_up(self, name: Name, claim: Claim, now_ms: int) -> None:
        self._inbox.chains.give_up(name, claim.number)
        if claim.newest == claim.number:
            del self._claims[name]
            return
        claim.number, claim.due_ms = claim.newest, now_ms + GRACE_MS
