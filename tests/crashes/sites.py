"""A real server on a real database, either of which can be killed, and is started again."""

import asyncio
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from tests.postgres_servers import PostgresServer, new_database
from tests.redis_servers import RedisServer, binary
from tests.system.processes import Launched, ServerProcess, launch

SETTINGS: dict[str, object] = {
    "RATE_LIMITS": "off",
    "ADDRESS_SIGNINS_PER_MINUTE": 100_000,
    "ADMIN_TOKEN": "operators-token-of-the-crashes",
    "JWT_SECRET": "of-the-crashes-0123456789-0123456789-0123456789",
    "MASTER_KEY": "b2YgY3Jhc2hlcyBvZiBjcmFzaGVzIG9mIGNyYXNoZXM=",
}

READY_LIMIT_S = 180.0

STARTING_S = 1.5
"""So long after its start a server may be killed before it listens."""

KEPT = ("fsync=on", "synchronous_commit=on")
"""Of PostgreSQL: nothing is taken back that was acknowledged."""


class Server:
    """One process, always on the same port.

    Args:
        settings: Those of the moment at which it is started.
    """

    def __init__(self, folder: Path, settings: dict[str, object], done: Counter[str]) -> None:
        self._folder = folder
        self._settings = settings
        self._done = done
        self._launched: Launched | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def launch(self) -> Launched:
        """Have it started."""
        self._done["starts of a server"] += 1
        self._launched = launch(self._folder, **self._settings, PORT=self._port)
        return self._launched

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        server = await asyncio.to_thread(ServerProcess, self.launch())
        self._port = urlsplit(server.url).port or 0

    def kill(self) -> None:
        """End it as a crash would."""
        if self._launched:
            process = self._launched.process
            process.kill()
            process.wait(10)
            if process.stdout:
                process.stdout.close()
            self._launched = None

    def memory_mb(self) -> float:
        """Resident now."""
        assert self._launched
        status = Path(f"/proc/{self._launched.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    async def is_ready(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(f"{self.url}/ready") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, ConnectionError):
            return False


class Site:
    """A server, and its database in a file.

    Attributes:
        done: How often what happened, in words.
        ready_s: How long it took each time from the start to readiness.
        blows: What can be done to it.
    """

    def __init__(
        self, folder: Path, chance: random.Random, done: Counter[str], nodes: int = 1
    ) -> None:
        self._folder = folder
        self._chance = chance
        self._settings = dict(SETTINGS)
        self._servers = []
        for number in range(nodes):
            place = folder / f"node-{number}"
            place.mkdir()
            self._servers.append(Server(place, self._settings, done))
        self.done = done
        self.ready_s: list[float] = []
        self.blows: list[Callable[[], Awaitable[None]]] = [self._kill_server]

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self._servers]

    @property
    def memory_mb(self) -> float:
        """Resident of all servers."""
        return sum(server.memory_mb() for server in self._servers)

    @property
    def raised(self) -> list[str]:
        """What its logs say of exceptions that nobody was to see."""
        logs = (log.read_text() for log in self._folder.glob("*/log-*"))
        return [line for log in logs for line in log.splitlines() if '"exception"' in line]

    async def begin(self, kills: int) -> None:
        """Start on an empty database; so many times a server is killed before it has come up."""
        for _ in range(kills):
            await self._start_and_kill(self._servers[0])
        began = time.monotonic()
        for server in self._servers:
            await server.start()
        await self._ready(began)

    async def strike(self, number: int) -> None:
        """Kill one of its parts, each in turn, and have it work again."""
        await self.blows[number % len(self.blows)]()

    async def end(self) -> None:
        """Whatever becomes of it, nothing of it stays."""
        for server in self._servers:
            server.kill()

    def damage(self) -> list[str]:
        """What the engine itself finds wrong with a database that nobody uses any more."""
        file = sqlite3.connect(self._folder / "node-0/data/hushwire.sqlite3")
        checks = ("PRAGMA integrity_check", "PRAGMA foreign_key_check")
        found = [str(row) for check in checks for row in file.execute(check)]
        file.close()
        return [row for row in found if row != "('ok',)"]

    async def _start_and_kill(self, server: Server) -> None:
        server.launch()
        await asyncio.sleep(self._chance.uniform(0.1, STARTING_S))
        server.kill()
        self.done["kill -9 of a server while it starts"] += 1

    async def _kill_server(self) -> None:
        server = self._chance.choice(self._servers)
        server.kill()
        self.done["kill -9 of a server"] += 1
        if self._chance.random() < 0.2:
            await self._start_and_kill(server)
        began = time.monotonic()
        await server.start()
        await self._ready(began)

    async def _ready(self, began: float) -> None:
        """Wait until all say that they are ready.

        Raises:
            TimeoutError: They are not.
        """
        async with asyncio.timeout(READY_LIMIT_S), aiohttp.ClientSession() as http:
            for server in self._servers:
                while not await server.is_ready(http):
                    await asyncio.sleep(0.02)
        self.ready_s.append(time.monotonic() - began)


class PostgresSite(Site):
    """The same on PostgreSQL, which is killed as well; several servers share it, and a Redis."""

    def __init__(
        self, folder: Path, chance: random.Random, done: Counter[str], nodes: int = 1
    ) -> None:
        super().__init__(folder, chance, done, nodes)
        self._postgres = PostgresServer(*KEPT)
        self._redis = RedisServer(binary()) if nodes > 1 else None
        self.blows += [self._stop_database, self._kill_database]

    async def begin(self, kills: int) -> None:
        await asyncio.to_thread(self._postgres.start)
        self._settings["DATABASE_URL"] = await asyncio.to_thread(new_database, self._postgres)
        if self._redis:
            await asyncio.to_thread(self._redis.start)
            self._settings["REDIS_URL"] = self._redis.url
        await super().begin(kills)

    async def end(self) -> None:
        await super().end()
        self._postgres.remove()
        if self._redis:
            self._redis.remove()

    def damage(self) -> list[str]:
        return []

    async def _stop_database(self) -> None:
        """As `pg_ctl stop -m immediate` does."""
        self._postgres.stop(signal.SIGQUIT)
        self.done["PostgreSQL stopped at once"] += 1
        await self._start_database()

    async def _kill_database(self) -> None:
        self._postgres.kill()
        self.done["kill -9 of PostgreSQL"] += 1
        await self._start_database()

    async def _start_database(self) -> None:
        began = time.monotonic()
        await asyncio.to_thread(self._postgres.start)
        await self._ready(began)


ENGINES: dict[str, type[Site]] = {"sqlite": Site, "postgres": PostgresSite}
