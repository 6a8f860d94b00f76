"""What operators do with the database: bring it up to date, copy it, put it back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.stores.sql.migrations import Migration, known_migrations, migrate
from server.stores.sql.postgres import Postgres
from server.stores.sql.sqlite import SQLite
from server.stores.sql.steps import run, run_many, value
from tests.postgres_servers import binaries, new_database
from tests.servers import ADMIN_TOKEN, MASTER_KEY, SECRET
from tests.system.processes import environment, server_process


class Place:
    """A database of one engine, and the settings that name it."""

    def __init__(self, engine, folder):
        self.folder = folder
        self.is_file = engine == "sqlite"
        self.use_new()

    def use_new(self):
        """Go on with a database that is not there yet, or empty."""
        self.file = self.folder / f"{os.urandom(4).hex()}.sqlite3"
        self.url = f"sqlite://{self.file}" if self.is_file else new_database()

    def maintain(self, *arguments, path=None):
        settings = environment(
            self.folder,
            DATABASE_URL=self.url,
            JWT_SECRET=SECRET,
            ADMIN_TOKEN=ADMIN_TOKEN,
            MASTER_KEY=MASTER_KEY,
        )
        settings["PATH"] = f"{path or binaries()}:{settings['PATH']}"
        return subprocess.run(
            [sys.executable, "-m", "server.maintenance", *map(str, arguments)],
            cwd=self.folder,
            env=settings,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def opened(self):
        return SQLite(self.file) if self.is_file else Postgres(self.url)


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request, tmp_path):
    """With its tables."""
    one = Place(request.param, tmp_path)
    database = one.opened()
    await database.start()
    await migrate(database)
    await database.close()
    return one


def write(first, count):
    def steps():
        yield from run("CREATE TABLE IF NOT EXISTS notes (number BIGINT PRIMARY KEY)")
        yield from run_many(
            "INSERT INTO notes (number) VALUES ($1)",
            [(one,) for one in range(first, first + count)],
        )

    return steps


def counted():
    return (yield from value("SELECT count(*) FROM notes"))


async def count(place):
    database = place.opened()
    await database.start()
    try:
        return await database.read(counted)
    finally:
        await database.close()


async def add(place, first, number):
    database = place.opened()
    await database.start()
    await database.write(write(first, number))
    await database.close()


def test_migrate_says_what_it_did_and_does_it_once(place):
    place.use_new()
    dry = place.maintain("migrate", "--dry-run")
    first, second = place.maintain("migrate"), place.maintain("migrate")
    assert "to be applied: 0001 accounts" in dry.stdout
    assert "applied: 0001 accounts" in first.stdout
    assert "up to date" in second.stdout


async def test_what_was_copied_in_use_is_there_again_after_a_restore(place, tmp_path):
    database = place.opened()
    await database.start()
    await database.write(write(0, 100))
    made = place.maintain("backup", "copy")
    await database.write(write(100, 1))
    await database.close()

    place.use_new()
    restored = place.maintain("restore", "copy")
    assert (made.returncode, restored.returncode) == (0, 0), made.stderr + restored.stderr
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0
    assert await count(place) == 100


async def test_a_copy_that_is_damaged_is_found_out_and_replaces_nothing(place, tmp_path):
    await add(place, 0, 5_000)
    assert place.maintain("backup", "copy").returncode == 0
    copy = tmp_path / "copy"
    whole = copy.read_bytes()
    half = len(whole) // 2
    copy.write_bytes(whole[:half])

    checked = place.maintain("restore", "copy", "--check")
    refused = place.maintain("restore", "copy", "--replace")
    assert (checked.returncode, refused.returncode) == (1, 1)
    assert await count(place) == 5_000


async def test_a_backup_overwrites_no_file(place, tmp_path):
    (tmp_path / "letter").write_text("Dear Alice")
    assert "never overwrites" in place.maintain("backup", "letter").stderr
    assert (tmp_path / "letter").read_text() == "Dear Alice"


async def test_a_database_that_is_there_is_replaced_only_if_that_is_said(place):
    await add(place, 0, 3)
    place.maintain("backup", "copy")
    await add(place, 3, 1)
    assert place.maintain("restore", "copy").returncode == 1
    assert await count(place) == 4
    assert place.maintain("restore", "copy", "--replace").returncode == 0
    assert await count(place) == 3


async def made(place, count):
    """A database of an older version, or of one that comes after this."""
    place.use_new()
    database = place.opened()
    await database.start()
    later = Migration(count, "later", "CREATE TABLE later (name TEXT);\n")
    known = known_migrations()
    await migrate(database, known[:count] if count <= len(known) else [*known, later])
    await database.close()


@pytest.mark.parametrize(("place", "count"), [("sqlite", 1), ("postgres", 5)], indirect=["place"])
async def test_a_copy_of_an_older_version_takes_the_place_of_a_newer_database(place, count):
    await made(place, count)
    assert place.maintain("backup", "copy").returncode == 0
    assert place.maintain("migrate").returncode == 0
    restored = place.maintain("restore", "copy", "--replace")
    again = place.maintain("migrate")
    assert (restored.returncode, again.returncode) == (0, 0), restored.stderr + again.stderr
    assert "applied: 0002 keys" in again.stdout if count == 1 else "0006" in again.stdout


async def test_a_copy_of_a_newer_version_is_refused(place):
    await made(place, 9_999)
    refused = place.maintain("backup", "copy")
    assert refused.returncode == 1
    assert "of another version" in refused.stderr


async def test_what_meets_something_in_the_way_leaves_all_as_it_was(tmp_path):
    place = Place("postgres", tmp_path)
    await add(place, 0, 3)
    assert place.maintain("migrate").returncode == 0
    assert place.maintain("backup", "copy").returncode == 0
    await add(place, 3, 1)
    database = place.opened()
    await database.start()
    # It cannot be dropped while another needs it, and comes after most of the archive.
    await database.write(lambda: run("CREATE VIEW of_notes AS SELECT number FROM notes"))
    await database.close()
    refused = place.maintain("restore", "copy", "--replace")
    assert refused.returncode == 1
    assert "of_notes" in refused.stderr
    assert await count(place) == 4
    assert place.maintain("migrate").stdout == "PostgreSQL: up to date\n"


def test_what_a_damaged_database_had_beside_it_is_kept_and_not_replayed(tmp_path):
    place = Place("sqlite", tmp_path)
    assert place.maintain("migrate").returncode == 0
    assert place.maintain("backup", "copy").returncode == 0
    place.file.write_bytes(b"no database at all" * 1_000)
    for end in ("-wal", "-shm"):
        Path(f"{place.file}{end}").write_text(f"old{end}")

    restored = place.maintain("restore", "copy", "--replace")
    assert restored.returncode == 0, restored.stderr
    for end in ("-wal", "-shm"):
        assert not Path(f"{place.file}{end}").exists()
    assert Path(f"{place.file}.replaced-wal").read_text() == "old-wal"


def test_what_was_replaced_before_is_not_overwritten(tmp_path):
    place = Place("sqlite", tmp_path)
    assert place.maintain("migrate").returncode == 0
    assert place.maintain("backup", "copy").returncode == 0
    kept = Path(f"{place.file}.replaced")
    kept.write_text("the first")

    refused = place.maintain("restore", "copy", "--replace")
    assert refused.returncode == 1
    assert f"{kept} is there already" in refused.stderr
    assert kept.read_text() == "the first"


def test_programs_of_postgresql_are_not_given_the_password_as_an_argument(tmp_path):
    place = Place("postgres", tmp_path)
    for name in ("pg_dump", "pg_restore", "psql"):
        program = tmp_path / name
        lines = (f'echo "$@" >>{tmp_path}/arguments', f'echo "$PGPASSWORD" >>{tmp_path}/passwords')
        program.write_text("\n".join(("#!/bin/sh", *lines, "echo migrations", "exit 0\n")))
        program.chmod(0o755)
    (tmp_path / "copy").touch()
    place.url = "postgres://me:se%2Fcret@127.0.0.1:1/hushwire?sslmode=disable"

    place.maintain("backup", "dump", path=tmp_path)
    place.maintain("restore", "copy", "--replace", path=tmp_path)
    given = (tmp_path / "arguments").read_text()
    assert given.count("postgresql://me@127.0.0.1:1/hushwire?sslmode=disable") == 2
    assert "cret" not in given
    assert "se/cret" in (tmp_path / "passwords").read_text()


def test_a_file_that_a_server_uses_is_not_replaced(tmp_path):
    place = Place("sqlite", tmp_path)
    with server_process(tmp_path, DATABASE_URL=place.url):
        assert place.maintain("backup", "copy").returncode == 0
        refused = place.maintain("restore", "copy", "--replace")
    assert refused.returncode == 1
    assert "stop the server first" in refused.stderr
