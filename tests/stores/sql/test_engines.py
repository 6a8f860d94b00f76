"""What both engines promise to the stores that stand on them."""

import asyncio
import threading
from pathlib import Path

import asyncpg
import pytest

from server.core.errors import AppError, Code
from server.stores.sql.postgres import Postgres
from server.stores.sql.sqlite import SQLite
from server.stores.sql.steps import rows, run, run_many, value
from server.transports.eager import start
from tests.postgres_servers import new_database
from tests.servers import until


@pytest.fixture
async def counters(empty_database):
    """A table of counters by name, all at 0: `a` to `e`."""

    def steps():
        yield from run("CREATE TABLE counters (name TEXT PRIMARY KEY, at BIGINT, seen BYTEA)")
        yield from run_many(
            "INSERT INTO counters (name, at, seen) VALUES ($1, 0, $2)",
            [(name, b"\0\xff") for name in "abcde"],
        )

    await empty_database.write(steps)
    return empty_database


def count(name):
    """Read, then write what follows from it."""
    at = yield from value("SELECT at FROM counters WHERE name = $1 FOR UPDATE", name)
    yield from run("UPDATE counters SET at = $2 WHERE name = $1", name, at + 1)
    return at + 1


def look(name):
    return (yield from value("SELECT at FROM counters WHERE name = $1", name))


async def test_each_of_many_at_once_sees_what_the_one_before_it_wrote(counters):
    told = await asyncio.gather(*(counters.write(lambda: count("a")) for _ in range(100)))
    assert sorted(told) == list(range(1, 101))
    assert await counters.read(lambda: look("a")) == 100


async def test_what_raises_leaves_nothing_and_harms_no_other(counters):
    def fails():
        yield from count("a")
        raise AppError(Code.FORBIDDEN, "no")

    async def refused():
        with pytest.raises(AppError) as caught:
            await counters.write(fails)
        return caught.value.code

    told = await asyncio.gather(
        counters.write(lambda: count("b")), refused(), counters.write(lambda: count("a"))
    )
    assert tuple(told) == (1, Code.FORBIDDEN, 1)


@pytest.mark.parametrize("way", ["write", "read", "look_up"])
async def test_who_fails_before_the_first_statement_harms_nobody_after(counters, way):
    def fails():
        raise ZeroDivisionError

    ask = getattr(counters, way)
    with pytest.raises(ZeroDivisionError):
        await ask(fails)
    assert await ask(lambda: look("a")) == 0


async def test_a_statement_that_is_wrong_undoes_its_transaction_alone(counters):
    def wrong():
        yield from count("a")
        yield from run("INSERT INTO counters (name, at) VALUES ('b', 1)")

    results = await asyncio.gather(
        counters.write(lambda: count("b")),
        counters.write(wrong),
        counters.write(lambda: count("c")),
        return_exceptions=True,
    )
    assert [results[0], results[2]] == [1, 1]
    assert isinstance(results[1], Exception)
    assert await counters.read(lambda: look("a")) == 0


async def test_a_reader_sees_one_state_of_the_whole(counters):
    begun, changed = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def pair():
        first = yield from value("SELECT at FROM counters WHERE name = 'a'")
        loop.call_soon_threadsafe(begun.set)
        second = yield from value("SELECT at FROM counters WHERE name = 'b'")
        return first, second

    def both():
        yield from run("UPDATE counters SET at = at + 1 WHERE name IN ('a', 'b')")

    async def change():
        await begun.wait()
        await counters.write(both)
        changed.set()

    for _ in range(20):
        begun.clear()
        (first, second), _ = await asyncio.gather(counters.read(pair), change())
        assert first == second


async def test_bytes_lists_and_truth_come_back_as_they_were(counters):
    def steps():
        yield from run("CREATE TABLE kept (flag BOOLEAN, ms BIGINT)")
        yield from run("INSERT INTO kept (flag, ms) VALUES ($1, $2)", True, 2**60)
        ((flag, ms),) = yield from rows("SELECT flag, ms FROM kept WHERE flag")
        named = yield from rows(
            "SELECT name, seen FROM counters WHERE name = ANY($1::text[]) ORDER BY name",
            ["b", "d", "x"],
        )
        return bool(flag), ms, [tuple(one) for one in named]

    assert await counters.write(steps) == (True, 2**60, [("b", b"\0\xff"), ("d", b"\0\xff")])


async def test_a_closed_database_refuses(empty_database):
    await empty_database.close()
    with pytest.raises(AppError) as caught:
        await empty_database.write(lambda: look("a"))
    assert caught.value.code is Code.UNAVAILABLE


async def test_a_transaction_may_begin_outside_of_any_task(database):
    found: list[int] = []

    async def look() -> None:
        found.append(await database.read(lambda: value("SELECT 1")))

    # As handlers of sockets begin.
    asyncio.get_running_loop().call_soon(start, look())
    await until(lambda: found)

    assert found == [1]


async def test_a_long_read_delays_no_look_up(counters):
    go, begun = threading.Event(), threading.Event()

    def long():
        yield from look("a")
        begun.set()
        if not isinstance(counters, Postgres):  # there it is the loop that would wait
            go.wait(20)
        return (yield from look("b"))

    reading = [asyncio.create_task(counters.read(long)) for _ in range(4)]
    await until(begun.is_set)
    async with asyncio.timeout(10):
        assert await counters.look_up(lambda: look("a")) == 0
        assert await counters.write(lambda: count("a")) == 1
        assert await counters.look_up(lambda: look("a")) == 1
    go.set()
    assert await asyncio.gather(*reading) == [0] * 4


async def test_what_could_not_be_written_is_not_forgotten_over_a_read():
    url = new_database()
    connection = await asyncpg.connect(url)
    name = url.rpartition("/")[2]
    await connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    database = Postgres(url)
    await database.start()
    with pytest.raises(AppError) as caught:
        await database.write(lambda: run("CREATE TABLE people (name TEXT)"))
    assert caught.value.code is Code.UNAVAILABLE

    await database.read(lambda: value("SELECT 1"))
    assert database.has_failed
    await database.close()
    await connection.close()


async def test_many_may_make_one_database_at_the_same_moment(tmp_path):
    """As the workers of a new server do; SQLite now and then had one of them fail at once."""

    async def made(path: Path) -> None:
        some = [SQLite(path) for _ in range(4)]
        await asyncio.gather(*(one.start() for one in some))
        for one in some:
            await one.close()

    for number in range(30):
        await made(tmp_path / f"{number}.sqlite3")
