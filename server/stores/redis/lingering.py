"""Channels that are heard a while longer than anybody here needs them."""

import asyncio
from collections.abc import Callable

from server.stores.redis.ear import Hearer
from server.stores.redis.ending import end
from server.stores.redis.tasks import Tasks

LINGER_S = 2.0
"""For so long a channel is still heard after the last one here: many come back at once."""


class Lingering:
    """Drops channels, unless somebody comes back for them.

    Args:
        is_wanted: Whether somebody here needs a channel.
    """

    def __init__(self, is_wanted: Callable[[str], bool]) -> None:
        self._is_wanted = is_wanted
        self._dropping = Tasks()

    def drop_later(self, ear: Hearer, channel: str) -> None:
        """Hear a channel no more, if nobody needs it in a while either."""
        asyncio.get_running_loop().call_later(LINGER_S, self._drop_soon, ear, channel)

    def _drop_soon(self, ear: Hearer, channel: str) -> None:
        if not self._is_wanted(channel):
            self._dropping.start(self._drop(ear, channel))

    async def _drop(self, ear: Hearer, channel: str) -> None:
        if not self._is_wanted(channel):  # nor has anybody come since this task was made
            await ear.drop(channel)

    async def close(self) -> None:
        await end(self._dropping)
