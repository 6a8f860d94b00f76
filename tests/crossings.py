"""Which combinations of their places tests are run with.

What a test says of each installation, each transport and each official client, it says of them
one at a time: what is below a transport does not know it. So it is run with all of its values
at home, which is the first of all places, and once at each other place, with whatever values.
Which these are differs from test to test, and is the same in each run. `--every` runs them all.
"""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pytest

PLACES = ("installation", "site", "official", "transport", "namespace")
"""Fixtures and arguments that say where, or by what, a test is run; the dearest first."""

OF_TRANSPORTS = ("tests/conformance/", "tests/transports/")
"""There transports are what is tested, and are no places."""

PLAYED = "official"
"""What it saw is made once for all tests of a file, which therefore draw alike."""

STAND_INS = {"redis": {"three", "three-nodes", "two nodes"}}
"""Where one of these is among the values, too, the key says nothing more."""


class Place(NamedTuple):
    """Where `name` is not at home.

    Attributes:
        value: As texts have it.
    """

    name: str
    value: str


class Combination(NamedTuple):
    """A test with certain values, and where it is away from home."""

    item: pytest.Item
    away: tuple[Place, ...]
    lot: int

    def has_dearer(self, name: str) -> bool:
        """Whether it is away in what costs more than this."""
        return any(PLACES.index(one.name) < PLACES.index(name) for one in self.away)


def repeated(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Those for which others stand."""
    tests: dict[str, list[Combination]] = defaultdict(list)
    for item in items:
        tests[item.nodeid.partition("[")[0]].append(_combination(item))
    wanted = {one.item.nodeid for test in tests.values() for one in _wanted(test)}
    return [item for item in items if item.nodeid not in wanted]


def _combination(item: pytest.Item) -> Combination:
    callspec = getattr(item, "callspec", None)
    values = callspec.params if callspec else {}
    is_of_transports = item.nodeid.startswith(OF_TRANSPORTS)
    names = [name for name in PLACES if not (is_of_transports and name == "transport")]
    away = [
        Place(name, str(values[name]))
        for name in names
        if callspec and callspec.indices.get(name, 0) > 0
    ]
    drawn = f"{item.nodeid.partition('::')[0]} {away}" if PLAYED in values else item.nodeid
    return Combination(item, tuple(away), zlib.crc32(drawn.encode()))


def _wanted(test: Sequence[Combination]) -> Iterator[Combination]:
    """All that are at home, and one for each place that is away."""
    yield from (one for one in test if not one.away)
    chosen: list[Combination] = []
    for place in _to_be_seen(test):
        if not any(place in one.away for one in chosen):
            there = [one for one in test if place in one.away]
            chosen.append(min(there, key=lambda one: (one.has_dearer(place.name), one.lot)))
    yield from chosen


def _to_be_seen(test: Iterable[Combination]) -> list[Place]:
    """All places that are away, but those for which another stands; the dearest first."""
    away = dict.fromkeys(place for one in test for place in one.away)
    values = {place.value for place in away}
    seen = [one for one in away if not values & STAND_INS.get(one.value, set())]
    return sorted(seen, key=lambda one: PLACES.index(one.name))
