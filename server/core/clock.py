"""Time as an argument: whoever needs the hour asks a `Clock`."""

import time
from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        ...


class SystemClock:
    """The machine's clock, which never steps back while the process lives.

    A backward correction of the machine's time would otherwise make idle rooms young
    again and rate limits wait; this clock keeps the offset that it started with.
    """

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ms(self) -> int:
        return (time.monotonic_ns() + self._offset_ns) // 1_000_000
