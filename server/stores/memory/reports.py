"""What members said of others, for operators, until it is too old."""

from collections.abc import Iterator
from itertools import dropwhile, islice

from msgspec import Struct

from server.core.ids import RoomId, UserId
from server.core.limits import Bounds
from server.core.ports import Report
from server.stores.memory.space import Share
from server.stores.sizes import REPORTS_PART, report_bytes

_About = tuple[RoomId, UserId, UserId]
"""The group, who reported, and whom."""


class _Kept(Struct, frozen=True):
    report: Report
    mark: bytes
    expires_ms: int


class MemoryReports:
    """Reports in order of age; of one member about another in a group, the last.

    When there are too many, or too many bytes, the oldest goes of the address that has most.
    If they stayed, whoever sends in as many as there may be would keep all others from
    reporting; if the oldest of all went, whoever was reported could push that out.
    """

    def __init__(self, bounds: Bounds, share: Share) -> None:
        self._bounds = bounds
        self._share = share
        self._reports: dict[str, _Kept] = {}
        self._ids: dict[_About, str] = {}
        self._counts: dict[bytes, int] = {}  # by mark
        self._held_bytes = 0

    def add(self, report: Report, mark: bytes, expires_ms: int) -> None:
        if former := self._ids.get(_about(report)):
            self._forget(former)
        self._reports[report.report_id] = _Kept(report, mark, expires_ms)
        self._ids[_about(report)] = report.report_id
        self._counts[mark] = self._counts.get(mark, 0) + 1
        self._count(report_bytes(report))
        while len(self._reports) > 1 and self._are_too_many():
            self._forget(self._next_to_go())

    def read(self, after: str | None, limit: int) -> tuple[Report, ...]:
        """Some in order of age, after the one of that id; all, if that one is forgotten."""
        return tuple(islice(self._from(after), limit))

    def expire(self, now_ms: int) -> None:
        while self._reports:
            report_id, kept = next(iter(self._reports.items()))
            if kept.expires_ms > now_ms:
                return
            self._forget(report_id)

    def _from(self, after: str | None) -> Iterator[Report]:
        found = (kept.report for kept in self._reports.values())
        if after not in self._reports:
            return found
        # By place and not by id: ids of one millisecond are in no order.
        return islice(dropwhile(lambda report: report.report_id != after, found), 1, None)

    def _are_too_many(self) -> bool:
        too_heavy = self._held_bytes > self._share.space.limit_bytes // REPORTS_PART
        return too_heavy or len(self._reports) > self._bounds.reports

    def _next_to_go(self) -> str:
        most = max(self._counts.values())
        kept = self._reports.values()
        return next(one.report.report_id for one in kept if self._counts[one.mark] == most)

    def _forget(self, report_id: str) -> None:
        kept = self._reports.pop(report_id)
        del self._ids[_about(kept.report)]
        self._counts[kept.mark] -= 1
        if not self._counts[kept.mark]:
            del self._counts[kept.mark]
        self._count(-report_bytes(kept.report))

    def _count(self, added_bytes: int) -> None:
        self._held_bytes += added_bytes
        self._share.add(added_bytes)


def _about(report: Report) -> _About:
    return report.room_id, report.reporter, report.user_id
