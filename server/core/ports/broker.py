"""From one process to all: what happened."""

from collections.abc import Callable
from typing import Protocol

from server.core.events import RoomEvent


class Broker(Protocol):
    """Tells every process, this one included, what happened in a room; at most once.

    Events of one room that are published one after the other arrive in that order.
    """

    async def publish(self, event: RoomEvent) -> None: ...

    def subscribe(self, deliver: Callable[[RoomEvent], None]) -> None:
        """Have `deliver` called for each event, without ever waiting in it."""
        ...
