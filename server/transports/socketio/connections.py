"""python-socketio's book of connections and rooms, which forgets one without reading the others."""

from collections.abc import Iterator
from typing import Any

import socketio


class Connections(socketio.AsyncManager):
    """The library's, but for what it does for each connection.

    It gives each a room of its own, and at its end looks through every room there is. Here
    the own room is understood, and who entered others is noted.
    """

    server: Any

    def __init__(self) -> None:
        super().__init__()
        self._entered: dict[tuple[str, str], set[Any]] = {}

    def enter(self, sid: str, namespace: str, eio_sid: str) -> None:
        """Note a connection that has been let in."""
        super().basic_enter_room(sid, namespace, None, eio_sid)

    def basic_enter_room(
        self, sid: str, namespace: str, room: Any, eio_sid: str | None = None
    ) -> None:
        if room == sid:
            return
        super().basic_enter_room(sid, namespace, room, eio_sid)
        if room is not None:
            self._entered.setdefault((namespace, sid), set()).add(room)

    def basic_leave_room(self, sid: str, namespace: str, room: Any) -> None:
        super().basic_leave_room(sid, namespace, room)
        entered = self._entered.get((namespace, sid))
        if entered:
            entered.discard(room)

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """Forget a connection."""
        for room in self._entered.pop((namespace, sid), ()):
            super().basic_leave_room(sid, namespace, room)
        super().basic_leave_room(sid, namespace, None)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        """Who is in a room, or in any of several."""
        rooms = room if isinstance(room, list | tuple | set) else [room]
        connected = self.rooms.get(namespace, {}).get(None, {})
        found: dict[str, str] = {}
        for one in rooms:
            if isinstance(one, str) and one in connected:
                found[one] = connected[one]
            else:
                found.update(super().get_participants(namespace, one))
        yield from found.items()

    def get_rooms(self, sid: str, namespace: str) -> list[Any]:
        """The rooms that a connection is in, its own among them."""
        return [sid, *self._entered.get((namespace, sid), ())]
