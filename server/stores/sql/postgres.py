"""PostgreSQL, by a pool of connections."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import asyncpg

from server.stores.sql.database import DatabaseAwayError, unavailable
from server.stores.sql.steps import Row, Statement, Steps, run

T = TypeVar("T")

log = logging.getLogger("hushwire.postgres")

CONNECTIONS = 10
"""Of one process at most."""

START_LIMIT_S = 10.0

COMMAND_LIMIT_S = 5.0
"""For one statement, and for a connection to be free."""

SCHEMA_LIMIT_S = 24 * 60 * 60.0
"""For a statement that changes the schema, maybe of a large table, and for its turn to do so."""

# Any number does that no other program takes.
_SCHEMA_LOCK = "SELECT pg_advisory_xact_lock(4856293847)"

TRIES = 8
"""Of a transaction that met others."""

_CHANGED_MEANWHILE = (
    asyncpg.UniqueViolationError,  # another one has just put in what was not there when we looked
    asyncpg.ForeignKeyViolationError,  # or has just taken away what was
)

_MET_OTHERS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, *_CHANGED_MEANWHILE)

_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that is cut while it is given back
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,  # such as a disk that cannot be read
    asyncpg.InvalidAuthorizationSpecificationError,  # of a connection more
    asyncpg.InternalServerError,  # so it calls a quota that is used up
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
        command_limit_s: For one statement.
    """

    name = "PostgreSQL"

    def __init__(self, url: str, *, command_limit_s: float = COMMAND_LIMIT_S) -> None:
        self._url = url
        self._command_limit_s = command_limit_s
        self._pool: asyncpg.Pool | None = None
        self.has_failed = False

    async def start(self) -> None:
        try:
            async with asyncio.timeout(START_LIMIT_S):
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=1,
                    max_size=CONNECTIONS,
                    command_timeout=self._command_limit_s,
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
        return await self._write(steps)

    async def change_schema(self, steps: Callable[[], Steps[T]]) -> T:
        def alone() -> Steps[T]:
            yield from run("SET LOCAL statement_timeout = 0")
            yield from run("SET LOCAL lock_timeout = 0")
            yield from run(_SCHEMA_LOCK)
            return (yield from steps())

        return await self._write(alone, limit_s=SCHEMA_LIMIT_S)

    async def _write(self, steps: Callable[[], Steps[T]], limit_s: float | None = None) -> T:
        for attempt in range(TRIES):
            try:
                result = await self._run(steps, limit_s=limit_s)
            except _MET_OTHERS as error:
                log.info("met_others", extra={"attempt": attempt})
                if attempt + 1 == TRIES and isinstance(error, _CHANGED_MEANWHILE):
                    raise  # it is no other one, but a fault of ours
            else:
                self.has_failed = False  # which no read can tell: a full disk is read as before
                return result
        raise unavailable()

    async def read(self, steps: Callable[[], Steps[T]]) -> T:
        return await self._run(steps, isolation="repeatable_read", readonly=True)

    async def look_up(self, steps: Callable[[], Steps[T]]) -> T:
        return await self._run(steps, is_bare=True)

    async def _run(
        self,
        steps: Callable[[], Steps[T]],
        *,
        is_bare: bool = False,
        limit_s: float | None = None,
        **options: Any,
    ) -> T:
        if not self._pool:
            raise unavailable()
        await asyncio.sleep(0)  # handlers begin outside of any task, and limits need one
        try:
            async with self._pool.acquire(timeout=COMMAND_LIMIT_S) as connection:
                if is_bare:  # without the turns for the begin and the end of a transaction
                    return await _run_steps(connection, steps())
                async with connection.transaction(**options):
                    return await _run_steps(connection, steps(), limit_s)
        except _AWAY as error:
            self._note_failure(error)
            raise unavailable() from error

    def _note_failure(self, error: Exception) -> None:
        if not self.has_failed:
            said = str(error).partition("\n")[0]  # details may name what was to be written
            log.warning("not_written", extra={"error": said or type(error).__name__})
        self.has_failed = True


async def _run_steps(connection: Any, steps: Steps[T], limit_s: float | None = None) -> T:
    """Run steps; each within a limit, that of the connection if none is given."""
    found: list[Row] = []
    try:
        statement = next(steps)
        while True:
            found = await _execute(connection, statement, limit_s)
            statement = steps.send(found)
    except StopIteration as end:
        result: T = end.value
        return result


async def _execute(connection: Any, statement: Statement, limit_s: float | None) -> list[Row]:
    if statement.many is not None:
        await connection.executemany(statement.sql, statement.many, timeout=limit_s)
        return []
    found: list[Row] = await connection.fetch(statement.sql, *statement.arguments, timeout=limit_s)
    return found
