"""Sessions to be restored, in memory: `core.ports.RecoveryStore` for one process."""

from collections.abc import Mapping

from msgspec import Struct

from server.core.ports import Session
from server.core.ports.recoveries import TAKING_MS
from server.stores.memory.agenda import Agenda

MAX_SESSIONS = 40_000
"""Of some two kilobytes each."""


class _Record(Struct):
    """A session, None while somebody takes it over, and the line that it belongs to."""

    line: str
    session: Session | None
    until_ms: int


class MemoryRecoveries:
    """A `RecoveryStore` for one process.

    Args:
        max_sessions: Where there are more, those go first whose time is over first.
    """

    def __init__(self, max_sessions: int = MAX_SESSIONS) -> None:
        self._max_sessions = max_sessions
        self._records: dict[bytes, _Record] = {}
        self._due: Agenda[bytes] = Agenda()

    def __len__(self) -> int:
        return len(self._records)

    async def keep(self, name: bytes, session: Session, kept_ms: int, now_ms: int) -> bool:
        known = self._records.get(name)
        if known and known.line != session.line:
            return False
        self._put(name, _Record(session.line, session, now_ms + kept_ms))
        return True

    async def hold(self, lines: Mapping[bytes, str], kept_ms: int, now_ms: int) -> frozenset[bytes]:
        taken = set()
        for name, line in lines.items():
            known = self._records.get(name)
            if known and known.line != line:
                taken.add(name)
            elif known:
                known.until_ms = now_ms + kept_ms
                self._due.drop(name)  # else of all who drop, their former date stays listed
                self._due.put(name, known.until_ms)
        return frozenset(taken)

    async def take(self, name: bytes, line: str, now_ms: int) -> Session | None:
        known = self._records.get(name)
        if known is None or known.session is None or known.until_ms <= now_ms:
            return None
        # The line that had it until now must see that it has it no longer.
        self._put(name, _Record(line, None, now_ms + TAKING_MS))
        return known.session

    async def forget(self, name: bytes, line: str) -> bool:
        known = self._records.get(name)
        if known is None:
            return True
        if known.line != line:
            return False
        del self._records[name]
        self._due.drop(name)
        return True

    async def expire(self, now_ms: int) -> None:
        while (name := self._due.take(now_ms)) is not None:
            del self._records[name]

    def _put(self, name: bytes, record: _Record) -> None:
        self._records[name] = record
        self._due.put(name, record.until_ms)
        if len(self._records) > self._max_sessions:
            first = self._due.take()
            assert first is not None
            del self._records[first]
