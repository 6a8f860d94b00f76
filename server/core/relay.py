"""The way from "it happened" to every process that has somebody listening."""

from server.core.events import RoomEvent
from server.core.ports import Broker


class Relay:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def publish(self, *events: RoomEvent) -> None:
        """Tell all processes of these events, in this order."""
        for event in events:
            await self._broker.publish(event)
