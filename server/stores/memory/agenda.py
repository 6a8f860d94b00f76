"""Who is due when, where dates are often put off or taken back before they come."""

import heapq
import itertools
from typing import Generic, TypeVar

K = TypeVar("K")

NEVER_MS = 1 << 62
"""Later than any date."""

_SPARE = 1_000
"""Entries that may hold no longer, besides as many as there are dates."""


class Agenda(Generic[K]):
    """Dates by name; whoever puts off its own a thousand times takes no more space for it.

    The list has each name where it was put first, or earlier. When that time comes and the
    date has been put off, the name moves on. Of what was taken back not much stays listed.
    """

    def __init__(self) -> None:
        self._dates_ms: dict[K, int] = {}
        self._listed_ms: dict[K, int] = {}
        self._list: list[tuple[int, int, K]] = []
        self._count = itertools.count()  # keeps equal dates in order

    def __len__(self) -> int:
        return len(self._dates_ms)

    def put(self, name: K, date_ms: int) -> None:
        """Have a name be due at that time, and no more at another."""
        self._dates_ms[name] = date_ms
        if self._listed_ms.get(name, NEVER_MS) > date_ms:
            self._enlist(name, date_ms)

    def drop(self, name: K) -> None:
        if self._dates_ms.pop(name, None) is not None:
            self._count_stale()

    def take(self, now_ms: int = NEVER_MS) -> K | None:
        """Take out whoever is due first, if that is by now."""
        while self._list and self._list[0][0] <= now_ms:
            listed_ms, _, name = heapq.heappop(self._list)
            if self._listed_ms.get(name) != listed_ms:
                continue
            del self._listed_ms[name]
            date_ms = self._dates_ms.get(name)
            if date_ms == listed_ms:
                del self._dates_ms[name]
                return name
            if date_ms is not None:
                self._enlist(name, date_ms)
        return None

    def _count_stale(self) -> None:
        if len(self._list) > 2 * len(self._dates_ms) + _SPARE:
            self._list = [one for one in self._list if self._holds(one)]
            self._listed_ms = {name: listed_ms for listed_ms, _, name in self._list}
            heapq.heapify(self._list)

    def _holds(self, entry: tuple[int, int, K]) -> bool:
        listed_ms, _, name = entry
        return name in self._dates_ms and self._listed_ms.get(name) == listed_ms

    def _enlist(self, name: K, date_ms: int) -> None:
        self._listed_ms[name] = date_ms
        heapq.heappush(self._list, (date_ms, next(self._count), name))
