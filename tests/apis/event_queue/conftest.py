"""Servers that believe an issuer of identity tokens, and people who have registered by it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.apis.durable import database
from tests.apis.event_queue.people import CLIENT_ID, Member, call, id_token
from tests.clocks import ManualClock
from tests.installations import Installation
from tests.issuers import ISSUER, Signer
from tests.servers import RunningServer
from tests.transports.issuer import Issuer, issuing

Join = Callable[..., Awaitable[Member]]


@pytest.fixture
def signer() -> Signer:
    """The issuer's key."""
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
    """In memory, in a file, or several nodes on one PostgreSQL."""
    oidc = {
        "GOOGLE_CLIENT_ID": CLIENT_ID,
        "GOOGLE_ISSUER": ISSUER,
        "GOOGLE_CERTS_URL": issuer.url,
    }
    async with (
        database(installation, tmp_path) as url,
        installation.running(clock, **{"DATABASE_URL": url, **oidc, **settings}) as one,
    ):
        yield one


@pytest.fixture
def join(http: aiohttp.ClientSession, signer: Signer) -> Join:
    """Has somebody register: `alice = await join("alice")`."""

    async def one(subject: str, **more: Any) -> Member:
        body = {"id_token": id_token(signer, ISSUER, subject), "public_key": f"key of {subject}"}
        status, answer = await call(http, "POST", "/api/register", {**body, **more})
        assert status in (200, 201), answer
        return Member(http, answer)

    return one


@pytest.fixture
async def alice(join: Join) -> Member:
    return await join("alice")


@pytest.fixture
async def bob(join: Join) -> Member:
    return await join("bob")


@pytest.fixture
async def carol(join: Join) -> Member:
    return await join("carol")
