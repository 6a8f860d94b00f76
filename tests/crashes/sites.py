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
from tests.system.processes import Launched, ServerProcess, launch

SETTINGS: dict[str, object] = {
    "RATE_LIMITS": "off",
    "ADDRESS_SIGNINS_PER_MINUTE": 100_000,
    "ADMIN_TOKEN": "operators-token-of-the-crashes",
    "JWT_SECRET": "of-the-crashes-0123456789-0123456789-0123456789",
}

READY_LIMIT_S = 60.0

STARTING_S = 1.5
"""So long after its start a server may be killed before it listens."""

KEPT = ("fsync=on", "synchronous_commit=on")
"""Of PostgreSQL: nothing is taken back that was acknowledged."""


class Site:
    """One server, always on the same port; a database in a file of its own.

    Attributes:
        done: How often what happened, in words.
        ready_s: How long it took each time from the start to readiness.
    """

    def __init__(self, folder: Path, chance: random.Random, done: Counter[str]) -> None:
        self._folder = folder
        self._chance = chance
        self._launched: Launched | None = None
        self._port = 0
        self.done = done
        self.ready_s: list[float] = []
        self.settings = dict(SETTINGS)
        self.blows: list[Callable[[], Awaitable[None]]] = [self._kill_server]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def raised(self) -> list[str]:
        """What its logs say of exceptions that nobody was to see."""
        logs = (log.read_text() for log in self._folder.glob("log-*"))
        return [line for log in logs for line in log.splitlines() if '"exception"' in line]

    async def begin(self, kills: int) -> None:
        """Start on an empty database; so many times it is killed before it has come up."""
        for _ in range(kills):
            await self._start_and_kill()
        await self._start()

    async def strike(self, number: int) -> None:
        """Kill one of its parts, each in turn, and have it work again."""
        await self.blows[number % len(self.blows)]()

    async def end(self) -> None:
        """Whatever becomes of it, nothing of it stays."""
        self._kill()

    def damage(self) -> list[str]:
        """What the engine itself finds wrong with a database that nobody uses any more."""
        file = sqlite3.connect(self._folder / "data/hushwire.sqlite3")
        checks = ("PRAGMA integrity_check", "PRAGMA foreign_key_check")
        found = [str(row) for check in checks for row in file.execute(check)]
        file.close()
        return [row for row in found if row != "('ok',)"]

    # --- the server ---

    def _launch(self) -> Launched:
        self.done["starts of the server"] += 1
        self._launched = launch(self._folder, **self.settings, PORT=self._port)
        return self._launched

    async def _start(self) -> None:
        began = time.monotonic()
        server = await asyncio.to_thread(ServerProcess, self._launch())
        self._port = urlsplit(server.url).port or 0
        await self._ready(began)

    async def _start_and_kill(self) -> None:
        self._launch()
        await asyncio.sleep(self._chance.uniform(0.1, STARTING_S))
        self._kill()
        self.done["kill -9 of the server while it starts"] += 1

    async def _kill_server(self) -> None:
        self._kill()
        self.done["kill -9 of the server"] += 1
        if self._chance.random() < 0.2:
            await self._start_and_kill()
        await self._start()

    def _kill(self) -> None:
        if self._launched:
            process = self._launched.process
            process.kill()
            process.wait(10)
            if process.stdout:
                process.stdout.close()
            self._launched = None

    async def _ready(self, began: float) -> None:
        """Wait until it says that it is ready.

        Raises:
            TimeoutError: It is not.
        """
        async with asyncio.timeout(READY_LIMIT_S), aiohttp.ClientSession() as http:
            while not await self._is_ready(http):
                await asyncio.sleep(0.02)
        self.ready_s.append(time.monotonic() - began)

    async def _is_ready(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(f"{self.url}/ready") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, ConnectionError):
            return False


class PostgresSite(Site):
    """The same on PostgreSQL, which is killed as well."""

    def __init__(self, folder: Path, chance: random.Random, done: Counter[str]) -> None:
        super().__init__(folder, chance, done)
        self._postgres = PostgresServer(*KEPT)
        self.blows += [self._stop_database, self._kill_database]

    async def begin(self, kills: int) -> None:
        await asyncio.to_thread(self._postgres.start)
        self.settings["DATABASE_URL"] = await asyncio.to_thread(new_database, self._postgres)
        await super().begin(kills)

    async def end(self) -> None:
        await super().end()
        self._postgres.remove()

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
