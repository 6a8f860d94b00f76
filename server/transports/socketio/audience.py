"""Who of the connections here hears of one room, and how far each has been told."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from server.core.events import RoomEvent
from server.core.ids import ConnectionId, RoomId
from server.transports.api import Caller, Emit
from server.transports.socketio.offsets import Point, tag_of
from server.transports.socketio.session import EngineSocket

Renders = Mapping[type[RoomEvent], Callable[[Any], Iterable[Emit]]]


class Listener(NamedTuple):
    """A connection here: who it is, and the line that it is reached by.

    Attributes:
        can_return: It is told offsets, by which it can be restored after a drop.
    """

    caller: Caller
    line: EngineSocket
    can_return: bool


class Behind:
    """How far somebody has been told who is being told what it has missed.

    Attributes:
        place, emits: As of a `Point`.
        moments: What it is to hear then, of what has no place in the log.
        is_over: Set once it has been told, or has left.
    """

    __slots__ = ("emits", "is_over", "moments", "place")

    def __init__(self, point: Point) -> None:
        self.place = point.place
        self.emits = point.emits
        self.moments: list[RoomEvent] = []
        self.is_over = asyncio.Event()


class Audience:
    """The connections here that hear of a room, and the words in which they do.

    Attributes:
        place: In the room's log, up to which all have been told who are in step.
        tag: Of the room, in offsets.
        ahead: Who knows more than that, and up to where.
        behind: Who is being told what it has missed.
    """

    __slots__ = ("ahead", "behind", "listeners", "place", "renders", "tag")

    def __init__(self, room_id: RoomId, renders: Renders, place: int) -> None:
        self.renders = renders
        self.place = place
        self.tag = tag_of(room_id)
        self.listeners: dict[ConnectionId, Listener] = {}
        self.ahead: dict[ConnectionId, int] = {}
        self.behind: dict[ConnectionId, Behind] = {}

    def advance(self, place: int) -> None:
        """All who are in step are told up to there."""
        if place > self.place:
            self.place = place
            if self.ahead:
                ahead = self.ahead.items()
                self.ahead = {one: known for one, known in ahead if known > place}

    def point_of(self, connection_id: ConnectionId, *, owes_list: bool) -> Point:
        """How far a connection has been told."""
        if behind := self.behind.get(connection_id):
            return Point(behind.place, behind.emits, owes_list)
        return Point(max(self.place, self.ahead.get(connection_id, 0)), 0, owes_list)

    def hearers(self, event: RoomEvent, place: int) -> list[Listener]:
        """Who is to be told of an event now; who is behind is told of it in time."""
        skip, plain = event.skip, not (self.ahead or self.behind)
        found = []
        for connection_id, listener in self.listeners.items():
            if connection_id != skip and (plain or self._is_next(connection_id, event, place)):
                found.append(listener)
        return found

    def _is_next(self, connection_id: ConnectionId, event: RoomEvent, place: int) -> bool:
        if behind := self.behind.get(connection_id):
            if not place:
                behind.moments.append(event)
            return False
        return not place or self.ahead.get(connection_id, 0) < place

    def fall_behind(self, connection_id: ConnectionId, point: Point) -> None:
        """Somebody has been told up to there, and is to be told what it has missed."""
        self.behind[connection_id] = Behind(point)
        self.listeners[connection_id].caller.behind += 1

    def fall_in(self, connection_id: ConnectionId) -> None:
        """Somebody is behind no more, if it was."""
        if behind := self.behind.pop(connection_id, None):
            self.listeners[connection_id].caller.behind -= 1
            behind.is_over.set()

    def drop(self, connection_id: ConnectionId) -> Listener:
        self.ahead.pop(connection_id, None)
        self.fall_in(connection_id)
        return self.listeners.pop(connection_id)
