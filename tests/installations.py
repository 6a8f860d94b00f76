"""The ways in which Hushwire is installed: what is promised to clients holds on each of them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

from server.app import APIS
from server.core.clock import Clock
from server.transports.api import Api
from tests.balancers import nginx
from tests.redis_servers import shared_redis
from tests.servers import ADMIN_TOKEN, SECRET, RunningServer, running_nodes


class Installation(NamedTuple):
    """How many processes there are, and where live state is.

    Attributes:
        is_balanced: nginx stands in front.
    """

    name: str
    nodes: int = 1
    has_redis: bool = False
    is_balanced: bool = False

    def __str__(self) -> str:
        return self.name

    @asynccontextmanager
    async def running(
        self, clock: Clock | None = None, apis: Sequence[Api] = APIS, /, **settings: Any
    ) -> AsyncIterator[RunningServer]:
        """Run it with these settings, by their names in the environment."""
        if self.has_redis:
            redis = shared_redis()
            redis.flush()
            settings = {"JWT_SECRET": SECRET, "ADMIN_TOKEN": ADMIN_TOKEN, **settings}
            settings["REDIS_URL"] = redis.url
        if self.is_balanced:
            settings["TRUSTED_PROXIES"] = int(settings.get("TRUSTED_PROXIES", 0)) + 1
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(
                running_nodes(self.nodes, settings, clock, apis=apis)
            )
            if self.is_balanced:
                server.url = stack.enter_context(nginx([node.port for node in server.nodes]))
            yield server


MEMORY = Installation("memory")
REDIS = Installation("redis", has_redis=True)
THREE = Installation("three", nodes=3, has_redis=True, is_balanced=True)

INSTALLATIONS = (MEMORY, REDIS, THREE)
