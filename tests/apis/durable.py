"""Databases of the installations: what is durable is promised on all of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.installations import MEMORY, THREE, Installation
from tests.postgres_servers import lent_database


@asynccontextmanager
async def database(installation: Installation, folder: Path) -> AsyncIterator[str]:
    """The URL of one in memory, in a file, or on PostgreSQL for several nodes."""
    if installation is THREE:
        async with lent_database() as url:
            yield url
    else:
        yield "sqlite://:memory:" if installation is MEMORY else f"sqlite://{folder}/data.sqlite3"
