"""A server with two people who talk, and one who has no business with them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.apis.attacks.scenes import Scene
from tests.apis.event_queue.people import CLIENT_ID
from tests.clocks import ManualClock
from tests.installations import MEMORY, THREE, Installation
from tests.issuers import ISSUER, Signer
from tests.postgres_servers import lent_database
from tests.servers import RunningServer
from tests.transports.issuer import Issuer, issuing


@pytest.fixture(scope="session", params=[MEMORY], ids=str)
def installation(request: pytest.FixtureRequest) -> Installation:
    """One alone: what is refused here is refused before any store is asked, or by the core."""
    one: Installation = request.param
    return one


@pytest.fixture
def signer() -> Signer:
    """The key of the issuer whose identity tokens are believed."""
    return Signer("ES256", "key-1")


@pytest.fixture
async def issuer(signer: Signer) -> AsyncIterator[Issuer]:
    async with issuing() as one:
        one.jwks = [signer.jwk]
        yield one


@pytest.fixture
async def server(
    installation: Installation,
    clock: ManualClock,
    settings: dict[str, Any],
    issuer: Issuer,
    tmp_path: Path,
) -> AsyncIterator[RunningServer]:
    async with AsyncExitStack() as stack:
        if installation is THREE:
            settings = {
                "DATABASE_URL": await stack.enter_async_context(lent_database()),
                **settings,
            }
        oidc = {
            "GOOGLE_CLIENT_ID": CLIENT_ID,
            "GOOGLE_ISSUER": ISSUER,
            "GOOGLE_CERTS_URL": issuer.url,
        }
        settings = {"RATE_LIMITS": "off", "DATA_DIR": tmp_path, **oidc, **settings}
        yield await stack.enter_async_context(installation.running(clock, **settings))


@pytest.fixture
async def scene(server: RunningServer, http: aiohttp.ClientSession) -> Scene:
    """Alice and Bob have said something to each other wherever one can."""
    one = Scene(server, http)
    await one.begin()
    return one
