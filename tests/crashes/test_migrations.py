"""Whoever migrates a database, and the database itself, are killed at any moment of it."""

import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from server.stores.sql.database import Database
from server.stores.sql.migrations import known_migrations, migrate
from server.stores.sql.steps import Row, Steps, rows
from tests.crashes.migrating import database_of, migrate_and_die
from tests.postgres_servers import PostgresServer, new_database

pytestmark = pytest.mark.timeout(600)

KILLED = -signal.SIGKILL

STRIDE = {"sqlite": 5, "postgres": 14}
"""Of so many moments one is tried."""

_TABLES = {
    "SQLite": "SELECT type, name, sql FROM sqlite_master ORDER BY type, name",
    "PostgreSQL": (
        "SELECT table_name, column_name, data_type, is_nullable, column_default "
        "FROM information_schema.columns WHERE table_schema = 'public' "
        "UNION ALL SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes "
        "WHERE schemaname = 'public' ORDER BY 1, 2"
    ),
}


@asynccontextmanager
async def opened(place: str) -> AsyncIterator[Database]:
    database = database_of(place)
    await database.start()
    try:
        yield database
    finally:
        await database.close()


async def schema(database: Database) -> list[Row]:
    """All tables and indices, and which migrations have been noted with which hashes."""
    tables = await database.read(lambda: rows(_TABLES[database.name]))
    return [tuple(one) for one in [*tables, *await notes(database)]]


async def notes(database: Database) -> list[Row]:
    if not await database.read(lambda: rows(_TABLES[database.name])):
        return []
    return await database.read(_notes)


def _notes() -> Steps[list[Row]]:
    return (yield from rows("SELECT number, name, sha256 FROM migrations ORDER BY number"))


def noted(count: int) -> list[tuple[int, str, str]]:
    return [(one.number, one.name, one.sha256) for one in known_migrations()[:count]]


async def made(place: str, count: int | None = None) -> list[Row]:
    """The schema after so many migrations; all if it does not say."""
    async with opened(place) as database:
        if count != 0:
            await migrate(database, known_migrations()[:count])
        return await schema(database)


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def places(engine: str, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Empty databases: `place = places("a")`."""

    def place(name: str) -> str:
        return str(tmp_path / f"{name}.sqlite3") if engine == "sqlite" else new_database()

    yield place
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("count", [0, 1])
async def test_what_is_killed_while_it_migrates_has_done_nothing_and_the_next_start_does_all(
    engine: str, places: Callable[[str], str], count: int
) -> None:
    whole = await made(places("whole"))
    ended: int | None = KILLED
    after = count  # other moments in each round
    while ended == KILLED:
        place = places(f"at-{after}")
        before = await made(place, count)
        ended = migrate_and_die(place, after)
        async with opened(place) as database:
            left = await schema(database)
            assert left in (before, whole), f"half of it is done after {after} statements"
            await migrate(database)
            assert await schema(database) == whole
            assert [tuple(one) for one in await notes(database)] == noted(len(known_migrations()))
        after += STRIDE[engine]
    assert ended == 0
    assert after > sum(len(one.statements) for one in known_migrations()[count:])


async def test_a_database_that_is_stopped_while_it_is_migrated_has_done_nothing() -> None:
    server = PostgresServer()
    server.start()
    try:
        place, other = new_database(server), new_database(server)
        whole = await made(other)
        # It can say no more what came of it.
        assert migrate_and_die(place, 20, victim=server.pid) not in (0, KILLED)
        server.stop()
        server.start()
        async with opened(place) as database:
            assert await schema(database) == []
            await migrate(database)
            assert await schema(database) == whole
    finally:
        server.remove()
