"""Commands that go to Redis together, and the end of that."""

import asyncio

import pytest

from server.stores.redis.batches import Batches
from server.stores.redis.connect import connect
from tests.redis_servers import shared_redis


async def test_a_link_that_is_closed_waits_for_answers_and_opens_no_connection_again() -> None:
    link = await connect(shared_redis().url)
    batches: Batches = link._batches
    asked = [batches.call("ECHO", str(number)) for number in range(3)]
    await asyncio.sleep(0)  # they are on their way

    await link.close()

    assert [await one for one in asked] == [b"0", b"1", b"2"]
    with pytest.raises(ConnectionError):
        await batches.call("ECHO", "too late")
    assert not batches._running
