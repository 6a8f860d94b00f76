"""What one client sends, handled in order, each to its end before the next begins."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from server.logs import begin_request
from server.transports.eager import start

Work = Callable[..., Coroutine[Any, Any, None]]


class Inbox:
    """Handles at once what it is given, unless something before it still has to wait.

    It is the outermost frame, and each piece of work has a request id of its own.

    Args:
        on_fault: Told of what the work raised.

    Attributes:
        is_idle: Nothing waits; the next would be handled at once.
    """

    __slots__ = ("_idle", "_is_held", "_is_running", "_on_fault", "_task", "_waiting", "is_idle")

    def __init__(self, on_fault: Callable[[BaseException], None]) -> None:
        self._on_fault = on_fault
        self.is_idle = True
        self._waiting: deque[tuple[Work, tuple[Any, ...]]] | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_running = False
        self._is_held = False
        self._idle: asyncio.Future[None] | None = None

    def waiting(self) -> int:
        """How much waits behind what is being handled."""
        return len(self._waiting) if self._waiting else 0

    def put(self, work: Work, *arguments: Any) -> None:
        if self.is_idle:
            self._run(work, arguments)
            if self._waiting:
                self._go_on()
        else:
            if self._waiting is None:
                self._waiting = deque()
            self._waiting.append((work, arguments))

    def hold(self) -> None:
        """Handle nothing after the present until `release`."""
        self._is_held = True
        self.is_idle = False

    def release(self) -> None:
        if self._is_held:
            self._is_held = False
            self._settle()
            # Later: the caller may be in the middle of something.
            asyncio.get_running_loop().call_soon(self._go_on)

    def drop(self) -> None:
        """Forget what waits, and hold no more."""
        self._waiting = None
        self._is_held = False
        self._settle()

    async def idle(self) -> None:
        """Wait until all is handled."""
        while not self.is_idle:
            if self._idle is None:
                self._idle = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._idle)

    def _run(self, work: Work, arguments: tuple[Any, ...]) -> None:
        self._is_running = True
        self.is_idle = False
        begin_request()
        try:
            self._task = start(work(*arguments))
        except Exception as error:  # noqa: BLE001 - whatever it is, its owner is told
            self._on_fault(error)
        finally:
            self._is_running = False
        if self._task:
            self._task.add_done_callback(self._ended)
        else:
            self._settle()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()):
            self._on_fault(error)
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting and not (self._task or self._is_held or self._is_running):
            work, arguments = self._waiting.popleft()
            self._run(work, arguments)
        self._settle()

    def _settle(self) -> None:
        self.is_idle = not (self._is_running or self._task or self._is_held or self._waiting)
        if self._idle and self.is_idle:
            self._idle.set_result(None)
            self._idle = None
