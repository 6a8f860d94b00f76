"""Connections that are gone, of which a store has not taken note yet."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from server.core.clock import Clock
from server.core.ids import ConnectionId


class Gone:
    """Remembers who is gone while a store cannot: it would be a ghost for ever."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ms: dict[ConnectionId, int] = {}

    @contextmanager
    def telling(self, connection_id: ConnectionId) -> Iterator[int]:
        """Tell a store that a connection is gone; if that fails, `tell_again` does.

        Yields:
            Since when it is gone.
        """
        now_ms = self._clock.now_ms()
        try:
            yield now_ms
        except BaseException:
            self._since_ms[connection_id] = now_ms
            raise

    async def tell_again(self, lose: Callable[[ConnectionId, int], Awaitable[None]]) -> None:
        """Tell the store of all of whom it knows nothing yet, with the time since when."""
        for connection_id, gone_ms in tuple(self._since_ms.items()):
            await lose(connection_id, gone_ms)
            self._since_ms.pop(connection_id, None)
