"""A timer wheel: one timer of the event loop for any number of connections."""

import asyncio
import logging
import math
from typing import Protocol

log = logging.getLogger("hushwire.socketio")

STOOD_STILL_TURNS = 10
"""When it turns so late, the process stood still: that time is counted against nobody."""


class Timed(Protocol):
    """What stands on a wheel; `turn` is the wheel's own note of when it is due."""

    turn: int | None

    def on_time(self) -> None:
        """It is due, and no longer on the wheel."""


class Wheel:
    """Calls `on_time` of many items, each up to one turn before it is due.

    A process that stands still hears nobody, who may have answered: all are due so much later.

    Args:
        turn_s: The wheel's grain, in seconds.
    """

    def __init__(self, turn_s: float) -> None:
        self._turn_s = turn_s
        self._due: dict[int, set[Timed]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop
        self._turn = 0
        self._stood_still_s = 0.0

    def set(self, item: Timed, delay_s: float) -> None:
        """Have an item due after a delay, and not when it was due before."""
        self.drop(item)
        if self._timer is None:
            self._loop = asyncio.get_running_loop()
            self._turn = math.floor(self._now_s() / self._turn_s)
            self._wait()
        item.turn = max(self._turn + 1, math.floor((self._now_s() + delay_s) / self._turn_s))
        self._due.setdefault(item.turn, set()).add(item)

    def drop(self, item: Timed) -> None:
        if item.turn is None:
            return
        items = self._due.get(item.turn)
        item.turn = None
        if items:
            items.discard(item)

    def stop(self) -> None:
        """Call nobody any more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._due.clear()

    def _wait(self) -> None:
        at_s = (self._turn + 1) * self._turn_s
        self._timer = self._loop.call_at(at_s + self._stood_still_s, self._run)

    def _run(self) -> None:
        late_s = self._now_s() - (self._turn + 1) * self._turn_s
        if late_s > STOOD_STILL_TURNS * self._turn_s:
            self._stood_still_s += late_s
        now_turn = math.floor(self._now_s() / self._turn_s)
        while self._turn < now_turn:
            self._turn += 1
            # One after the other: what one causes may take another off the wheel.
            items = self._due.get(self._turn, set())
            while items:
                item = items.pop()
                item.turn = None
                _ring(item)
            self._due.pop(self._turn, None)
        if self._due:
            self._wait()
        else:
            self._timer = None

    def _now_s(self) -> float:
        return self._loop.time() - self._stood_still_s


def _ring(item: Timed) -> None:
    try:
        item.on_time()
    except Exception:  # the outermost frame: the wheel turns on for all others
        log.exception("internal_error")
