"""A database of each engine, opened by one process or by two."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from server.core.ports.accounts import Account
from server.stores.sql.accounts import SqlAccounts
from server.stores.sql.database import Database
from server.stores.sql.migrations import migrate
from server.stores.sql.postgres import Postgres
from server.stores.sql.sqlite import SQLite
from tests.postgres_servers import lent_database, new_database
from tests.stores.sql.accounts import NOW_MS, new_account
from tests.stores.sql.households import Household

ENGINES = ("sqlite", "postgres")


@pytest.fixture(params=ENGINES)
async def empty_database(request, tmp_path) -> AsyncIterator[Database]:
    """Without tables."""
    is_sqlite = request.param == "sqlite"
    one: Database = SQLite(tmp_path / "data.sqlite3") if is_sqlite else Postgres(new_database())
    await one.start()
    yield one
    await one.close()


@pytest.fixture(params=ENGINES)
async def database(request, tmp_path) -> AsyncIterator[Database]:
    """With its tables."""
    async with _opened(request.param, tmp_path, 1) as (one,):
        yield one


@pytest.fixture(params=ENGINES)
async def databases(request, tmp_path) -> AsyncIterator[list[Database]]:
    """One with its tables, as two processes have it."""
    async with _opened(request.param, tmp_path, 2) as both:
        yield both


@asynccontextmanager
async def _opened(engine: str, folder: Path, count: int) -> AsyncIterator[list[Database]]:
    if engine == "sqlite":
        file = folder / "data.sqlite3"
        async with _started([SQLite(file) for _ in range(count)]) as found:
            yield found
    else:
        async with lent_database() as url, _started([Postgres(url) for _ in range(count)]) as found:
            yield found


@asynccontextmanager
async def _started(databases: list[SQLite] | list[Postgres]) -> AsyncIterator[list[Database]]:
    for one in databases:
        await one.start()
    await migrate(databases[0])
    yield list(databases)
    for one in databases:
        await one.close()


@pytest.fixture
def accounts(database: Database) -> SqlAccounts:
    return SqlAccounts(database)


@pytest.fixture
async def alice(accounts: SqlAccounts) -> Account:
    return await accounts.sign_up(new_account("alice"), NOW_MS)


@pytest.fixture
async def bob(accounts: SqlAccounts) -> Account:
    return await accounts.sign_up(new_account("bob"), NOW_MS)


@pytest.fixture
def two_nodes(databases: list[Database]) -> tuple[SqlAccounts, SqlAccounts]:
    """The accounts of one database, as two processes have them."""
    one, other = databases
    return SqlAccounts(one), SqlAccounts(other)


@pytest.fixture
async def home(database: Database) -> Household:
    """Alice, Bob and Carol, with a phone each."""
    made = Household(database)
    await made.settle("alice", "bob", "carol")
    return made


@pytest.fixture
async def blocker(home):
    """A connection to PostgreSQL beside the pool, in a transaction that is not ended yet."""
    connection = await asyncpg.connect(home.database._url)
    await connection.execute("BEGIN")
    yield connection
    await connection.close()
