"""Giving up whoever takes nothing of what is written to it."""

import asyncio
from collections.abc import Callable
from typing import Any

from server.core.errors import Code
from server.transports.doorkeeper import Doorkeeper

STALL_LIMIT_S = 20.0
"""Within which a reader must take at least a byte while something waits for it."""


class StallWatch:
    """Watches a transport from when its buffer is full until it is empty again.

    Args:
        on_stall: Called when nothing was taken for `STALL_LIMIT_S`.
    """

    __slots__ = ("_on_stall", "_timer", "_transport", "_written")

    def __init__(self, transport: Any, on_stall: Callable[[], None]) -> None:
        self._transport = transport
        self._on_stall = on_stall
        self._written = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self._written = 0
        self._wait()

    def wrote(self, size_bytes: int) -> None:
        """Count what was written since `begin`."""
        self._written += size_bytes

    def end(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self.end()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(STALL_LIMIT_S, self._check, self._taken())

    def _check(self, taken_before: int) -> None:
        if self._taken() > taken_before:
            self._wait()
        else:
            self._timer = None
            self._on_stall()

    def _taken(self) -> int:
        return self._written - int(self._transport.get_write_buffer_size())


class Impatient(asyncio.BaseProtocol):
    """A protocol that ends its connection when its reader takes nothing.

    Attributes:
        is_full: An answer is not taken yet.
    """

    # Slots are those of whoever inherits: two parents cannot both have some.
    transport: asyncio.Transport | None
    is_full: bool
    _keeper: Doorkeeper
    _stall: StallWatch | None  # while it is full

    def pause_writing(self) -> None:
        super().pause_writing()
        self.is_full = True
        if self.transport:
            self._stall = StallWatch(self.transport, self._stalled)
            self._stall.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._no_longer_full()

    def _no_longer_full(self) -> None:
        """Also at the end, else whoever asks would wait for it."""
        self.is_full = False
        if self._stall:
            self._stall.end()
            self._stall = None

    def _stalled(self) -> None:
        self._keeper.refused(Code.SLOW_READER)
        if self.transport:
            self.transport.abort()
