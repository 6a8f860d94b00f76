"""Which members the relay has told of under which number."""

from dataclasses import dataclass
from enum import StrEnum

from scripts.demo_parts.protocol.strangers.place import members_hash

_EPOCHS = 64


class Verdict(StrEnum):
    """What keys or messages are that name an epoch and its members."""

    GOOD = "good"
    BEFORE = "before"
    SPLIT = "split"
    AHEAD = "ahead"


@dataclass(frozen=True)
class _Known:
    members: bytes
    member_ids: frozenset[bytes] | None


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

    @property
    def members(self) -> bytes:
        """The hash of the newest members."""
        return self._known[self.newest].members

    def tell(self, epoch: int, entries: list[tuple[str, bytes]], now_ms: int) -> bool | None:
        """Take what the relay tells.

        Returns:
            Whether it is new; None if it contradicts what was told before.
        """
        members, known = members_hash(self._place, entries), self._known.get(epoch)
        if known and known.members != members:
            return None
        if self._oldest is not None and epoch <= self.newest:
            return False if known else None
        self._oldest = epoch if self._oldest is None else self._oldest
        self._learn(epoch, _Known(members, frozenset(member_id for _, member_id in entries)))
        self.newest, self.newest_ms = epoch, now_ms
        return True

    def judge(self, epoch: int, members: bytes, sender: bytes) -> Verdict:
        """Compare with what a sender has signed."""
        if epoch < (self._oldest or 0):
            return Verdict.BEFORE
        if epoch > self.newest:
            return Verdict.AHEAD
        known = self._known.get(epoch)
        if not known:
            return Verdict.GOOD  # of a time of which nothing was told: `note` makes it count
        is_member = known.member_ids is None or sender in known.member_ids
        return Verdict.GOOD if is_member and known.members == members else Verdict.SPLIT

    def note(self, epoch: int, members: bytes) -> None:
        """Have the first count that is heard of an epoch of which the relay has told nothing."""
        if epoch not in self._known:
            self._learn(epoch, _Known(members, None))

    def _learn(self, epoch: int, known: _Known) -> None:
        self._known[epoch] = known
        if len(self._known) > _EPOCHS:
            forgotten = next(iter(self._known))
            del self._known[forgotten]
            self._oldest = max(self._oldest or 0, forgotten + 1)
