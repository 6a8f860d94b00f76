"""Lists of members, of which a burst of joins would make a square.

Each of n joins changes the list for all who are there before: n lists of n to n. Within a
window after one list, the changes of a large room are told as one.
"""

import asyncio
from collections.abc import Callable

from msgspec import structs

from server.core.events import Member, MembersChanged, MessageSent, SignalSent
from server.core.ids import RoomId, UserId

WINDOW_S = 0.1

SMALL_ROOM = 16
"""Listeners up to which every change is told by itself."""


class _Window:
    """What a room was told last, and what it is to be told at the window's end."""

    __slots__ = ("place", "told", "waiting")

    def __init__(self, told: MembersChanged) -> None:
        self.told: dict[UserId, Member] = {member.user_id: member for member in told.members}
        self.waiting: MembersChanged | None = None
        self.place = 0  # of what waits


class Rosters:
    """Holds lists of members back for a while.

    Args:
        tell: Tells a room of its list, as of that place in its log.

    Attributes:
        owed: Rooms of which a list is held back.
    """

    def __init__(self, tell: Callable[[MembersChanged, int], None]) -> None:
        self._tell = tell
        self._windows: dict[RoomId, _Window] = {}
        self.owed: set[RoomId] = set()

    def holds_back(self, event: MembersChanged, place: int, listeners: int) -> bool:
        """Whether the list is to wait; else it is to be told now."""
        window = self._windows.get(event.room_id)
        if window is None:
            if listeners > SMALL_ROOM:
                self._open(event)
            return False
        if window.waiting and window.waiting.skip != event.skip:
            event = structs.replace(event, skip=None)
        window.waiting, window.place = event, place
        self.owed.add(event.room_id)
        return True

    def before(self, event: MessageSent | SignalSent) -> None:
        """Nobody hears a message or a signal before the key of its sender, which may be `owed`."""
        window = self._windows[event.room_id]
        assert window.waiting
        sender = next((m for m in window.waiting.members if m.user_id == event.sender), None)
        if sender and window.told.get(event.sender) != sender:
            self._tell_waiting(window)

    def _open(self, told: MembersChanged) -> None:
        self._windows[told.room_id] = _Window(told)
        asyncio.get_running_loop().call_later(WINDOW_S, self._close, told.room_id)

    def _close(self, room_id: RoomId) -> None:
        window = self._windows.pop(room_id)
        if window.waiting:
            self._open(window.waiting)
            self.owed.discard(room_id)
            self._tell(window.waiting, window.place)

    def _tell_waiting(self, window: _Window) -> None:
        waiting, window.waiting = window.waiting, None
        assert waiting
        self.owed.discard(waiting.room_id)
        window.told = {member.user_id: member for member in waiting.members}
        self._tell(waiting, window.place)
