"""An empty database of each engine, opened."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from server.core.ports.accounts import Account
from server.stores.sql.accounts import SqlAccounts
from server.stores.sql.database import Database
from server.stores.sql.migrations import migrate
from server.stores.sql.postgres import Postgres
from server.stores.sql.sqlite import SQLite
from tests.postgres_servers import new_database
from tests.stores.sql.accounts import NOW_MS, new_account
from tests.stores.sql.households import Household


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request, tmp_path) -> AsyncIterator[Database]:
    is_sqlite = request.param == "sqlite"
    one: Database = SQLite(tmp_path / "data.sqlite3") if is_sqlite else Postgres(new_database())
    await one.start()
    yield one
    await one.close()


@pytest.fixture
async def accounts(database: Database) -> SqlAccounts:
    """The accounts of a database that has its tables."""
    await migrate(database)
    return SqlAccounts(database)


@pytest.fixture
async def alice(accounts: SqlAccounts) -> Account:
    return await accounts.sign_up(new_account("alice"), NOW_MS)


@pytest.fixture
async def bob(accounts: SqlAccounts) -> Account:
    return await accounts.sign_up(new_account("bob"), NOW_MS)


@pytest.fixture(params=["sqlite", "postgres"])
async def two_nodes(request, tmp_path) -> AsyncIterator[tuple[SqlAccounts, SqlAccounts]]:
    """The accounts of one database, as two processes have them."""
    url = new_database() if request.param == "postgres" else None
    path = tmp_path / "shared.sqlite3"
    nodes: list[Database] = [Postgres(url) if url else SQLite(path) for _ in range(2)]
    for node in nodes:
        await node.start()
    await migrate(nodes[0])
    yield SqlAccounts(nodes[0]), SqlAccounts(nodes[1])
    for node in nodes:
        await node.close()


@pytest.fixture
async def home(database: Database) -> Household:
    """Alice, Bob and Carol, with a phone each."""
    await migrate(database)
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
