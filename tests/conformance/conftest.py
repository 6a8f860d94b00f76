"""Servers that echo. Those that tick ping as often as the suites want; the others do not."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from tests.conformance.app import EchoServer, engineio_echo, socketio_echo
from tests.servers import RunningServer

QUIET = {"PING_INTERVAL_S": 60, "PING_TIMEOUT_S": 60}


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that users run."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def engine() -> AsyncIterator[RunningServer]:
    """Echoes Engine.IO messages."""
    async with engineio_echo(**QUIET) as server:
        yield server


@pytest.fixture
async def ticking_engine() -> AsyncIterator[RunningServer]:
    async with engineio_echo() as server:
        yield server


@pytest.fixture
async def small_engine() -> AsyncIterator[RunningServer]:
    """Takes 70,000 bytes a message, just more than sizes of two bytes can say."""
    small = {"MAX_PAYLOAD_BYTES": 70_000, "MAX_CIPHERTEXT_BYTES": 60_000}
    async with engineio_echo(**QUIET, **small) as server:
        yield server


@pytest.fixture
async def sockets() -> AsyncIterator[EchoServer]:
    """Has the handlers of the Socket.IO suite."""
    async with socketio_echo(**QUIET) as server:
        yield server


@pytest.fixture
async def ticking_sockets() -> AsyncIterator[EchoServer]:
    async with socketio_echo() as server:
        yield server
