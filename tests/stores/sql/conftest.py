"""A database of each engine, opened by one process or by two."""

import asyncio
import itertools
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from server.core.ports.accounts import Account
from server.stores.sql.accounts import SqlAccounts
from server.stores.sql.database import Database
from server.stores.sql.migrations import migrate
from server.stores.sql.postgres import Postgres
from server.stores.sql.sqlite import SQLite
from server.stores.sql.steps import run
from tests.postgres_servers import EMPTY, new_database
from tests.stores.sql.accounts import NOW_MS, new_account
from tests.stores.sql.households import Household

ENGINES = ("sqlite", "postgres")

Connected = defaultdict[int, list[list[Database]]]
"""Lists of those that one test had, by how many they are."""

OpenEmpty = Callable[[str], AbstractAsyncContextManager[Database]]

OpenDatabases = Callable[[str, int], AbstractAsyncContextManager[list[Database]]]


@pytest.fixture(scope="session")
def open_empty(tmp_path_factory) -> OpenEmpty:
    @asynccontextmanager
    async def opened(engine: str) -> AsyncIterator[Database]:
        one: Database
        if engine == "sqlite":
            one = SQLite(tmp_path_factory.mktemp("empty") / "data.sqlite3")
        else:
            one = Postgres(new_database())
        await one.start()
        yield one
        await one.close()

    return opened


@pytest.fixture(params=ENGINES)
async def empty_database(request, open_empty) -> AsyncIterator[Database]:
    """Without tables."""
    async with open_empty(request.param) as one:
        yield one


@pytest.fixture(scope="session")
def with_tables(tmp_path_factory) -> Path:
    """A file of SQLite with the tables, and nothing in them: to copy it is fast."""
    file: Path = tmp_path_factory.mktemp("sqlite") / "data.sqlite3"

    async def make() -> None:
        one = SQLite(file)
        await one.start()
        await migrate(one)
        await one.close()

    asyncio.run(make())
    return file


@pytest.fixture(scope="session")
def shared_runner() -> Iterator[asyncio.Runner]:
    """Of these tests alone: what they leave running is ended, and others' browsers are not."""
    with asyncio.Runner() as one:
        yield one


@pytest.fixture
def _function_scoped_runner(shared_runner: asyncio.Runner) -> asyncio.Runner:
    """The loop of each test, by pytest-asyncio's name: here they share one, and so connections."""
    return shared_runner


@pytest.fixture(scope="session")
def connected(shared_runner: asyncio.Runner) -> Iterator[Connected]:
    """Databases of PostgreSQL with their tables, empty, for one process and for two.

    Who connects anew has the server learn all tables and statements once more, which takes
    longer than most tests.
    """
    found: Connected = defaultdict(list)
    yield found
    shared_runner.run(_close(itertools.chain.from_iterable(found.values())))


async def _close(databases: Iterable[list[Database]]) -> None:
    for one in itertools.chain.from_iterable(databases):
        await one.close()


@pytest.fixture(params=ENGINES)
async def database(request, open_databases) -> AsyncIterator[Database]:
    """With its tables."""
    async with open_databases(request.param, 1) as (one,):
        yield one


@pytest.fixture(params=ENGINES)
async def databases(request, open_databases) -> AsyncIterator[list[Database]]:
    """One with its tables, as two processes have it."""
    async with open_databases(request.param, 2) as both:
        yield both


@pytest.fixture
def open_databases(tmp_path, with_tables, connected) -> OpenDatabases:
    def opened(engine: str, count: int) -> AbstractAsyncContextManager[list[Database]]:
        if engine == "sqlite":
            return _copied(with_tables, tmp_path, count)
        return _lent(connected[count], count)

    return opened


@asynccontextmanager
async def _copied(with_tables: Path, folder: Path, count: int) -> AsyncIterator[list[Database]]:
    file = shutil.copy(with_tables, folder)
    some = await _started([SQLite(file) for _ in range(count)])
    yield some
    for one in some:
        await one.close()


@asynccontextmanager
async def _lent(kept: list[list[Database]], count: int) -> AsyncIterator[list[Database]]:
    if kept:
        some = kept.pop()
    else:
        url = new_database()
        some = await _started([Postgres(url) for _ in range(count)])
        await migrate(some[0])
    yield some
    await _end_what_is_left()
    for one in some:  # each of which forgets that it has failed, if it has
        await one.change_schema(lambda: run(EMPTY))
    kept.append(some)


async def _started(databases: list[SQLite] | list[Postgres]) -> list[Database]:
    for one in databases:
        await one.start()
    return list(databases)


async def _end_what_is_left() -> None:
    """End what a test has begun and not ended, as the end of its loop would."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


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
