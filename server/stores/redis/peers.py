"""Where the processes are that share a Redis, as their heartbeats say."""

from server.stores.redis.keys import NODES
from server.stores.redis.link import Link
from server.stores.redis.scripts import Script

_URL = Script("nodes/url")


class RedisPeers:
    """The directory of the processes that share this Redis."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def lookup(self, node_id: str) -> str | None:
        """See `Peers.lookup`."""
        found: bytes | None = await self._link.run(_URL, NODES, node_id)
        return found.decode() if found else None
