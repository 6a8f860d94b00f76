"""Limits of time that are fair to a process that stood still itself.

A machine that is too busy, a pause of a virtual machine or a stop signal can keep a process from
running for seconds. What it waits for may have come meanwhile and lie there unread; by the clock
alone it would give up before it looked, and take others for dead because it had been so itself.
"""

import asyncio
from types import TracebackType

STEPS = 8
"""Parts of a limit. However long the process stood still, it costs one of them."""


class Patience:
    """`asyncio.timeout` by the time in which this process could have seen what it waits for.

    Raises `TimeoutError`, as that does. Where nothing stands still both take as long.
    """

    __slots__ = ("_left", "_step_s", "_timeout", "_timer")

    def __init__(self, limit_s: float) -> None:
        self._step_s = limit_s / STEPS
        self._left = STEPS
        self._timeout = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._wait()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    def _wait(self) -> None:
        # Each step is a turn of the loop of its own, in which it reads what has come.
        self._timer = asyncio.get_running_loop().call_later(self._step_s, self._pass)

    def _pass(self) -> None:
        self._left -= 1
        if self._left:
            self._wait()
        else:
            self._timeout.reschedule(0)  # which is over


class Lately:
    """Whether something was noted within a limit, by the same time.

    Nothing was noted at first.
    """

    __slots__ = ("_left", "_step_s", "_timer")

    def __init__(self, limit_s: float) -> None:
        self._step_s = limit_s / STEPS
        self._left = 0
        self._timer: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        return self._left > 0

    def note(self) -> None:
        self.forget()
        self._left = STEPS
        self._wait()

    def forget(self) -> None:
        """It is as if nothing had been noted."""
        self._left = 0
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._step_s, self._pass)

    def _pass(self) -> None:
        self._left -= 1
        if self._left:
            self._wait()
        else:
            self._timer = None
