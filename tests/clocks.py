"""Clocks that stand still until a test moves them, and one that stands still with the machine."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any, Self

LIMIT_S = 20.0
"""For what is waited for, on a machine that is very busy: it costs nothing where it comes."""


class ManualClock:
    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance(self, *, ms: int = 0, seconds: float = 0, minutes: float = 0) -> None:
        self._now_ms += ms + round(seconds * 1000) + round(minutes * 60_000)


class Stopwatch:
    """Counts the seconds in which this machine ran, while it is entered.

    Of a time in which all stood still, it counts `_MOST_S`.

    Attributes:
        seconds: So far, or in the end.
    """

    _TICK_S = 0.01
    _MOST_S = 0.05

    def __init__(self) -> None:
        self.seconds = 0.0
        self._is_over = threading.Event()
        self._counting = threading.Thread(target=self._count)

    def __enter__(self) -> Self:
        self._counting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._counting.join()

    def _count(self) -> None:
        before_s = time.monotonic()
        is_over = False
        while not is_over:
            is_over = self._is_over.wait(self._TICK_S)
            now_s = time.monotonic()
            self.seconds += min(now_s - before_s, self._MOST_S)
            before_s = now_s


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer as soon as nothing else is to be done."""

    _ready: Any
    _scheduled: Any

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 1_000.0

    def time(self) -> float:
        return self._now_s

    def stand_still(self, seconds: float) -> None:
        """As if the process had not run for so long."""
        self._now_s += seconds

    def _run_once(self) -> None:
        due_s = [one.when() for one in self._scheduled if not one.cancelled()]
        if due_s and not self._ready:
            self._now_s = max(self._now_s, min(due_s))
        super()._run_once()  # type: ignore[misc]  # not in its public interface


def run_in_no_time(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine, in which waiting takes no time."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(coroutine)
