"""The schema, made and brought up to date by numbered files.

Each is applied once, in the order of the numbers and all in one transaction, and noted with a
hash of its text: a file that was changed later is refused, and so is a database that has more
than this program knows.
"""

import functools
import hashlib
import re
import time
from importlib import resources

from msgspec import Struct

from server.stores.sql.database import Database, DatabaseAwayError
from server.stores.sql.steps import Steps, rows, run

_FILE = re.compile(r"(\d{4})_(\w+)\.sql")

_NOTES = """
    CREATE TABLE IF NOT EXISTS migrations (
        number BIGINT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL,
        applied_ms BIGINT NOT NULL
    )
"""


class Migration(Struct, frozen=True):
    """One file.

    Attributes:
        sql: Statements, each of which ends with a `;` at the end of a line.
    """

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        parts = re.split(r";\s*$", self.sql, flags=re.MULTILINE)
        return [part for part in parts if part.strip()]


class SchemaError(DatabaseAwayError):
    """The database is not one that this program can use."""


def known_migrations() -> list[Migration]:
    """All that this program has, in their order."""
    return list(_known())


@functools.cache
def _known() -> tuple[Migration, ...]:
    folder = resources.files("server.stores.sql") / "migrations"
    found = ((_FILE.fullmatch(file.name), file) for file in folder.iterdir())
    known = [Migration(int(name[1]), name[2], file.read_text()) for name, file in found if name]
    return tuple(sorted(known, key=lambda one: one.number))


async def migrate(database: Database, migrations: list[Migration] | None = None) -> list[Migration]:
    """Bring a database up to date; several processes may do so at the same time.

    Returns:
        What was applied.

    Raises:
        SchemaError: It is of a newer program, or of one that had other files.
        AppError: UNAVAILABLE.
    """
    wanted = known_migrations() if migrations is None else migrations
    return await database.change_schema(lambda: _migrate(wanted))


async def pending(database: Database) -> list[Migration]:
    """What `migrate` would apply.

    Raises:
        SchemaError, AppError: As there.
    """
    return await database.change_schema(lambda: _pending(known_migrations()))


def _migrate(wanted: list[Migration]) -> Steps[list[Migration]]:
    missing = yield from _pending(wanted)
    for one in missing:
        for statement in one.statements:
            yield from run(statement)
        yield from run(
            "INSERT INTO migrations (number, name, sha256, applied_ms) VALUES ($1, $2, $3, $4)",
            one.number,
            one.name,
            one.sha256,
            time.time_ns() // 1_000_000,
        )
    return missing


def _pending(wanted: list[Migration]) -> Steps[list[Migration]]:
    yield from run(_NOTES)
    applied = yield from rows("SELECT number, name, sha256 FROM migrations ORDER BY number")
    known = {one.number: one for one in wanted}
    for number, name, sha256 in applied:
        one = known.get(number)
        if one is None:
            raise SchemaError(
                f"the database has migration {number:04} ({name}), which this program does not "
                "know: it was used by a newer one; start that, or restore a backup from before"
            )
        if one.sha256 != sha256:
            raise SchemaError(
                f"migration {number:04} ({name}) was applied with another text than this "
                "program has; use the program that the database was made with"
            )
    done = {number for number, _, _ in applied}
    return [one for one in wanted if one.number not in done]
