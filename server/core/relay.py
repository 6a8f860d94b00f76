"""The way from "it happened" to every process that has somebody listening."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from server.core.events import MessageSent, RoomEvent
from server.core.ids import RoomId
from server.core.ports import Broker


class Relay:
    """What the core tells.

    Args:
        on_accepted: Called for each message that was accepted by this process.
    """

    def __init__(self, broker: Broker, on_accepted: Callable[[], None] = lambda: None) -> None:
        self._broker = broker
        self._on_accepted = on_accepted

    async def publish(self, event: RoomEvent) -> None:
        """Tell all processes of what no store has noted."""
        await self._broker.publish(event)

    async def follow(self, *events: RoomEvent) -> None:
        """Tell all processes of what a store says has happened, in this order."""
        for event in events:
            if isinstance(event, MessageSent):
                self._on_accepted()
        await self._broker.follow(events)

    async def told(self, room_id: RoomId, seq: int) -> None:
        """Wait until all here were told of what stands in a room's sequence up to this place."""
        await self._broker.told(room_id, seq)

    def hearing(self, room_id: RoomId) -> AbstractAsyncContextManager[None]:
        """Hear of a room before somebody joins it: who joins must miss nothing."""
        return self._broker.hearing(room_id)
