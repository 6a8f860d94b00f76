"""One room's events in their order, as one process hears them: what is missing is fetched."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable

from server.core.errors import AppError
from server.core.events import MessageSent
from server.core.ids import RoomId
from server.core.patience import Patience
from server.core.ports import Deliver, Placed

log = logging.getLogger("hushwire.redis")

ASK_AGAIN_S = 0.25
"""Until the log is asked again, if Redis did not answer."""

LATE_S = 0.25
"""After so long what was not heard may have been lost, and is fetched."""

TOLD_LIMIT_S = 2.0
"""For what stands in the log to be delivered here."""

MAX_PENDING = 1_000
"""Events that wait for those before them; what comes beyond that is fetched in its turn."""


class Feed:
    """What this process hears of a room.

    Args:
        fetch: Gives what the log has after a place; see `Tail`.
        deliver: Takes what is next.

    Attributes:
        place: Of the newest event that was delivered; None until somebody here is attached.
        expecting: How many are about to be attached.
        ends: How often it has ended.
    """

    __slots__ = (
        "_again", "_deliver", "_fetch", "_filling", "_pending", "_seq", "_waiting",
        "ends", "expecting", "place", "room_id",
    )  # fmt: skip

    def __init__(
        self, room_id: RoomId, fetch: "Callable[[RoomId, int], Awaitable[Tail]]", deliver: Deliver
    ) -> None:
        self.room_id = room_id
        self._fetch = fetch
        self._deliver = deliver
        self._pending: deque[Placed] = deque(maxlen=MAX_PENDING)
        self._filling: asyncio.Task[None] | None = None
        self._again = False  # what is fetched may have been read before it was asked for
        self._seq = 0  # of the newest message that was delivered
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self.place: int | None = None
        self.expecting = 0
        self.ends = 0

    def begin(self, place: int) -> None:
        """Deliver from here on what comes after this place.

        What was heard already comes in a moment: who was attached is to be answered first.
        """
        self.place = place
        if self._pending:
            self._filling = asyncio.get_running_loop().create_task(self._catch_up())

    async def _catch_up(self) -> None:
        self._go_on()

    def take(self, one: Placed) -> None:
        """Take what was published."""
        if self.place is None or self._filling:
            self._pending.append(one)
        elif one.place == 0:
            self._deliver(one.event, 0)
        elif one.place == self.place + 1:
            self._go_to(one)
        elif one.place > self.place:
            self._pending.append(one)
            self.fill()

    def fill(self) -> None:
        """Fetch what was not heard."""
        if self.place is None:
            return
        if self._filling:
            self._again = True
        else:
            self._filling = asyncio.get_running_loop().create_task(self._fill())

    async def told(self, seq: int) -> None:
        """Wait until all has been delivered up to a place in the sequence of the room.

        Raises:
            TimeoutError: It was not, within a while.
        """
        if self.place is None or self._seq >= seq:
            return
        loop = asyncio.get_running_loop()
        delivered: asyncio.Future[None] = loop.create_future()
        self._waiting.append((seq, delivered))
        # It is on its way, unless it was lost, or was delivered before this feed began.
        late = loop.call_later(LATE_S, self.fill)
        try:
            async with Patience(TOLD_LIMIT_S):
                await delivered
        finally:
            late.cancel()

    def end(self) -> None:
        """Deliver nothing any more, until it begins again."""
        self.place = None
        self.ends += 1
        self._seq = 0
        if not self.expecting:  # else somebody may be attached before what was heard
            self._pending.clear()
        self._release()
        self._again = False
        if self._filling:
            self._filling.cancel()
            self._filling = None

    async def _fill(self) -> None:
        waiting = tuple(self._waiting)
        tail = await self._tail()
        for one in tail.events:
            if self.place is None:
                return  # what was delivered ended the last connection here
            self._go_to(one)
        if self.place is None:
            return
        self.place = tail.place
        for _, delivered in waiting:  # whatever they wait for is not to come any more
            _set(delivered)
        self._release(0)
        self._go_on()

    def _go_on(self) -> None:
        """Take what came meanwhile, and fetch once more if that was asked for."""
        again, self._again, self._filling = self._again, False, None
        self._take_pending()
        if again and not self._filling:
            self.fill()

    def _go_to(self, one: Placed) -> None:
        assert self.place is not None
        self.place = max(self.place, one.place)
        self._deliver(one.event, one.place)
        if isinstance(one.event, MessageSent) and self.place is not None:
            self._seq = one.event.seq
            if self._waiting:
                self._release(self._seq)

    def _release(self, seq: float = math.inf) -> None:
        """Let those go on who wait for what was delivered up to there."""
        for awaited, delivered in self._waiting:
            if awaited <= seq:
                _set(delivered)
        self._waiting = [one for one in self._waiting if not one[1].done()]

    async def _tail(self) -> "Tail":
        while True:
            assert self.place is not None
            try:
                return await self._fetch(self.room_id, self.place)
            except AppError:
                await asyncio.sleep(ASK_AGAIN_S)
            except Exception:  # whatever it is, the room must not be deaf from now on
                log.exception("internal_error")
                await asyncio.sleep(ASK_AGAIN_S)

    def _take_pending(self) -> None:
        pending, self._pending = self._pending, deque(maxlen=MAX_PENDING)
        for one in pending:
            self.take(one)


def _set(delivered: "asyncio.Future[None]") -> None:
    if not delivered.done():
        delivered.set_result(None)


class Tail:
    """What a log has after a place: events to deliver, and where the feed is then."""

    __slots__ = ("events", "place")

    def __init__(self, events: tuple[Placed, ...], place: int) -> None:
        self.events = events
        self.place = place
