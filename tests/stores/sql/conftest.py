"""An empty database of each engine, opened."""

from collections.abc import AsyncIterator

import pytest

from server.stores.sql.database import Database
from server.stores.sql.postgres import Postgres
from server.stores.sql.sqlite import SQLite
from tests.postgres_servers import new_database


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request, tmp_path) -> AsyncIterator[Database]:
    is_sqlite = request.param == "sqlite"
    one: Database = SQLite(tmp_path / "data.sqlite3") if is_sqlite else Postgres(new_database())
    await one.start()
    yield one
    await one.close()
