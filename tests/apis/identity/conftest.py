"""A server that knows guests, another system's users and an issuer's, and lines to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.apis.identity.watching import Doorman
from tests.apis.session_relay.official import CLIENTS, Client, Scenes, play
from tests.clocks import ManualClock
from tests.installations import Installation
from tests.issuers import AUDIENCE, ISSUER, Signer, by_secret
from tests.servers import RunningServer
from tests.transports.issuer import Issuer, issuing
from tests.transports.wire import Line, PollingLine, WebSocketLine

SECRET = "secret that another system has, too"
NOW_S = 1_800_000_000

LINES: dict[str, Callable[[str], Line]] = {"websocket": WebSocketLine, "polling": PollingLine}

Enter = Callable[..., Awaitable[Line]]


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
    installation: Installation, clock: ManualClock, settings: dict[str, Any], issuer: Issuer
) -> AsyncIterator[RunningServer]:
    whole = {
        "JWT_SECRET": SECRET,
        "JWT_JWKS_URL": issuer.url,
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        "ADMIN_CLAIM": "roles=admin",
        **settings,
    }
    async with installation.running(clock, **whole) as one:
        yield one


@pytest.fixture
def doorman(server: RunningServer) -> Doorman:
    """Watches who comes, lapses and goes."""
    one = Doorman()
    for node in server.nodes:
        node.chat.sign_ins.watch(one)
    return one


@pytest.fixture(params=LINES)
def transport(request: pytest.FixtureRequest) -> str:
    """Of the lines that are opened."""
    name: str = request.param
    return name


@pytest.fixture
async def enter(transport: str, server: RunningServer) -> AsyncIterator[Enter]:
    """Opens a line and shows a handshake: `line = await enter({"token": token})`."""
    lines: list[Line] = []

    async def open_line(*auth: Any) -> Line:
        line = LINES[transport](server.url)
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
def scenes(installation: Installation, official: Client) -> Scenes:
    """What an official client saw, of all scenarios, played at once on one server."""
    names = ("guest", "handshakes", "expiring", "renewing")
    return asyncio.run(play(installation, official, *names, JWT_SECRET=SECRET))
