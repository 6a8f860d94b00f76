"""The end of a process that has others beside it: its clients go there, in small waves.

All at once would be a storm for those who take them. A client whose transport closes comes
back by itself, and whoever balances the load has it come back elsewhere.
"""

import asyncio
import logging
import math
import random
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any, Protocol

from server.transports.socketio.gate import Gate

log = logging.getLogger("hushwire.drain")

NOTICE = 0.2
"""The part of the time in which only `/ready` has changed, for balancers to see it."""

WAVES = 0.5
"""The part in which clients are sent away; what is left is for their last answers."""

TICK_S = 0.1
WAVE_LINES = 20
"""At least; with more of them than fit, all waves are larger alike."""


class Line(Protocol):
    """What leads to one client."""

    def retire(self) -> None:
        """Have the client come back elsewhere."""


class Drain:
    """Sends the clients of a process away.

    Args:
        gate: Lets nobody in any more, after a while.
        books: Of all lines that are open, each with them as its values.
        other_work: How much is under way besides: requests without answer yet, tunnels.
        limit_s: For all of it.
    """

    def __init__(
        self,
        gate: Gate,
        books: Iterable[Mapping[Any, Line]],
        other_work: Callable[[], int],
        limit_s: float,
    ) -> None:
        self._gate = gate
        self._books = tuple(books)
        self._other_work = other_work
        self._limit_s = limit_s
        self._sent_away: set[Line] = set()

    async def run(self) -> None:
        """Return when nobody is left, which may be at once, or when the time is over.

        At first whoever is new is served, since a refusal would reach clients until the
        last balancer has read `/ready`; then handshakes are refused, and the clients go.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        if count := sum(map(len, self._books)):
            log.info("draining", extra={"fields": {"connections": count}})
        while any(self._books) or self._other_work():
            part = (loop.time() - started) / self._limit_s if self._limit_s else 1
            if part >= 1:
                break
            if part >= NOTICE:
                self._gate.is_closed = True
                self._send_wave((NOTICE + WAVES - part) * self._limit_s)
            await asyncio.sleep(TICK_S)

    def _send_wave(self, left_s: float) -> None:
        """Send away as many as one tick's share of the time that is left, in any order."""
        lines = list(chain.from_iterable(book.values() for book in self._books))
        self._sent_away.intersection_update(lines)
        staying = [line for line in lines if line not in self._sent_away]
        share = math.ceil(len(staying) * TICK_S / max(left_s, TICK_S))
        wave = random.sample(staying, min(len(staying), max(WAVE_LINES, share)))
        self._sent_away.update(wave)
        loop = asyncio.get_running_loop()
        for line in wave:
            loop.call_later(random.uniform(0, TICK_S), line.retire)  # noqa: S311 - no secret
