"""Migrations of a process that dies at a moment of one's choice."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import TypeVar

from server.stores.sql.database import Database
from server.stores.sql.migrations import known_migrations, migrate
from server.stores.sql.postgres import Postgres
from server.stores.sql.sqlite import SQLite
from server.stores.sql.steps import Steps

T = TypeVar("T")

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


class Blow:
    """What kills a process before one of its statements.

    Args:
        after: So many statements are run before.
        strike: Kills.
    """

    def __init__(self, after: int, strike: Callable[[], None]) -> None:
        self._left = after
        self._strike = strike

    def fall(self) -> None:
        if self._left == 0:
            self._strike()
        self._left -= 1


class Doomed:
    """A database under a blow."""

    def __init__(self, database: Database, blow: Blow) -> None:
        self._database = database
        self._blow = blow

    async def change_schema(self, steps: Callable[[], Steps[T]]) -> T:
        result = await self._database.change_schema(lambda: _doomed(steps(), self._blow))
        self._blow.fall()
        return result


def _doomed(steps: Steps[T], blow: Blow) -> Steps[T]:
    try:
        statement = next(steps)
        while True:
            blow.fall()
            statement = steps.send((yield statement))
    except StopIteration as end:
        blow.fall()
        result: T = end.value
        return result


def database_of(place: str) -> Database:
    """A database by its URL, or the path of its file."""
    return Postgres(place) if "://" in place else SQLite(place)


def migrate_and_die(place: str, after: int, victim: int | None = None) -> int | None:
    """Have a process migrate a database, in which one is killed after so many statements.

    Args:
        victim: Is told to stop at once; None for the process itself, by `kill -9`.

    Returns:
        How it ended: 0 if it had done all before.
    """
    process = _processes.Process(target=_run, args=(place, after, victim))
    process.start()
    process.join()
    return process.exitcode


def _run(place: str, after: int, victim: int | None) -> None:
    def strike() -> None:
        os.kill(victim or os.getpid(), signal.SIGQUIT if victim else signal.SIGKILL)

    asyncio.run(_migrate(place, Blow(after, strike)))


async def _migrate(place: str, blow: Blow) -> None:
    database = database_of(place)
    await database.start()
    await migrate(Doomed(database, blow), known_migrations())  # type: ignore[arg-type]
    await database.close()
