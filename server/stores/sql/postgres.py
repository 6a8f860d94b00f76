"""PostgreSQL, by a pool of connections."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import asyncpg

from server.stores.sql.database import DatabaseAwayError, unavailable
from server.stores.sql.steps import Row, Statement, Steps

T = TypeVar("T")

log = logging.getLogger("hushwire.postgres")

CONNECTIONS = 10
"""Of one process at most."""

START_LIMIT_S = 10.0

COMMAND_LIMIT_S = 5.0
"""For one statement, and for a connection to be free."""

TRIES = 8
"""Of a transaction that met others."""

_MET_OTHERS = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,  # another one has just put in what was not there when we looked
)

_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that is cut while it is given back
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.CannotConnectNowError,
    asyncpg.ReadOnlySQLTransactionError,
    OSError,
    TimeoutError,
)


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """Nothing is set on it that would outlive a transaction, so nothing need be reset after one."""

    def get_reset_query(self) -> str:
        return ""


class Postgres:
    """A database of a server.

    Args:
        url: `postgresql://user:password@host:port/database`, with the options of libpq.
    """

    name = "PostgreSQL"
    # Any number does that no other program takes.
    migration_lock: str | None = "SELECT pg_advisory_xact_lock(4856293847)"

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool | None = None
        self.has_failed = False

    async def start(self) -> None:
        try:
            async with asyncio.timeout(START_LIMIT_S):
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=1,
                    max_size=CONNECTIONS,
                    command_timeout=COMMAND_LIMIT_S,
                    connection_class=_Connection,
                    server_settings={"application_name": "hushwire"},
                )
        except (*_AWAY, asyncpg.PostgresError, ValueError) as error:
            raise DatabaseAwayError(f"PostgreSQL: {error or type(error).__name__}") from error

    async def close(self) -> None:
        if self._pool:
            pool, self._pool = self._pool, None
            try:
                async with asyncio.timeout(COMMAND_LIMIT_S):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    async def write(self, steps: Callable[[], Steps[T]]) -> T:
        for attempt in range(TRIES):
            try:
                return await self._run(steps)
            except _MET_OTHERS as error:
                log.info("met_others", extra={"attempt": attempt})
                if attempt + 1 == TRIES and isinstance(error, asyncpg.UniqueViolationError):
                    raise  # it is no other one, but a fault of ours
        raise unavailable()

    async def read(self, steps: Callable[[], Steps[T]]) -> T:
        return await self._run(steps, isolation="repeatable_read", readonly=True)

    async def look_up(self, steps: Callable[[], Steps[T]]) -> T:
        return await self._run(steps, is_bare=True)

    async def _run(
        self, steps: Callable[[], Steps[T]], *, is_bare: bool = False, **options: Any
    ) -> T:
        if not self._pool:
            raise unavailable()
        await asyncio.sleep(0)  # handlers begin outside of any task, and limits need one
        try:
            async with self._pool.acquire(timeout=COMMAND_LIMIT_S) as connection:
                if is_bare:  # without the turns for the begin and the end of a transaction
                    result = await _run_steps(connection, steps())
                else:
                    async with connection.transaction(**options):
                        result = await _run_steps(connection, steps())
        except _AWAY as error:
            self.has_failed = True
            raise unavailable() from error
        self.has_failed = False
        return result


async def _run_steps(connection: Any, steps: Steps[T]) -> T:
    found: list[Row] = []
    try:
        statement = next(steps)
        while True:
            found = await _execute(connection, statement)
            statement = steps.send(found)
    except StopIteration as end:
        result: T = end.value
        return result


async def _execute(connection: Any, statement: Statement) -> list[Row]:
    if statement.many is not None:
        await connection.executemany(statement.sql, statement.many)
        return []
    found: list[Row] = await connection.fetch(statement.sql, *statement.arguments)
    return found
