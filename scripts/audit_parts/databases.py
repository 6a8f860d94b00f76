"""Every row of every table, as SQL shows it: there nothing is cut or packed."""

from pathlib import Path
from urllib.parse import urlsplit

import apsw
import asyncpg

from scripts.audit_parts.forms import Needles
from scripts.audit_parts.looks import Look
from scripts.audit_parts.search import Search

START_LIMIT_S = 10.0

_TABLES = """
    SELECT schemaname, tablename FROM pg_catalog.pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
    UNION ALL
    SELECT schemaname, matviewname FROM pg_catalog.pg_matviews
    ORDER BY 1, 2
"""


def look_at_rows(path: Path, needles: Needles, look: Look) -> None:
    """Look at all rows of a SQLite file, which may be in use."""
    search, counts = Search(needles), [0, 0]
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.execute("PRAGMA busy_timeout = 5000")
            names = [
                str(one[0])
                for one in connection.execute(
                    "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0"
                )
            ]
            for name in names:
                counts[0] += 1
                for row in connection.execute(f"SELECT * FROM {_quoted(name)}"):  # noqa: S608
                    counts[1] += 1
                    for value in row:
                        if isinstance(value, str | bytes):
                            search.feed_value(value.encode() if isinstance(value, str) else value)
        finally:
            connection.close()
    except apsw.Error as error:
        look.problem = f"{path}: {error}"
    look.detail = f"{counts[0]} tables, {counts[1]:,} rows"
    look.take(search)


async def look_at_postgres(url: str, needles: Needles) -> Look:
    """Look at all rows of a PostgreSQL database."""
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2] + parts.path
    look = Look("database", f"PostgreSQL at {where}")
    try:
        connection = await asyncpg.connect(url, timeout=START_LIMIT_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        look.problem = str(error) or "no answer in time"
        return look
    try:
        await _look_at_tables(connection, needles, look)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        look.problem = str(error) or "the connection was lost"
    finally:
        connection.terminate()
    return look


async def _look_at_tables(connection: asyncpg.Connection, needles: Needles, look: Look) -> None:
    tables = await connection.fetch(_TABLES)
    rows = 0
    for schema, name in tables:
        search = Search(needles)
        try:
            rows += await _copied(connection, f"{_quoted(schema)}.{_quoted(name)}", search)
        except asyncpg.PostgresError as error:
            look.problem = f"table {schema}.{name}: {error}"
        look.take(search)
    look.detail = f"{len(tables)} tables, {rows:,} rows"


async def _copied(connection: asyncpg.Connection, table: str, search: Search) -> int:
    """Feed a table as it comes: binary, in which columns of bytes are as they are."""

    async def take(piece: bytes) -> None:
        search.feed(piece)

    query = f"SELECT * FROM {table}"  # noqa: S608
    told = await connection.copy_from_query(query, output=take, format="binary")
    return int(told.rpartition(" ")[2])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
