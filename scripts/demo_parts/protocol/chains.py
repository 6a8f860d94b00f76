"""Chains: of all messages of one sender to one audience, none is missing or changed unnoticed."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from scripts.demo_parts.protocol.envelopes import NO_HASH


class Place(StrEnum):
    """What a message is in its chain."""

    NEXT = "next"
    LATE = "late"
    REPEATED = "repeated"
    FORKED = "forked"


class Gap(NamedTuple):
    """Numbers that are missing: both, and all between. A hostile sender may leap by billions."""

    first: int
    last: int


class Seen(NamedTuple):
    """A message of a chain: its hash, and that which it names as the one before."""

    hash: bytes
    previous: bytes


@dataclass
class Chain:
    """One chain, as one receiver has seen it.

    Attributes:
        newest: The newest number that came, or of which the sender told; 0 for none.
        gaps: What should have come and has not, in rising order.
    """

    newest: int = 0
    gaps: list[Gap] = field(default_factory=list)
    _seen: dict[int, Seen] = field(default_factory=dict)
    _oldest: int = 1

    def take(self, number: int, seen: Seen, since: int) -> tuple[Place, Gap | None]:
        """Note a message that is truly the sender's.

        Args:
            since: The number since which this receiver has been a recipient; 0 if the message
                does not tell.

        Returns:
            What it is, and what is missing before it.
        """
        place = self._place_of(number, seen)
        if place not in (Place.NEXT, Place.LATE):
            return place, None
        gap = self._gap_before(number, since) if place is Place.NEXT else None
        if gap:
            self.gaps.append(gap)
        self._fill(number)
        self.newest = max(self.newest, number)
        self._seen[number] = seen
        return place, gap

    def compare(self, number: int, hash_: bytes) -> tuple[bool, Gap | None]:
        """Look at what the sender says of its newest message.

        Returns:
            Whether that is another one than ours of this number, and what has not come yet.
        """
        if number in self._seen:
            return self._seen[number].hash != hash_, None
        is_behind = 0 < self.newest < number
        return False, Gap(self.newest + 1, number) if is_behind else None

    def give_up(self, number: int) -> Gap | None:
        """Count as missing what has not come up to a number of which the sender told."""
        if number <= self.newest:
            return None
        gap = Gap(self.newest + 1, number)
        self.gaps.append(gap)
        self.newest = number
        return gap

    def _place_of(self, number: int, seen: Seen) -> Place:
        if number in self._seen:
            return Place.REPEATED if self._seen[number].hash == seen.hash else Place.FORKED
        if not self._fits(number, seen):
            return Place.FORKED
        if number > self.newest:
            return Place.NEXT
        is_missing = any(gap.first <= number <= gap.last for gap in self.gaps)
        return Place.LATE if is_missing or number < self._oldest else Place.REPEATED

    def _fits(self, number: int, seen: Seen) -> bool:
        """Tell whether its neighbours, as far as they are known, agree."""
        before, after = self._seen.get(number - 1), self._seen.get(number + 1)
        if number == 1 and seen.previous != NO_HASH:
            return False
        is_after = before is None or before.hash == seen.previous
        is_before = after is None or after.previous == seen.hash
        return is_after and is_before

    def _gap_before(self, number: int, since: int) -> Gap | None:
        first = self.newest + 1 if self.newest else since or number
        if not self.newest:
            self._oldest = min(first, number)
        return Gap(first, number - 1) if first < number else None

    def _fill(self, number: int) -> None:
        split = [
            part
            for first, last in self.gaps
            for part in (
                (Gap(first, number - 1), Gap(number + 1, last))
                if first <= number <= last
                else (Gap(first, last),)
            )
        ]
        self.gaps = [gap for gap in split if gap.first <= gap.last]
