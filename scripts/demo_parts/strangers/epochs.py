"""Which members the relay has told of under which number."""

from dataclasses import dataclass
from enum import StrEnum

from scripts.demo_parts.protocol.strangers.place import members_hash

_EPOCHS = 64
_LEAD = 64
"""How far what is signed may be ahead of what was told."""
_NOTES_EACH = 32
"""Of how many epochs of one gap a sender may tell us that the relay has not."""


class Verdict(StrEnum):
    """What keys or messages are that name an epoch and its members."""

    GOOD = "good"
    BEFORE = "before"
    SPLIT = "split"
    AHEAD = "ahead"


class Told(StrEnum):
    """What a list of the relay is.

    Skipped is a new one before which others were left out; split is what contradicts what was
    told before, and counts nothing.
    """

    NEW = "new"
    SAME = "same"
    SKIPPED = "skipped"
    SPLIT = "split"


@dataclass(frozen=True)
class _Known:
    """The members of an epoch; without their ids, and with who told of it, if not the relay."""

    members: bytes
    member_ids: frozenset[bytes] | None
    noted_by: bytes = b""


class Epochs:
    """The numbers and members that were told, the newest ones.

    Attributes:
        newest_ms: When the newest was told.
    """

    def __init__(self, place: bytes) -> None:
        self.newest = 0
        self.newest_ms = 0
        self._place = place
        self._known: dict[int, _Known] = {}
        self._oldest: int | None = None
        self._gaps: list[range] = []
        self._is_away = False

    @property
    def members(self) -> bytes:
        """The hash of the newest members."""
        return self._known[self.newest].members

    @property
    def member_ids(self) -> frozenset[bytes]:
        """The newest members."""
        return self._known[self.newest].member_ids or frozenset()

    def away(self) -> None:
        """Note that the connection was lost: until a list comes, numbers may pass untold."""
        self._is_away = True

    def tell(self, epoch: int, entries: list[tuple[str, bytes]], now_ms: int) -> Told:
        """Take what the relay tells."""
        members = members_hash(self._place, entries)
        is_first = self._oldest is None
        if not is_first and epoch <= self.newest:
            return self._repeat(epoch, members)
        is_skipped = not is_first and epoch > self.newest + 1
        if is_skipped and self._is_away:
            self._gaps.append(range(self.newest + 1, epoch))
        told = Told.SKIPPED if is_skipped and not self._is_away else Told.NEW
        self._is_away = False
        self._oldest = epoch if self._oldest is None else self._oldest
        self.newest, self.newest_ms = epoch, now_ms
        self._learn(epoch, _Known(members, frozenset(member_id for _, member_id in entries)))
        return told

    def judge(self, epoch: int, members: bytes, sender: bytes) -> Verdict:
        """Compare with what a sender has signed."""
        if epoch < (self._oldest or 0):
            return Verdict.BEFORE
        if epoch > self.newest:
            return Verdict.SPLIT if epoch - self.newest > _LEAD else Verdict.AHEAD
        known = self._known.get(epoch)
        if not known:  # of a time of which nothing was told: `note` makes it count
            return Verdict.GOOD if self._may_note(epoch, sender) else Verdict.SPLIT
        is_member = known.member_ids is None or sender in known.member_ids
        return Verdict.GOOD if is_member and known.members == members else Verdict.SPLIT

    def note(self, epoch: int, members: bytes, sender: bytes) -> None:
        """Have the first count that is heard of an epoch of which the relay could tell nothing.

        Of what a sender has signed, after a good verdict.
        """
        if epoch not in self._known:
            self._learn(epoch, _Known(members, None, sender))

    def _repeat(self, epoch: int, members: bytes) -> Told:
        """Judge a list that is not new; an old one would bring back who has left."""
        if epoch != self.newest or members != self.members:
            return Told.SPLIT
        self._is_away = False
        return Told.SAME

    def _may_note(self, epoch: int, sender: bytes) -> bool:
        for gap in self._gaps:
            if epoch in gap:
                notes = [at for at, one in self._known.items() if one.noted_by == sender]
                return sum(at in gap for at in notes) < _NOTES_EACH
        return False

    def _learn(self, epoch: int, known: _Known) -> None:
        self._known[epoch] = known
        if len(self._known) <= _EPOCHS:
            return
        forgotten = min(self._known)
        del self._known[forgotten]
        self._oldest = max(self._oldest or 0, forgotten + 1)
        self._gaps = [gap for gap in self._gaps if gap[-1] >= self._oldest]
