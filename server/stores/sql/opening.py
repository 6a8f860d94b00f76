"""The database that the settings name."""

from pathlib import Path

from server.stores.sql.database import Database
from server.stores.sql.postgres import Postgres
from server.stores.sql.sqlite import SQLite

POSTGRES_SCHEMES = ("postgresql://", "postgres://")


def database_at(url: str | None, default: Path) -> Database:
    """The database of a URL: `postgresql://…`, or `sqlite:///path`; the default file if None."""
    if url and url.startswith(POSTGRES_SCHEMES):
        return Postgres(url)
    return SQLite(url.removeprefix("sqlite://") if url else default)
