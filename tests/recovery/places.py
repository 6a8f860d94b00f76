"""Where people come back to: one process, one on Redis, or another one than they left."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from server.app import App
from server.core.ids import ConnectionId
from tests.clocks import ManualClock
from tests.recovery.travellers import Traveller
from tests.redis_servers import shared_redis
from tests.servers import ADMIN_TOKEN, MASTER_KEY, RunningServer, running, until
from tests.transports.slow import counted

SHARED = {
    "JWT_SECRET": "secret of all processes " * 2,
    "ADMIN_TOKEN": ADMIN_TOKEN,
    "MASTER_KEY": MASTER_KEY,
}

PLACES = ("memory", "redis", "two nodes")


class Place:
    """One installation.

    Attributes:
        app: Of its first process.
    """

    def __init__(self, servers: list[RunningServer]) -> None:
        self.servers = servers
        self.app: App = servers[0].app
        self._arrivals = 0

    def url(self) -> str:
        """Where the next one who comes is led: to each process in turn."""
        self._arrivals += 1
        return self.servers[self._arrivals % len(self.servers)].url

    async def reap(self) -> None:
        """What each process does on a schedule."""
        for server in self.servers:
            chat = server.app.chat
            for part in (chat.sign_ins, chat.rooms, chat.groups, chat.recoveries):
                await part.expire()

    async def until_gone(self, person: Traveller) -> None:
        """Wait until it is known everywhere that a connection has ended."""
        hubs: list[Any] = [one.app.sockets.namespace_handlers["/"] for one in self.servers]
        sid = ConnectionId(person.sid)
        await until(lambda: all(one._hub.line_of(sid) is None for one in hubs))

    async def outcomes(self, word: str) -> float:
        """How many came back to this."""
        sample = f'hushwire_recoveries_total{{outcome="{word}"}}'
        return sum([await counted(server, sample) for server in self.servers])


def shared_settings() -> dict[str, str]:
    """Of processes on a Redis that is empty."""
    with shared_redis().client() as client:
        client.flushall()
    return {**SHARED, "REDIS_URL": shared_redis().url}


def _is_ending(server: RunningServer) -> bool:
    """Whether a connection is closed that Redis has not been told of."""
    namespace: Any = server.app.sockets.namespace_handlers["/"]
    return any(one.line.is_closed for one in namespace._hub._listeners.values())


@asynccontextmanager
async def open_place(name: str, clock: ManualClock, **settings: Any) -> AsyncIterator[Place]:
    if name != "memory":
        settings = {**shared_settings(), **settings}
    async with AsyncExitStack() as stack:
        count = 2 if name == "two nodes" else 1
        servers = [
            await stack.enter_async_context(running(clock, **settings)) for _ in range(count)
        ]
        yield Place(servers)
        await until(lambda: not any(map(_is_ending, servers)))
