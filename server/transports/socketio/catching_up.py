"""Telling a connection what it has missed, until it hears what all hear."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from server.core.errors import AppError, Code
from server.core.events import EventsLost, RoomEvent
from server.core.ids import ConnectionId, RoomId
from server.core.patience import Patience
from server.core.ports import Broker
from server.transports.api import Caller
from server.transports.socketio.audience import Audience, Listener
from server.transports.socketio.backlog import Backlog
from server.transports.socketio.offsets import Point

ASK_AGAIN_S = 0.25
"""Until the log is asked again for what somebody has missed, if it did not answer."""

CATCH_UP_LIMIT_S = 2.0
"""For somebody to be told what it has missed, before it is answered anything else."""


class CatchingUp:
    """Those who are behind in some room.

    Args:
        rooms: All that somebody here hears of.
        tell: Tells one who is behind of an event, after which it is at that place.
        tell_moment: Tells one who is behind no more of what is of the moment.
    """

    def __init__(
        self,
        rooms: Mapping[RoomId, Audience],
        broker: Broker,
        tell: Callable[[Listener, Audience, RoomEvent, int], None],
        tell_moment: Callable[[Listener, Audience, RoomEvent], None],
    ) -> None:
        self._rooms = rooms
        self._broker = broker
        self._tell_one = tell
        self._tell_moment = tell_moment
        self._catching_up: set[asyncio.Task[None]] = set()
        self._held: dict[ConnectionId, asyncio.Event] = {}

    async def bring_up(
        self, connection_id: ConnectionId, backlogs: Mapping[RoomId, Backlog]
    ) -> None:
        """Tell a connection that has returned what it has missed in all of its rooms."""
        for room_id, backlog in backlogs.items():
            await self._tell_missed(room_id, connection_id, backlog)

    async def caught_up(self, caller: Caller) -> None:
        """Wait until a connection knows what it has missed: answers count on that.

        Raises:
            AppError: UNAVAILABLE; it is taking too long.
        """
        await asyncio.sleep(0)  # handlers begin outside of any task, and limits need one
        try:
            async with Patience(CATCH_UP_LIMIT_S):
                for room_id in tuple(caller.memberships):
                    here = self._rooms.get(room_id)
                    if here and (behind := here.behind.get(caller.connection_id)):
                        await behind.is_over.wait()
        except TimeoutError:
            raise AppError(Code.UNAVAILABLE, "what was missed is still on its way") from None

    @contextmanager
    def held(self, caller: Caller) -> Iterator[None]:
        """Tell a connection nothing meanwhile; what happens comes after what it is answered then.

        So it is when it has just joined, and is not answered at once.
        """
        connection_id = caller.connection_id
        released = self._held[connection_id] = asyncio.Event()
        for room_id in caller.memberships:
            here = self._rooms[room_id]
            if connection_id not in here.behind:
                place = max(here.place, here.ahead.pop(connection_id, 0))
                self.begin(room_id, connection_id, place)
        try:
            yield
        finally:
            del self._held[connection_id]
            released.set()

    def begin(self, room_id: RoomId, connection_id: ConnectionId, place: int) -> None:
        """Have a connection told, after what it is being answered now, what it has missed."""
        self._rooms[room_id].fall_behind(connection_id, Point(place))
        task = asyncio.get_running_loop().create_task(self._tell_later(room_id, connection_id))
        self._catching_up.add(task)
        task.add_done_callback(self._catching_up.discard)

    async def _tell_later(self, room_id: RoomId, connection_id: ConnectionId) -> None:
        await asyncio.sleep(0)
        if released := self._held.get(connection_id):
            await released.wait()
        await self._tell_missed(room_id, connection_id, Backlog(room_id, Point(0)))

    async def _tell_missed(
        self, room_id: RoomId, connection_id: ConnectionId, backlog: Backlog
    ) -> None:
        while (here := self._rooms.get(room_id)) and (behind := here.behind.get(connection_id)):
            listener = here.listeners[connection_id]
            missed = backlog.take()
            if missed is None and behind.place >= here.place:
                self._fall_in(here, listener, backlog)
                return
            try:
                missed = missed or await self._broker.missed(room_id, behind.place)
            except AppError:
                await asyncio.sleep(ASK_AGAIN_S)
                continue
            if connection_id not in here.behind:
                return
            if missed is None:
                self._tell_one(listener, here, EventsLost(room_id=room_id), behind.place)
                behind.place, behind.emits = here.place, 0
                continue
            user_id = listener.caller.memberships[room_id]
            for event, place in backlog.events(missed, connection_id, user_id):
                self._tell_one(listener, here, event, place)
            if missed.place <= behind.place and not missed.events:
                await asyncio.sleep(ASK_AGAIN_S)  # the log knows less than was told here
                continue
            behind.place, behind.emits = missed.place, 0

    def _fall_in(self, here: Audience, listener: Listener, backlog: Backlog) -> None:
        """From here on a connection hears what all hear."""
        connection_id = listener.caller.connection_id
        behind = here.behind[connection_id]
        for event in backlog.rest():
            self._tell_one(listener, here, event, behind.place)
        here.fall_in(connection_id)
        if behind.place > here.place:
            here.ahead[connection_id] = behind.place
        for event in behind.moments:
            self._tell_moment(listener, here, event)
