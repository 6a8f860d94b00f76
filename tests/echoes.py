"""Whether a node has heard all that Redis has published: it has when it hears a mark made later."""

import asyncio

from server.app import App
from server.core.ids import new_id
from server.stores.redis.addressed import AddressedBroker
from server.stores.redis.live import RedisLive

LIMIT_S = 20
AGAIN_S = 0.1


class Echo:
    """Listens by the ear of one node."""

    def __init__(self, live: RedisLive) -> None:
        self._live = live
        self._awaited: dict[bytes, asyncio.Future[None]] = {}
        self._take = live._ear._on_message
        live._ear._on_message = self._hear

    async def come_back(self) -> None:
        """Publish a mark until the node hears it, which may be deaf for a moment.

        Raises:
            TimeoutError: It does not.
        """
        mark = new_id().encode()
        heard = self._awaited[mark] = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(LIMIT_S):
            while not heard.done():
                await self._live._link.client.publish(self._live._own, mark)
                await asyncio.wait((heard,), timeout=AGAIN_S)

    @property
    def is_telling(self) -> bool:
        """Redis has not taken all yet that the node tells users and workspaces."""
        brokers = (self._live.user_broker, self._live.topics)
        return any(isinstance(one, AddressedBroker) and one._sending for one in brokers)

    @property
    def is_behind(self) -> bool:
        """The node has noticed that it missed something, and is fetching that."""
        broker = self._live._broker
        is_fetching = any(feed._filling for feed in broker._feeds.values())
        return is_fetching or bool(broker._opening)

    def _hear(self, channel: str, data: bytes) -> None:
        if heard := self._awaited.pop(data, None):
            heard.set_result(None)
        else:
            self._take(channel, data)


def echo_of(node: App) -> list[Echo]:
    """One, if the node's live state is in Redis."""
    return [Echo(node._live)] if isinstance(node._live, RedisLive) else []
