"""Servers that serve workspaces, and people in and out of one."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server.transports.api import CHAT, MAIN
from tests.apis.durable import database
from tests.apis.workspaces.listeners import Listen, Listener
from tests.apis.workspaces.people import Colleague, OpenAccount, sign_up
from tests.apis.workspaces.shelf import Shelf
from tests.clocks import ManualClock
from tests.installations import Installation
from tests.servers import SECRET, RunningServer


@pytest.fixture
async def server(
    installation: Installation, clock: ManualClock, settings: dict[str, Any], tmp_path: Path
) -> AsyncIterator[RunningServer]:
    """In memory, in a file, or several nodes on one PostgreSQL."""
    async with database(installation, tmp_path) as url:
        given = {"DATABASE_URL": url, "JWT_SECRET": SECRET, "DATA_DIR": tmp_path, **settings}
        async with installation.running(clock, **given) as one:
            yield one


@pytest.fixture
def open_account(http: aiohttp.ClientSession, server: RunningServer) -> OpenAccount:
    """Signs somebody up: `alice = await open_account("alice")`."""

    async def one(name: str) -> Colleague:
        return await sign_up(http, server, name)

    return one


@pytest.fixture
async def alice(open_account: OpenAccount) -> Colleague:
    return await open_account("alice")


@pytest.fixture
async def bob(open_account: OpenAccount) -> Colleague:
    return await open_account("bob")


@pytest.fixture
async def carol(open_account: OpenAccount) -> Colleague:
    return await open_account("carol")


@pytest.fixture
async def acme(alice: Colleague) -> str:
    """The id of a workspace that Alice owns."""
    return await alice.makes_workspace("Acme")


# --- over Socket.IO ---


@pytest.fixture(params=[CHAT, MAIN])
def namespace(request: pytest.FixtureRequest) -> str:
    """Each in turn: what is promised, is promised in both."""
    one: str = request.param
    return one


@pytest.fixture
async def listen(server: RunningServer, namespace: str) -> AsyncIterator[Listen]:
    """Connects somebody: `tab = await listen(alice)`."""
    opened: list[Listener] = []

    async def one(who: Colleague) -> Listener:
        listener = Listener(server, who, namespace)
        opened.append(listener)
        return await listener.open()

    yield one
    for listener in opened:
        await listener.vanish()


@pytest.fixture
async def general(alice: Colleague, bob: Colleague, acme: str) -> str:
    """The id of a channel of Alice and Bob, which the server seals."""
    await alice.adds(acme, bob)
    made: str = (await alice.makes(acme, bob))["id"]
    return made


@pytest.fixture
async def shelf(
    http: aiohttp.ClientSession,
    server: RunningServer,
    alice: Colleague,
    bob: Colleague,
    carol: Colleague,
    acme: str,
    clock: ManualClock,
    tmp_path: Path,
) -> Shelf:
    """The files of a channel in which Alice and Bob are; Carol is in its workspace alone."""
    for one in (bob, carol):
        await alice.adds(acme, one)
    return Shelf(http, server, clock, (await alice.makes(acme, bob))["id"], tmp_path)
