"""What members said of others, for operators, until it is too old."""

from collections.abc import Iterator
from itertools import dropwhile, islice

from server.core.limits import Bounds
from server.core.ports import Report
from server.stores.memory.space import Share

_RECORD_BYTES = 1024

_PART = 16
"""All reports hold at most this part of the space."""


class MemoryReports:
    """Reports in order of age. The oldest go when there are too many, or too many bytes.

    If they stayed, whoever sends in as many as there may be would keep all others from
    reporting for as long as reports are kept.
    """

    def __init__(self, bounds: Bounds, share: Share) -> None:
        self._bounds = bounds
        self._share = share
        self._reports: dict[str, tuple[Report, int]] = {}  # with when to forget it
        self._held_bytes = 0

    def add(self, report: Report, expires_ms: int) -> None:
        self._reports[report.report_id] = (report, expires_ms)
        self._count(size_bytes(report))
        while len(self._reports) > 1 and self._are_too_many():
            self._forget_oldest()

    def read(self, after: str | None, limit: int) -> tuple[Report, ...]:
        """Some in order of age, after the one of that id; all, if that one is forgotten."""
        return tuple(islice(self._from(after), limit))

    def expire(self, now_ms: int) -> None:
        while self._reports:
            _, expires_ms = next(iter(self._reports.values()))
            if expires_ms > now_ms:
                return
            self._forget_oldest()

    def _from(self, after: str | None) -> Iterator[Report]:
        found = (report for report, _ in self._reports.values())
        if after not in self._reports:
            return found
        # By place and not by id: ids of one millisecond are in no order.
        return islice(dropwhile(lambda report: report.report_id != after, found), 1, None)

    def _are_too_many(self) -> bool:
        too_heavy = self._held_bytes > self._share.space.limit_bytes // _PART
        return too_heavy or len(self._reports) > self._bounds.reports

    def _forget_oldest(self) -> None:
        report, _ = self._reports.pop(next(iter(self._reports)))
        self._count(-size_bytes(report))

    def _count(self, added_bytes: int) -> None:
        self._held_bytes += added_bytes
        self._share.add(added_bytes)


def size_bytes(report: Report) -> int:
    evidence_bytes = report.evidence.size_bytes if report.evidence else 0
    return len(report.reason.encode()) + evidence_bytes + _RECORD_BYTES
