"""Chains: of all messages of one sender to one audience, none is missing or changed unnoticed."""

import math
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


class Told(StrEnum):
    """What a head, which tells of a sender's newest message, is to who hears it."""

    SAME = "same"
    BEHIND = "behind"
    AHEAD = "ahead"
    FORKED = "forked"


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
    _oldest: float = math.inf
    _told_fork: int = 0

    def has(self, number: int, seen: Seen) -> bool:
        """Tell whether this very message has come."""
        return number in self._seen and self._seen[number].hash == seen.hash

    def take(self, number: int, seen: Seen, since: int) -> tuple[Place, int]:
        """Note a message that is truly the sender's.

        Args:
            since: The number since which this receiver has been a recipient; 0 if that is not
                known.

        Returns:
            What it is, and how many are missing before it that were not missed until now.
        """
        place = self._place_of(number, seen)
        if place not in (Place.NEXT, Place.LATE):
            return place, 0
        self._fill(number)
        missing = self._advance(number) if place is Place.NEXT else 0
        self._seen[number] = seen
        return place, missing + self.start_at(since)

    def start_at(self, since: int) -> int:
        """Learn since which number the chain is for this receiver; 0 if that is not known.

        Returns:
            How many are missing that were not missed until now.
        """
        if since == 0 or since >= self._oldest or self.newest == 0:
            return 0
        before = Gap(since, int(self._oldest) - 1)
        came = [number for number in self._seen if before.first <= number <= before.last]
        self.gaps.insert(0, before)
        for number in came:
            self._fill(number)
        self._oldest = since
        return before.last - before.first + 1 - len(came)

    def compare(self, number: int, newest_hash: bytes) -> Told:
        """Look at what the sender says is its newest message. A fork is told of once.

        The beginning of its hash is enough.
        """
        if number not in self._seen:
            return Told.BEHIND if number > self.newest else Told.AHEAD
        if self._seen[number].hash.startswith(newest_hash) or self._told_fork == number:
            return Told.SAME
        self._told_fork = number
        return Told.FORKED

    def give_up(self, number: int) -> int:
        """Count as missing what has not come up to a number of which the sender told.

        Returns:
            How many.
        """
        if number <= self.newest:
            return 0
        self._oldest = self._oldest if self.newest else 1
        gap = Gap(self.newest + 1, number)
        self.gaps.append(gap)
        self.newest = number
        return gap.last - gap.first + 1

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

    def _advance(self, number: int) -> int:
        gap = Gap(self.newest + 1, number - 1)
        is_first = self.newest == 0
        self.newest = number
        if is_first:
            self._oldest = number
        if is_first or gap.first > gap.last:
            return 0
        self.gaps.append(gap)
        return gap.last - gap.first + 1

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
