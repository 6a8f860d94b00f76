"""The schema comes to be once, in order, and is never guessed at."""

import asyncio

import pytest

from server.stores.sql.migrations import Migration, SchemaError, known_migrations, migrate
from server.stores.sql.steps import rows

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
