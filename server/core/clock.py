"""Time as an argument: whoever needs the hour asks a `Clock`."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        ...


def iso_utc(time_ms: int) -> str:
    """A time as some wires have it: ISO 8601 in UTC, as `2026-11-21T10:30:45.000Z`."""
    text = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def to_ms(time: int | datetime | None) -> int | None:
    """A time that a client has said, of UTC unless it says another."""
    if not isinstance(time, datetime):
        return time
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)


class SystemClock:
    """The machine's clock, which never steps back while the process lives.

    A backward correction of the machine's time would otherwise make idle rooms young
    again and rate limits wait; this clock keeps the offset that it started with.
    """

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ms(self) -> int:
        return (time.monotonic_ns() + self._offset_ns) // 1_000_000
