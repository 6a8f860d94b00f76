"""What one connection is told of its queue: in order, and only so much before it acknowledges.

It pulls from the queue, and what happens elsewhere only wakes it: so nothing is lost with an
event that does not arrive. What was told and not acknowledged comes again on the next connection.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from server.core.errors import AppError
from server.core.ids import EventId
from server.core.queued import QueuedEvent
from server.core.user_events import Mail, MailChanged
from server.transports.raw.mailbox import ASK_AGAIN_S

T = TypeVar("T")

log = logging.getLogger("hushwire.raw")

WINDOW = 256
"""Events that are told before the first of them is acknowledged."""

LOW_WATER = WINDOW // 2
"""When so few are not acknowledged, more are read: many at a time cost less."""

LOOK_AGAIN_S = (1.0, 60.0)
"""Until the queue of a full window is asked what another connection of the device has
acknowledged: at first, and at most."""


class Pump:
    """The queue of one connection.

    Args:
        see: Has the queue be there, and noted as seen.
        read: What waits after a sequence, at most so many.
        waiting: Which sequences were not acknowledged yet.
        tell: Writes an event.
        may_tell: Waits until the client has taken most of what was written.
    """

    __slots__ = (
        "_credit", "_is_paused", "_is_stale", "_may_tell", "_open", "_read", "_room", "_see",
        "_tell", "_told", "_waiting", "_work",
    )  # fmt: skip

    is_in_step = False  # whatever is told, waited: it is written as it is taken

    def __init__(
        self,
        see: Callable[[], Awaitable[None]],
        read: Callable[[int, int], Awaitable[Sequence[QueuedEvent]]],
        waiting: Callable[[Sequence[int]], Awaitable[frozenset[int]]],
        tell: Callable[[QueuedEvent], None],
        may_tell: Callable[[], Awaitable[None]],
    ) -> None:
        self._see = see
        self._read = read
        self._waiting = waiting
        self._tell = tell
        self._may_tell = may_tell
        self._told = 0  # up to this sequence
        self._open: dict[EventId, int] = {}  # told and not acknowledged, and their sequences
        self._credit = 0
        self._room = asyncio.Event()
        self._is_paused = True
        self._is_stale = False  # there may be more than was read
        self._work: asyncio.Task[None] | None = None

    def resume(self) -> None:
        """Tell what waits, and then what comes."""
        self._is_paused = False
        self.refresh()

    def pause(self) -> None:
        """Tell nothing until `resume`."""
        self._is_paused = True
        if self._work:
            self._work.cancel()
            self._work = None

    def refresh(self) -> None:
        """See whether there is something that was not told."""
        self._is_stale = True
        if not self._work and not self._is_paused:
            self._work = asyncio.get_running_loop().create_task(self._run())

    def settle(self, event_id: EventId) -> None:
        """Note that an event waits no more: here or on another connection it was acknowledged."""
        self._open.pop(event_id, None)
        if len(self._open) <= LOW_WATER:
            self._room.set()

    def spend_credit(self) -> bool:
        """Whether the client owes an acknowledgement: one for each event that it was told."""
        if not self._credit:
            return False
        self._credit -= 1
        return True

    # --- mail is in no queue ---

    def take(self, mail: Mail) -> None:
        """It is not told here."""

    def pass_over(self, mail: Mail) -> None:
        """It would not be told here anyway."""

    def withdraw(self, stream: str, seq: int) -> None:
        """It was not told here."""

    def change(self, event: MailChanged) -> None:
        """What is queued is never changed."""

    # --- telling ---

    async def _run(self) -> None:
        await self._until_it_works(self._see)
        while self._is_stale:
            self._is_stale = False
            while await self._tell_some():
                pass
        self._work = None

    async def _tell_some(self) -> bool:
        """Tell the next events. Returns whether there were any."""
        await self._until_there_is_room()
        limit = WINDOW - len(self._open)
        read = functools.partial(self._read, self._told, limit)
        events = await self._until_it_works(read)
        for event in events:
            self._told = event.seq
            self._open[event.event_id] = event.seq
            self._credit += 1
            self._tell(event)
            await self._may_tell()
        return bool(events)

    async def _until_there_is_room(self) -> None:
        delay_s, longest_s = LOOK_AGAIN_S
        while len(self._open) >= WINDOW:
            self._room.clear()
            try:
                async with asyncio.timeout(delay_s):
                    await self._room.wait()
            except TimeoutError:
                ask = functools.partial(self._waiting, sorted(self._open.values()))
                left = await self._until_it_works(ask)
                self._open = {one: seq for one, seq in self._open.items() if seq in left}
                delay_s = min(2 * delay_s, longest_s)

    async def _until_it_works(self, ask: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await ask()
            except AppError:
                await asyncio.sleep(ASK_AGAIN_S)
            except Exception:  # whatever it is, the client must not be deaf from now on
                log.exception("internal_error")
                await asyncio.sleep(ASK_AGAIN_S)
