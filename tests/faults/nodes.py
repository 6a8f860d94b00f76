"""Many real processes on one Redis, each of which tests kill, stop, start and cut off."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.faults.proxy import Proxy, proxy_to
from tests.redis_servers import RedisServer
from tests.system.processes import Launched, ServerProcess, launch
from tests.talk.wires import Address

SETTINGS: dict[str, object] = {
    "JWT_SECRET": "of-all-nodes-0123456789-0123456789-0123456789",
    "ADMIN_TOKEN": "operators-token-of-the-faults",
    "MASTER_KEY": "b2YgdGhlIGZhdWx0cyBvZiB0aGUgZmF1bHRzIG9mIDE=",
    "RATE_LIMITS": "off",
    "DRAIN_S": 1,
    "RECONNECT_GRACE_S": 60,  # who comes back is the same member, however busy the machine is
    # Who was away for seconds is told all of it; what is more than these is `truncated`.
    "MAX_SESSION_HISTORY_MESSAGES": 5_000,
}


_FINE = ("{", "Warning: RATE_LIMITS")
"""How lines of a log begin, where nothing has gone wrong."""


class Node:
    """One process, on the same port whenever it runs.

    Attributes:
        proxy: Between it and Redis, if it has one.
    """

    def __init__(self, folder: Path, proxy: Proxy | None, settings: dict[str, object]) -> None:
        self._folder = folder
        self._settings = settings
        self._server: ServerProcess | None = None
        self._logs: list[Path] = []
        self._read = 0
        self.proxy = proxy
        self.port = 0

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.port)

    @property
    def is_running(self) -> bool:
        return self._server is not None

    @property
    def raised(self) -> list[str]:
        """What its log says of exceptions that nobody was to see."""
        lines = (line for log in self._logs for line in log.read_text().splitlines())
        return [line for line in lines if not line.startswith(_FINE) or '"exception"' in line]

    @property
    def log(self) -> str:
        """What it has said since the page was turned."""
        return self._all_said[self._read :]

    @property
    def _all_said(self) -> str:
        return "".join(log.read_text() for log in self._logs)

    def turn_page(self) -> None:
        """Have its log begin here."""
        self._read = len(self._all_said)

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        launched = launch(self._folder, **self._settings, PORT=self.port)
        self._logs.append(launched.log_file)
        try:
            self._server = await asyncio.to_thread(ServerProcess, launched)
        except BaseException:
            _end(launched)
            raise
        self.port = urlsplit(self._server.url).port or 0

    def kill(self) -> None:
        """End it as a crash would."""
        if self._server:
            self._server.process.kill()
            self._server.process.wait(10)
            self._forget()

    async def stop(self) -> int:
        """End it in order; its exit status."""
        assert self._server
        stopped = await asyncio.to_thread(self._server.stop)
        self._forget()
        return stopped.status

    def pause(self) -> None:
        """Have it hang."""
        assert self._server
        self._server.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._server
        self._server.process.send_signal(signal.SIGCONT)

    def _forget(self) -> None:
        assert self._server
        if self._server.process.stdout:
            self._server.process.stdout.close()
        self._server = None


def _end(launched: Launched) -> None:
    launched.process.kill()
    launched.process.wait(10)
    if launched.process.stdout:
        launched.process.stdout.close()


@asynccontextmanager
async def running_nodes(
    folder: Path,
    redis: RedisServer | None,
    count: int = 3,
    *,
    has_proxies: bool = False,
    **settings: object,
) -> AsyncIterator[list[Node]]:
    """Run nodes on a Redis (one on its own memory, if there is none), with these settings."""
    async with AsyncExitStack() as stack:
        nodes = []
        for number in range(count):
            proxy = None
            own: dict[str, object] = {}
            if redis:
                if has_proxies:
                    proxy = await stack.enter_async_context(proxy_to(redis.port))
                own["REDIS_URL"] = f"redis://127.0.0.1:{proxy.port if proxy else redis.port}/0"
            place = folder / f"node-{number}"
            place.mkdir()
            nodes.append(Node(place, proxy, {**SETTINGS, **own, **settings}))
        for node in nodes:
            stack.callback(node.kill)
        await asyncio.gather(*(node.start() for node in nodes))
        yield nodes
