"""One room's events in their order, as one process hears them: what is missing is fetched."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from server.core.errors import AppError
from server.core.ids import RoomId
from server.core.ports import Deliver, Placed

log = logging.getLogger("hushwire.redis")

ASK_AGAIN_S = 0.25
"""Until the log is asked again, if Redis did not answer."""

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
    """

    __slots__ = ("_deliver", "_fetch", "_filling", "_pending", "expecting", "place", "room_id")

    def __init__(
        self, room_id: RoomId, fetch: "Callable[[RoomId, int], Awaitable[Tail]]", deliver: Deliver
    ) -> None:
        self.room_id = room_id
        self._fetch = fetch
        self._deliver = deliver
        self._pending: deque[Placed] = deque(maxlen=MAX_PENDING)
        self._filling: asyncio.Task[None] | None = None
        self.place: int | None = None
        self.expecting = 0

    def begin(self, place: int) -> None:
        """Deliver from here on what comes after this place."""
        self.place = place
        self._take_pending()

    def take(self, one: Placed) -> None:
        """Take what was published."""
        if self.place is None or self._filling:
            self._pending.append(one)
        elif one.place == 0:
            self._deliver(one.event, 0)
        elif one.place == self.place + 1:
            self.place = one.place
            self._deliver(one.event, one.place)
        elif one.place > self.place:
            self._pending.append(one)
            self.fill()

    def fill(self) -> None:
        """Fetch what was not heard."""
        if self.place is not None and not self._filling:
            self._filling = asyncio.get_running_loop().create_task(self._fill())

    def end(self) -> None:
        """Deliver nothing any more, until it begins again."""
        self.place = None
        self._pending.clear()
        if self._filling:
            self._filling.cancel()
            self._filling = None

    async def _fill(self) -> None:
        tail = await self._tail()
        for one in tail.events:
            if self.place is None:
                return  # what was delivered ended the last connection here
            self.place = max(self.place, one.place)
            self._deliver(one.event, one.place)
        if self.place is None:
            return
        self.place = tail.place
        self._filling = None
        self._take_pending()

    async def _tail(self) -> "Tail":
        while True:
            assert self.place is not None
            try:
                return await self._fetch(self.room_id, self.place)
            except AppError:
                await asyncio.sleep(ASK_AGAIN_S)

    def _take_pending(self) -> None:
        pending, self._pending = self._pending, deque(maxlen=MAX_PENDING)
        for one in pending:
            self.take(one)


class Tail:
    """What a log has after a place: events to deliver, and where the feed is then."""

    __slots__ = ("events", "place")

    def __init__(self, events: tuple[Placed, ...], place: int) -> None:
        self.events = events
        self.place = place
