"""The schema comes to be once, in order, and is never guessed at."""

import asyncio
import threading

import asyncpg
import pytest

from server.stores.sql.migrations import Migration, SchemaError, known_migrations, migrate
from server.stores.sql.postgres import Postgres
from server.stores.sql.sqlite import SQLite
from server.stores.sql.steps import rows, run
from tests.postgres_servers import new_database
from tests.servers import until
from tests.stores.sql.households import pid_that_waits

FIRST = Migration(
    1, "people", "CREATE TABLE people (name TEXT);\nINSERT INTO people VALUES ('a');\n"
)
SECOND = Migration(2, "pets", "CREATE TABLE pets (name TEXT);\n")


def names():
    found = yield from rows("SELECT name FROM people")
    return [one[0] for one in found]


async def test_what_is_missing_is_applied_once_and_in_order(empty_database):
    assert await migrate(empty_database, [FIRST]) == [FIRST]
    assert await migrate(empty_database, [FIRST, SECOND]) == [SECOND]
    assert await migrate(empty_database, [FIRST, SECOND]) == []
    assert await empty_database.read(names) == ["a"]


async def test_processes_that_start_together_apply_each_once(empty_database):
    applied = await asyncio.gather(*(migrate(empty_database, [FIRST, SECOND]) for _ in range(6)))
    assert sum(map(len, applied)) == 2
    assert await empty_database.read(names) == ["a"]


async def test_one_that_fails_leaves_the_database_as_it_was(empty_database):
    broken = Migration(
        2, "broken", "CREATE TABLE pets (name TEXT);\nINSERT INTO nowhere VALUES (1);\n"
    )
    with pytest.raises(Exception, match="nowhere"):
        await migrate(empty_database, [FIRST, broken])
    assert await migrate(empty_database, [FIRST, SECOND]) == [FIRST, SECOND]


async def test_a_database_of_a_newer_program_is_refused(empty_database):
    await migrate(empty_database, [FIRST, SECOND])
    with pytest.raises(SchemaError, match=r"0002 \(pets\).*newer"):
        await migrate(empty_database, [FIRST])


async def test_a_migration_that_was_changed_later_is_refused(empty_database):
    await migrate(empty_database, [FIRST])
    with pytest.raises(SchemaError, match=r"0001 \(people\).*another text"):
        await migrate(empty_database, [Migration(1, "people", FIRST.sql + "\n")])


async def test_those_of_this_program_apply_to_an_empty_database(empty_database):
    known = known_migrations()
    assert await migrate(empty_database) == known
    assert [one.number for one in known] == list(range(1, len(known) + 1))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_long_columns_of_messages_stand_behind_those_that_are_looked_through(database):
    found = await database.read(lambda: rows("SELECT name FROM pragma_table_info('messages')"))
    assert [one[0] for one in found][-2:] == ["metadata", "ciphertext"]


@pytest.fixture
async def impatient():
    """A database of PostgreSQL whose statements have a fifth of a second."""
    one = Postgres(new_database(), command_limit_s=0.2)
    await one.start()
    yield one
    await one.close()


async def test_a_migration_of_much_takes_longer_than_other_statements_may(impatient):
    slow = Migration(2, "slow", "SELECT pg_sleep(0.5);\n")
    assert await migrate(impatient, [FIRST, slow]) == [FIRST, slow]


async def test_whoever_starts_while_another_migrates_waits_for_it(impatient):
    other = await asyncpg.connect(impatient._url)
    await other.execute("BEGIN; SELECT pg_advisory_xact_lock(4856293847)")
    waiting = asyncio.create_task(migrate(impatient, [FIRST]))
    await pid_that_waits(other)
    await other.execute("SELECT pg_sleep(0.4)")  # longer than any other statement may
    assert not waiting.done()
    await other.execute("COMMIT")
    assert await waiting == [FIRST]
    await other.close()


async def test_whoever_starts_while_another_process_writes_to_the_file_waits_for_it(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("server.stores.sql.sqlite._PRAGMAS", ("PRAGMA busy_timeout = 20",))
    one, other = SQLite(tmp_path / "a"), SQLite(tmp_path / "a")
    await one.start()
    await other.start()
    go, begun = threading.Event(), threading.Event()

    def long():
        yield from run("CREATE TABLE pets (name TEXT)")
        begun.set()
        go.wait(20)

    writing = asyncio.create_task(one.write(long))
    await until(begun.is_set)
    waiting = asyncio.create_task(migrate(other, [FIRST]))
    await until(lambda: other.has_failed)
    go.set()
    await writing
    assert await waiting == [FIRST]
    await other.close()
    await one.close()
