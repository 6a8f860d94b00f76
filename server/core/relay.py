"""The way from "it happened" to every process that has somebody listening."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from server.core.events import RoomEvent
from server.core.ids import RoomId
from server.core.ports import Appended, Broker


class Relay:
    """What the core tells.

    Args:
        on_accepted: Called for each message that was accepted by this process.
    """

    def __init__(self, broker: Broker, on_accepted: Callable[[], None] = lambda: None) -> None:
        self._broker = broker
        self._on_accepted = on_accepted

    def publish(self, event: RoomEvent) -> Awaitable[None]:
        """Tell all processes of what no store has noted."""
        return self._broker.publish(event)

    def follow(self, *events: RoomEvent) -> Awaitable[None]:
        """Tell all processes of what a store says has happened, in this order."""
        return self._broker.follow(events)

    def said(self, appended: Appended) -> Awaitable[None]:
        """Tell all processes of a message; wait until all here were told of all up to it."""
        if not appended.is_repeat:
            self._on_accepted()
        return self._broker.said(appended.event, is_repeat=appended.is_repeat)

    def hearing(self, room_id: RoomId) -> AbstractAsyncContextManager[None]:
        """Hear of a room before somebody joins it: who joins must miss nothing."""
        return self._broker.hearing(room_id)
