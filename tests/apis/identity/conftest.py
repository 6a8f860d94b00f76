"""A server that knows guests, another system's users and an issuer's, and lines to it.

It stands on a `ManualClock`: no token runs out until a test says so.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from tests.apis.identity.watching import Doorman
from tests.apis.session_relay.official import CLIENTS, Client, Scenes, play
from tests.clocks import ManualClock
from tests.issuers import AUDIENCE, ISSUER, Signer, by_secret
from tests.servers import RunningServer, running
from tests.transports.issuer import Issuer, issuing
from tests.transports.wire import Line, PollingLine, WebSocketLine

SECRET = "secret that another system has, too"
NOW_S = 1_800_000_000

Enter = Callable[..., Awaitable[Line]]
Later = Callable[..., Awaitable[None]]


@pytest.fixture
def settings() -> dict[str, Any]:
    """Of the server, besides the secret and the issuer."""
    return {}


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
    clock: ManualClock, settings: dict[str, Any], issuer: Issuer
) -> AsyncIterator[RunningServer]:
    whole = {
        "JWT_SECRET": SECRET,
        "JWT_JWKS_URL": issuer.url,
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        "ADMIN_CLAIM": "roles=admin",
        **settings,
    }
    async with running(clock, **whole) as one:
        yield one


@pytest.fixture
def doorman(server: RunningServer) -> Doorman:
    """Watches who comes, lapses and goes."""
    one = Doorman()
    server.app.chat.sign_ins.watch(one)
    return one


@pytest.fixture
async def http(server: RunningServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.url) as client:
        yield client


@pytest.fixture
def later(server: RunningServer, clock: ManualClock) -> Later:
    """Lets time pass: `await later(minutes=30)`."""

    async def pass_by(**time: Any) -> None:
        clock.advance(**time)
        await server.app.chat.sign_ins.expire()

    return pass_by


@pytest.fixture(params=[WebSocketLine, PollingLine], ids=["websocket", "polling"])
async def enter(request: pytest.FixtureRequest, server: RunningServer) -> AsyncIterator[Enter]:
    """Opens a line and shows a handshake: `line = await enter({"token": token})`."""
    lines: list[Line] = []

    async def open_line(*auth: Any) -> Line:
        line: Line = request.param(server.url)
        lines.append(line)
        await line.shake_hands()
        await line.send("40" + "".join(map(json.dumps, auth)))
        await line.until(
            lambda: line.is_ended or any(str(one)[:2] in ("40", "44") for one in line.heard)
        )
        return line

    yield open_line
    for line in lines:
        await line.leave()


def token_of(user: str | int = "alice", **claims: Any) -> str:
    """A token of another system that has the secret."""
    return by_secret({"sub": user, **claims}, SECRET.encode())


# --- official clients ---


@pytest.fixture(scope="session", params=CLIENTS, ids=str)
def official(request: pytest.FixtureRequest) -> Client:
    """Each of the official clients in turn."""
    client: Client = request.param
    return client


@pytest.fixture(scope="session")
def scenes(official: Client) -> Scenes:
    """What an official client saw, of all scenarios, played at once on one server."""
    names = ("guest", "handshakes", "expiring", "renewing")
    return asyncio.run(play(official, *names, JWT_SECRET=SECRET))
