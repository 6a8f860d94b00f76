"""A secret is found in every kind of place, and what cannot be looked at is told."""

import gzip
import itertools

import aiohttp
import apsw
import asyncpg
import pytest
from aiohttp import web

from scripts.audit_parts.databases import look_at_postgres
from scripts.audit_parts.forms import Needles, Secret
from scripts.audit_parts.looks import FOUND, INCOMPLETE, Look, not_asked, status_of
from scripts.audit_parts.pages import PAGES, look_at_pages
from scripts.audit_parts.redis_keys import look_at_redis
from scripts.audit_parts.search import PIECE_BYTES
from server.stores.sql.backup import back_up_server
from server.stores.sql.migrations import migrate
from server.stores.sql.postgres import Postgres
from tests.audit.conftest import SECRET, traces
from tests.postgres_servers import binaries, new_database
from tests.redis_servers import shared_redis
from tests.redis_sets import masters, owns, shared_cluster

PLAIN = SECRET.encode()
PAGE_BYTES = 4096
BLOB = b"x" * 5000 + PLAIN + b"y" * 5000


def forms(look):
    return {one.form for one in look.found}


# --- files ---


@pytest.mark.parametrize("name", ["log", "log.1.gz"])
def test_a_log_that_has_it_is_told_and_not_quoted(files, tmp_path, name):
    log = tmp_path / name
    packed = gzip.compress if name.endswith(".gz") else bytes
    log.write_bytes(packed(b'{"event": "' + PLAIN + b'"}\n'))

    for look in (files.look("log", log), files.look("log", tmp_path)):
        assert look.found == traces("plain, in gzip" if name.endswith(".gz") else "plain")
        assert "line 1 as plain" in look.line()
        assert "18e39b" not in look.line()
        assert status_of([look]) == FOUND


def test_a_log_without_it_is_clean(files, tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b'{"event": "started"}\n')

    look = files.look("log", log)

    assert (look.found, look.problem, look.size_bytes) == (set(), None, 21)
    assert look.line().startswith("clean  log")
    assert status_of([look]) == 0


def test_a_log_that_is_not_there_is_a_problem_and_not_clean(files, tmp_path):
    look = files.look("log", tmp_path / "none")

    assert look.line().startswith("?????  log")
    assert status_of([look]) == INCOMPLETE
    assert status_of([look, Look("x", found=traces("plain"))]) == FOUND
    assert status_of([not_asked("log", "none was named")]) == 0


# --- SQLite ---


@pytest.fixture
def sqlite(tmp_path):
    connection = apsw.Connection(str(tmp_path / "db"))
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE notes (number INTEGER, note)")
    yield connection
    connection.close()


@pytest.mark.parametrize(
    "value", [SECRET, PLAIN, gzip.compress(PLAIN), BLOB], ids=["text", "bytes", "gzip", "blob"]
)
def test_a_row_of_sqlite_that_has_it_is_found_while_it_is_in_use(files, tmp_path, sqlite, value):
    sqlite.execute("INSERT INTO notes VALUES (1, ?)", (value,))

    look = files.look_at_database(tmp_path / "db")

    assert forms(look) & {"plain", "plain, in gzip"}
    assert look.detail == "1 tables, 1 rows, -wal, -shm beside it"


def test_what_was_deleted_is_found_in_what_is_beside_the_database(files, tmp_path, sqlite):
    sqlite.execute("INSERT INTO notes VALUES (1, ?)", (PLAIN,))
    sqlite.execute("DELETE FROM notes")

    assert forms(files.look_at_database(tmp_path / "db")) == {"plain"}
    assert forms(files.look("backup", tmp_path / "db")) == set()
    assert forms(files.look("data folder", tmp_path)) == {"plain"}
    assert not files.look("data folder", tmp_path, besides=tmp_path / "db").found


def test_what_pages_have_cut_in_two_is_found(files, whole, tmp_path, sqlite):
    """Of a row that SQL shows no more."""
    database = tmp_path / "db"
    sqlite.execute("PRAGMA secure_delete = OFF")

    def leave_behind(ahead_bytes):
        value = b"x" * ahead_bytes + PLAIN + b"y" * (12_000 - ahead_bytes)
        sqlite.execute("INSERT INTO notes VALUES (1, ?)", (value,))
        sqlite.execute("DELETE FROM notes")
        sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return database.read_bytes()

    to_next_page = -leave_behind(5000).index(PLAIN) % PAGE_BYTES
    written = leave_behind(5000 + to_next_page - len(PLAIN) // 2)
    assert not whole.found_in(written)

    assert forms(files.look_at_database(database)) == {"plain (half)"}


def test_a_database_that_is_not_there_or_is_damaged_is_a_problem(files, tmp_path):
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"SQLite format 3\0" + bytes(5000))

    for path in (tmp_path / "none", damaged):
        assert status_of([files.look_at_database(path)]) == INCOMPLETE


# --- PostgreSQL ---


@pytest.fixture
async def postgres():
    url = new_database()
    database = Postgres(url)
    await database.start()
    await migrate(database)
    await database.close()
    return url


async def run(url, *statements):
    connection = await asyncpg.connect(url)
    for statement, *values in statements:
        await connection.execute(statement, *values)
    await connection.close()


@pytest.mark.parametrize(
    ("kind", "value", "form"),
    [
        ("TEXT", SECRET, "plain"),
        ("BYTEA", BLOB, "plain"),
        ("BYTEA", gzip.compress(PLAIN), "plain, in gzip"),
        ("JSONB", f'{{"note": "{SECRET}"}}', "plain"),
        ("TEXT[]", ["", SECRET], "plain"),
    ],
    ids=["text", "blob", "gzip", "JSON", "array"],
)
async def test_a_row_of_postgres_that_has_it_is_found(postgres, whole, kind, value, form):
    assert not (await look_at_postgres(postgres, whole)).found
    await run(
        postgres,
        ("CREATE SCHEMA other",),
        (f'CREATE TABLE other."a ""b""" (note {kind})',),
        ('INSERT INTO other."a ""b""" VALUES ($1)', value),
    )

    look = await look_at_postgres(postgres, whole)

    assert look.found == traces(form)
    assert look.problem is None
    assert "tables, " in look.detail


async def test_a_table_that_may_not_be_read_is_a_problem(postgres, whole):
    await run(
        postgres,
        ("CREATE ROLE auditor LOGIN",),
        ("GRANT SELECT ON ALL TABLES IN SCHEMA public TO auditor",),
        ("REVOKE SELECT ON messages FROM auditor",),
    )
    try:
        look = await look_at_postgres(postgres.replace("hushwire@", "auditor@"), whole)
        assert "table public.messages: permission denied" in str(look.problem)
        assert look.size_bytes > 0
    finally:
        await run(postgres, ("DROP OWNED BY auditor",), ("DROP ROLE auditor",))


async def test_a_postgres_that_is_away_is_a_problem_that_tells_no_password(whole):
    look = await look_at_postgres("postgresql://u:password@127.0.0.1:1/db", whole)

    assert status_of([look]) == INCOMPLETE
    assert "127.0.0.1:1/db" in look.line()
    assert "password" not in look.line()


@pytest.mark.parametrize("value", [PLAIN, BLOB], ids=["bytes", "blob"])
async def test_an_archive_that_has_it_is_found_though_it_is_packed(
    postgres, files, whole, tmp_path, monkeypatch, value
):
    monkeypatch.setenv("PATH", str(binaries()), prepend=":")
    await run(postgres, ("CREATE TABLE notes (note BYTEA)",))
    back_up_server(postgres, tmp_path / "clean")
    await run(postgres, ("INSERT INTO notes VALUES ($1)", value))
    back_up_server(postgres, tmp_path / "leaking")
    assert not whole.found_in((tmp_path / "leaking").read_bytes())

    assert not files.look("backup", tmp_path / "clean").found
    assert forms(files.look("backup", tmp_path / "leaking")) == {"hex"}
    (tmp_path / "cut").write_bytes((tmp_path / "leaking").read_bytes()[:-3000])
    assert status_of([files.look("backup", tmp_path / "cut")]) == INCOMPLETE
    monkeypatch.setenv("PATH", str(tmp_path))
    assert status_of([files.look("backup", tmp_path / "clean")]) == INCOMPLETE


# --- Redis ---

COMMANDS = {
    "key": ("SET", b"key of " + PLAIN, b"x"),
    "string": ("SET", "key", BLOB),
    "long string": ("SET", "key", b"x" * (PIECE_BYTES - 9) + PLAIN),
    "list": ("RPUSH", "key", *(b"x" for _ in range(500)), PLAIN),
    "set": ("SADD", "key", b"x", PLAIN),
    "hash": ("HSET", "key", "field", BLOB),
    "field": ("HSET", "key", PLAIN, "value"),
    "sorted set": ("ZADD", "key", 1, "x", 2, PLAIN),
    "stream": ("XADD", "key", "*", "field", PLAIN),
    "long stream": ("XADD", "other stream", "*", "field", PLAIN),
}


@pytest.fixture
def redis():
    server = shared_redis()
    with server.client() as client:
        client.flushall()
        client.slowlog_reset()
        yield client
        client.flushall()


@pytest.mark.parametrize("what", COMMANDS)
async def test_a_value_of_redis_that_has_it_is_found(redis, whole, what):
    for number in range(300):
        redis.xadd("other stream", {"n": number})
        redis.set(f"other {number}", "x")
    url = shared_redis().url
    assert not (await look_at_redis(url, "", whole)).found
    redis.execute_command(*COMMANDS[what])

    look = await look_at_redis(url, "", whole)

    assert look.found == traces("plain")
    assert look.problem is None
    assert look.detail in ("301 keys", "302 keys")


async def test_arguments_in_the_slow_log_are_found(redis, whole):
    url = shared_redis().url
    redis.config_set("slowlog-log-slower-than", 0)
    redis.set("key", PLAIN)
    redis.config_set("slowlog-log-slower-than", 10_000)
    redis.delete("key")

    assert (await look_at_redis(url, "", whole)).found == traces("plain")


async def test_all_masters_of_a_cluster_are_looked_at(whole):
    servers = shared_cluster()
    for server in masters(servers):
        with server.client() as client:
            key = next(key for key in map(str, itertools.count()) if owns(server, key))
            client.set(key, PLAIN)
            look = await look_at_redis(servers[0].url, "", whole)
            client.flushall()

        assert look.found == traces("plain")
    assert not (await look_at_redis(servers[0].url, "", whole)).found


async def test_a_redis_that_is_away_is_a_problem(whole):
    look = await look_at_redis("redis://:password@127.0.0.1:1", "at 127.0.0.1:1", whole)

    assert status_of([look]) == INCOMPLETE
    assert "password" not in look.line()


# --- pages ---


@pytest.mark.parametrize("leaking", [None, *PAGES])
async def test_a_page_that_has_it_is_found_and_a_closed_one_is_a_problem(whole, leaking):
    tokens = []

    async def show(request):
        tokens.append(request.headers.get("Authorization"))
        if "Authorization" not in request.headers:
            return web.Response(status=401)
        leaks = leaking and request.path == leaking.partition("?")[0]
        return web.Response(body=PLAIN if leaks else b"fine")

    app = web.Application()
    app.router.add_get("/{path:.*}", show)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession(url) as http:
        looks = await look_at_pages(http, "token", whole)
        refused = await look_at_pages(http, None, whole)
    await runner.cleanup()
    async with aiohttp.ClientSession(url) as http:
        away = await look_at_pages(http, "token", whole)

    assert [bool(one.found) for one in looks] == [page == leaking for page in PAGES]
    assert tokens[: len(PAGES)] == ["Bearer token"] * len(PAGES)
    assert status_of(refused) == status_of(away) == INCOMPLETE


def test_halves_are_sought_only_of_what_is_long_enough():
    assert len(Needles([Secret("x", "12345678")], cut=True)) == len(
        Needles([Secret("x", "12345678")])
    )
