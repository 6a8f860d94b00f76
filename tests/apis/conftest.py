"""Each installation in turn: what the APIs promise, they promise on all of them.

Every test is run with all of its values in memory, and once on three nodes; tests/crossings.py.

Servers stand on a `ManualClock` here: nothing expires, and no grace ends, until a test says so.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from tests.clocks import ManualClock
from tests.installations import INSTALLATIONS, Installation
from tests.servers import RunningServer

Later = Callable[..., Awaitable[None]]


@pytest.fixture(scope="session", params=INSTALLATIONS, ids=str)
def installation(request: pytest.FixtureRequest) -> Installation:
    one: Installation = request.param
    return one


@pytest.fixture
def settings() -> dict[str, Any]:
    """Of the server; `configured(…)` gives a test its own."""
    return {}


@pytest.fixture
async def server(
    installation: Installation, clock: ManualClock, settings: dict[str, Any]
) -> AsyncIterator[RunningServer]:
    async with installation.running(clock, **settings) as one:
        yield one


@pytest.fixture
def later(server: RunningServer, clock: ManualClock) -> Later:
    """Lets time pass: `await later(minutes=30)`."""

    async def pass_by(**time: Any) -> None:
        clock.advance(**time)
        await server.expire()

    return pass_by


@pytest.fixture
async def http(server: RunningServer) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the REST routes, as curl is one."""
    async with aiohttp.ClientSession(server.url) as client:
        yield client


@pytest.fixture
async def direct(server: RunningServer) -> AsyncIterator[aiohttp.ClientSession]:
    """The same, to one of the nodes, past what stands in front of them."""
    async with aiohttp.ClientSession(server.node_urls[0]) as client:
        yield client
