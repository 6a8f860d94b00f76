"""What members said of others, for operators, until it is too old."""

from server.core.errors import AppError, Code
from server.core.limits import Bounds
from server.core.ports import Report
from server.stores.memory.space import Share

_RECORD_BYTES = 1024


class MemoryReports:
    def __init__(self, bounds: Bounds, share: Share) -> None:
        self._bounds = bounds
        self._share = share
        self._reports: dict[str, tuple[Report, int]] = {}  # with when to forget it; oldest first

    def check(self, report: Report) -> None:
        """See whether there is room for a report.

        Raises:
            AppError: SERVER_FULL.
        """
        if len(self._reports) >= self._bounds.reports:
            raise AppError(Code.SERVER_FULL, "there are too many reports to be read; try later")
        self._share.space.check(_size_bytes(report))

    def add(self, report: Report, expires_ms: int) -> None:
        self._reports[report.report_id] = (report, expires_ms)
        self._share.add(_size_bytes(report))

    def read(self, after: str | None, limit: int) -> tuple[Report, ...]:
        """Some in order of age, after the one of that id."""
        found = (one for one, _ in self._reports.values() if not after or one.report_id > after)
        return tuple(one for one, _ in zip(found, range(limit), strict=False))

    def expire(self, now_ms: int) -> None:
        while self._reports:
            report, expires_ms = next(iter(self._reports.values()))
            if expires_ms > now_ms:
                return
            del self._reports[report.report_id]
            self._share.add(-_size_bytes(report))


def _size_bytes(report: Report) -> int:
    evidence_bytes = report.evidence.size_bytes if report.evidence else 0
    return len(report.reason.encode()) + evidence_bytes + _RECORD_BYTES
