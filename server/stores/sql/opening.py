"""The database that the settings name."""

from pathlib import Path

from server.stores.sql.database import Database
from server.stores.sql.sqlite import SQLite

_FILE_SCHEME = "sqlite://"


def file_of(url: str | None, default: Path) -> Path | None:
    """The file of a database: `sqlite:///path`, the default without a URL, or None for none."""
    if not url:
        return default
    return Path(url.removeprefix(_FILE_SCHEME)) if url.startswith(_FILE_SCHEME) else None


def database_at(url: str | None, default: Path) -> Database:
    """The database of a URL, which is not opened yet."""
    if file := file_of(url, default):
        return SQLite(file)
    # Who needs no PostgreSQL has none of its library in memory.
    from server.stores.sql.postgres import Postgres  # noqa: PLC0415

    return Postgres(str(url))
