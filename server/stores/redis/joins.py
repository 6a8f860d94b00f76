"""Joins of this process that are under way, for whoever counts them or must come after them."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from server.core.ids import ConnectionId, RoomId


class Joins:
    def __init__(self) -> None:
        self._rooms: dict[ConnectionId, Counter[RoomId]] = {}
        self._ended: dict[ConnectionId, asyncio.Event] = {}

    @contextmanager
    def underway(self, connection_id: ConnectionId, room_id: RoomId) -> Iterator[None]:
        """A join of this connection has begun, and ends with the block."""
        rooms = self._rooms.setdefault(connection_id, Counter())
        rooms[room_id] += 1
        try:
            yield
        finally:
            rooms[room_id] -= 1
            if not rooms.total():
                del self._rooms[connection_id]
                if ended := self._ended.pop(connection_id, None):
                    ended.set()

    def rooms(self, connection_id: ConnectionId) -> set[RoomId]:
        """Where it is about to be."""
        return set(+self._rooms.get(connection_id, Counter()))

    def connections(self, room_id: RoomId) -> list[ConnectionId]:
        """Those that are about to be in a room."""
        return [one for one, rooms in self._rooms.items() if rooms[room_id]]

    async def ended(self, connection_id: ConnectionId) -> None:
        """Wait until none of its joins is under way."""
        while connection_id in self._rooms:
            await self._ended.setdefault(connection_id, asyncio.Event()).wait()
