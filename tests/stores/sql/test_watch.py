"""Whether the database is of use, as a process finds that stands still now and then."""

import asyncio
import time

import pytest

from server.stores.sql import watch
from server.stores.sql.watch import Watch

LIMIT_S = 0.1

TURNS = 6
"""Of the event loop, within which it is asked and answers."""


@pytest.mark.parametrize("turns", range(TURNS))
async def test_whenever_the_process_stands_still_the_database_is_not_taken_for_away(
    database, turns, monkeypatch
):
    one = Watch(database)
    await one.start()
    await one.stop()
    monkeypatch.setattr(watch, "LIMIT_S", LIMIT_S)

    looking = asyncio.create_task(one._look())
    for _ in range(turns):
        await asyncio.sleep(0)
    time.sleep(2 * LIMIT_S)  # noqa: ASYNC251 - the standing still
    await looking

    assert one.is_ready
