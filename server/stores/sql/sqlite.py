"""SQLite in a file: one thread that writes in groups, and others that read beside it.

A commit waits for the disk, whatever it holds. So what is to be written while one is under way
is gathered and committed together; each transaction of such a group is a savepoint, so that one
that fails takes no other with it. If the commit fails, all of its group fail.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import apsw

from server.core.errors import AppError
from server.stores.sql.database import DatabaseAwayError
from server.stores.sql.steps import Steps
from server.stores.sql.worker import Worker

T = TypeVar("T")

log = logging.getLogger("hushwire.sqlite")

IN_MEMORY = ":memory:"

READERS = 2
"""Threads; one that reads a lot should not stop all others."""

BUSY_LIMIT_MS = 5_000
"""For another process to finish what it writes."""

AGAIN_S = 0.01
"""From one try to the next where SQLite itself does not wait for another process."""

SCHEMA_TRIES = 720
"""To change the schema while another process does: for an hour."""

PAGES_KIB = 8_192
"""Of pages that a connection keeps at most. The system keeps the file as well: four times as much
made nothing faster, and a server that seems to grow for days until all connections have it."""

_PRAGMAS = (
    # Before all others: they may wait for another process.
    f"PRAGMA busy_timeout = {BUSY_LIMIT_MS}",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # What was deleted is overwritten, and is in no later copy of the file.
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    f"PRAGMA cache_size = -{PAGES_KIB}",
)


class SQLite:
    """A database file.

    Args:
        path: Of the file, which is made if it is not there; `:memory:` for none.
    """

    name = "SQLite"

    def __init__(self, path: Path | str) -> None:
        self._path = str(path)
        self._writer = Worker(self._open, Worker.run_writes)
        readers = 0 if self._path == IN_MEMORY else READERS
        self._readers = [Worker(self._open, Worker.run_reads) for _ in range(readers)]
        self._next_reader = 0
        # Its own, so that no token waits until a long history was read.
        self._looker_up = Worker(self._open, Worker.run_reads) if readers else self._writer

    @property
    def has_failed(self) -> bool:
        return self._writer.has_failed

    async def start(self) -> None:
        try:
            for worker in self._workers():
                await worker.start()
        except (apsw.Error, OSError) as error:
            raise DatabaseAwayError(f"{self._path}: {error}") from error

    async def close(self) -> None:
        for worker in reversed(self._workers()):
            await worker.close()

    async def write(self, steps: Callable[[], Steps[T]]) -> T:
        return await self._writer.do(steps)

    async def change_schema(self, steps: Callable[[], Steps[T]]) -> T:
        for _ in range(SCHEMA_TRIES - 1):
            try:
                return await self.write(steps)
            except AppError as error:
                if not isinstance(error.__cause__, apsw.BusyError):
                    raise
                log.info("schema_waits")  # another process changes it, or writes a lot
        return await self.write(steps)

    async def read(self, steps: Callable[[], Steps[T]]) -> T:
        if not self._readers:
            return await self._writer.do(steps)
        self._next_reader = (self._next_reader + 1) % len(self._readers)
        return await self._readers[self._next_reader].do(steps)

    async def look_up(self, steps: Callable[[], Steps[T]]) -> T:
        return await self._looker_up.do(steps)

    def _workers(self) -> list[Worker]:
        return list(dict.fromkeys((self._writer, self._looker_up, *self._readers)))

    def _open(self) -> apsw.Connection:
        if self._path != IN_MEMORY:
            # Nobody else may read it; SQLite gives the files beside it the same mode.
            Path(self._path).touch(mode=0o600)
        connection = apsw.Connection(self._path)
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        _write_ahead(connection)
        return connection


def _write_ahead(connection: apsw.Connection) -> None:
    """Have a database write ahead, which it does from then on.

    Of several processes that make one at the same moment SQLite has none wait for another here,
    whatever `busy_timeout` says.
    """
    until_s = time.monotonic() + BUSY_LIMIT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except apsw.BusyError:
            if time.monotonic() > until_s:
                raise
            time.sleep(AGAIN_S)
        else:
            return
