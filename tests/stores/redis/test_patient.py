"""Connections to Redis of a process that stands still, and of one that does not."""

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from server.stores.redis.connect import UnfitRedisError, connect
from tests.redis_servers import shared_redis
from tests.servers import until

LIMIT_S = 0.2

TURNS = 12
"""Of the event loop, within which a connection is opened."""


async def test_an_answer_that_came_while_the_process_stood_still_is_no_failure_of_redis() -> None:
    link = await connect(shared_redis().url, timeout_s=LIMIT_S)
    with shared_redis().client() as other:
        other.flushall()
        answer = asyncio.ensure_future(link.client.blpop("list"))
        await until(lambda: other.info("clients")["blocked_clients"])
        other.rpush("list", "word")
        time.sleep(2 * LIMIT_S)  # noqa: ASYNC251 - the standing still

        assert await answer == (b"list", b"word")
    await link.close()


@pytest.mark.parametrize("turns", range(TURNS))
async def test_whenever_it_stands_still_while_it_connects_it_does_connect(turns: int) -> None:
    connecting = asyncio.create_task(connect(shared_redis().url, timeout_s=LIMIT_S))
    for _ in range(turns):
        await asyncio.sleep(0)
    time.sleep(1.2 * LIMIT_S)  # noqa: ASYNC251 - the standing still

    await (await connecting).close()


@pytest.fixture
def full() -> Iterator[int]:
    """The port of somebody whom nobody reaches: others wait already to be accepted."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
            waiting.append(one)
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


async def test_who_cannot_be_reached_is_given_up_in_time(full: int) -> None:
    begun_s = time.monotonic()

    with pytest.raises(UnfitRedisError, match="cannot be used"):
        await connect(f"redis://127.0.0.1:{full}", timeout_s=LIMIT_S)

    assert time.monotonic() - begun_s > 0.9 * LIMIT_S
