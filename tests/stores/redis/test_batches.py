"""Commands that go to Redis together: whatever becomes of the connection, each has its answer."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from server.stores.redis import batches as batches_module
from server.stores.redis.batches import MAX_RUNNING, Batches, NoTurnError
from tests.redis_servers import shared_redis
from tests.servers import until


class ClosedPipeline:
    """Of a client whose connection has just been closed: uvloop says so by a RuntimeError."""

    def execute_command(self, *command: Any) -> None:
        pass

    async def execute(self, *, raise_on_error: bool) -> list[Any]:
        raise RuntimeError("unable to perform operation; the handler is closed")


async def test_a_connection_that_has_just_closed_is_a_lost_connection_to_whoever_asked() -> None:
    batches = Batches(ClosedPipeline)

    with pytest.raises(ConnectionError):
        await batches.call("PING")


# --- when there is no turn ---

LIMIT_S = 0.5


@pytest.fixture
async def client() -> AsyncIterator[Redis]:
    with shared_redis().client() as plain:
        plain.flushall()
    async with Redis.from_url(shared_redis().url) as one:
        yield one


@pytest.fixture
async def busy(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Batches, "list[asyncio.Future[Any]]"]]:
    """Batches whose every connection waits until somebody pushes to its list."""
    monkeypatch.setattr(batches_module, "WAIT_LIMIT_S", LIMIT_S)
    batches = Batches(lambda: client.pipeline(transaction=False))
    held = []
    for number in range(MAX_RUNNING):
        held.append(batches.call("BLPOP", f"list {number}", 0))
        await until(lambda: len(batches._running) == len(held))
    yield batches, held
    for number in range(MAX_RUNNING):
        await client.rpush(f"list {number}", "go on")
    await asyncio.wait(held)
    await batches.close()


async def test_what_had_no_turn_in_time_is_refused_and_is_never_sent(
    client: Redis, busy: tuple[Batches, "list[asyncio.Future[Any]]"]
) -> None:
    batches, (first, *_) = busy
    late = batches.call("SET", "late", 1)
    with pytest.raises(NoTurnError):
        await late
    in_time = batches.call("SET", "in time", 1)

    await client.rpush("list 0", "go on")

    await first
    assert await in_time
    assert await client.keys() == [b"in time"]


async def test_what_waited_while_the_process_stood_still_has_its_turn_all_the_same(
    client: Redis, busy: tuple[Batches, "list[asyncio.Future[Any]]"]
) -> None:
    batches, _ = busy
    waiting = batches.call("SET", "in time", 1)
    await until(lambda: batches._ticking)
    with shared_redis().client() as plain:
        plain.rpush("list 0", "go on")
    time.sleep(2 * LIMIT_S)  # noqa: ASYNC251 - the standing still

    assert await waiting


async def test_what_has_its_turn_in_time_is_sent(
    client: Redis, busy: tuple[Batches, "list[asyncio.Future[Any]]"]
) -> None:
    batches, _ = busy
    waiting = batches.call("SET", "in time", 1)

    await client.rpush("list 0", "go on")

    assert await waiting
