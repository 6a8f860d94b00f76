"""Each installation in turn: what the APIs promise, they promise on all of them.

Every test is run on each. Two kinds are run with all of their values in memory, and with a few on
the others: what is settled at the door, before any store is asked, is the same code everywhere;
and so is what the versions of the official client differ in.

Servers stand on a `ManualClock` here: nothing expires, and no grace ends, until a test says so.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.apis.session_relay.official import ON_REDIS
from tests.clocks import ManualClock
from tests.installations import INSTALLATIONS, MEMORY, Installation
from tests.servers import RunningServer

APIS = Path(__file__).parent

Later = Callable[..., Awaitable[None]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what would only be repeated on Redis."""
    seen: set[tuple[str, str]] = set()
    left_out = [item for item in items if _is_repeated(item, seen)]
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]


def _is_repeated(item: pytest.Item, seen: set[tuple[str, str]]) -> bool:
    is_ours = item.path.is_relative_to(APIS) and isinstance(item, pytest.Function)
    values = item.callspec.params if is_ours and hasattr(item, "callspec") else {}
    where = values.get("installation", MEMORY)
    if where is MEMORY:
        return False
    if values.get("official", ON_REDIS[0]) not in ON_REDIS:
        return True
    one = (item.nodeid.partition("[")[0], str(where))
    is_again = item.get_closest_marker("at_the_door") is not None and one in seen
    seen.add(one)
    return is_again


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
