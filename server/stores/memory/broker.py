"""The broker of one process: a direct call."""

from collections.abc import Callable

from server.core.events import RoomEvent


class LocalBroker:
    def __init__(self) -> None:
        self._deliver: list[Callable[[RoomEvent], None]] = []

    async def publish(self, event: RoomEvent) -> None:
        for deliver in self._deliver:
            deliver(event)

    def subscribe(self, deliver: Callable[[RoomEvent], None]) -> None:
        self._deliver.append(deliver)
