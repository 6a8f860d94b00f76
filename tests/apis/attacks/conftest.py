"""A server with two people who talk, and one who has no business with them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from tests.apis.attacks.scenes import Scene
from tests.clocks import ManualClock
from tests.installations import MEMORY, THREE, Installation
from tests.postgres_servers import lent_database
from tests.servers import RunningServer


@pytest.fixture(scope="session", params=[MEMORY], ids=str)
def installation(request: pytest.FixtureRequest) -> Installation:
    """One alone: what is refused here is refused before any store is asked, or by the core."""
    one: Installation = request.param
    return one


@pytest.fixture
async def server(
    installation: Installation, clock: ManualClock, settings: dict[str, Any]
) -> AsyncIterator[RunningServer]:
    async with AsyncExitStack() as stack:
        if installation is THREE:
            settings = {
                "DATABASE_URL": await stack.enter_async_context(lent_database()),
                **settings,
            }
        settings = {"RATE_LIMITS": "off", **settings}
        yield await stack.enter_async_context(installation.running(clock, **settings))


@pytest.fixture
async def scene(server: RunningServer, http: aiohttp.ClientSession) -> Scene:
    """Alice and Bob have said something to each other wherever one can."""
    one = Scene(server, http)
    await one.begin()
    return one
