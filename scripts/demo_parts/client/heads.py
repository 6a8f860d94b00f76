"""Signs of life: what each sender's newest message is, told and heard."""

from dataclasses import dataclass

from scripts.demo_parts.client.chains import Name
from scripts.demo_parts.client.inbox import Inbox
from scripts.demo_parts.client.outbox import Outbox
from scripts.demo_parts.client.roster import Roster, Someone
from scripts.demo_parts.protocol.chains import Told
from scripts.demo_parts.protocol.epochs import EVERYBODY
from scripts.demo_parts.protocol.packing import from_text, to_text
from scripts.demo_parts.protocol.signals import ChainHead

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

    def due(self, now_ms: int) -> list[bytes]:
        """To which audiences a head is to be sent now."""
        if self._told_ms is not None and now_ms - self._told_ms < HEAD_MS:
            return []
        self._told_ms = now_ms
        present = {someone.user_id for someone in self._roster.others()}
        partners = [one for one in self._outbox.audiences if to_text(one) in present]
        return [EVERYBODY, *partners]

    def again(self) -> None:
        """Have the next round begin at once, as after coming in."""
        self._told_ms = None

    def hear(self, sender: Someone, head: ChainHead, now_ms: int) -> None:
        """Compare what a sender says with what has come of it."""
        if head.audience not in (EVERYBODY, from_text(self._own_id)):
            self._inbox.notice("forged", sender.user_id)
            return
        name = (sender.user_id, head.audience)
        told = self._inbox.chains.compare(name, head.number, head.hash)
        if told is Told.FORKED:
            self._inbox.notice("forked", sender.user_id)
        if told is not Told.BEHIND:
            return
        first = Claim(head.number, head.number, now_ms + GRACE_MS)
        claim = self._claims.setdefault(name, first)
        claim.newest = max(claim.newest, head.number)

    def watch(self, now_ms: int) -> None:
        """Tell of what has not come in time, and of whom nothing is heard."""
        for name, claim in [*self._claims.items()]:
            if claim.due_ms <= now_ms:
                self._give_up(name, claim, now_ms)
        for someone in self._roster.others():
            if not someone.is_silent and now_ms - someone.heard_ms >= SILENT_MS:
                someone.is_silent = True
                self._inbox.notice("silent", someone.user_id)

    def _give_up(self, name: Name, claim: Claim, now_ms: int) -> None:
        self._inbox.chains.give_up(name, claim.number)
        if claim.newest == claim.number:
            del self._claims[name]
            return
        claim.number, claim.due_ms = claim.newest, now_ms + GRACE_MS
