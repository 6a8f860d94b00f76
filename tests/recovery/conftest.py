"""Official clients whose connections drop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.apis.session_relay.official import Client, Scene, Scenes, play
from tests.clocks import ManualClock
from tests.installations import MEMORY, REDIS, Installation
from tests.recovery.places import PLACES, Place, open_place
from tests.recovery.travellers import Traveller

Travel = Callable[..., Awaitable[Traveller]]

CLIENTS = [Client(4, way) for way in ("websocket", "polling", "polling,websocket")]

WITH_GRACE = (
    "missing",
    "nothing",
    "first",
    "twice",
    "several",
    "halfOpen",
    "declining",
    "leaving",
    "removed",
    "locked",
    "onceOnly",
    "retrying",
)


@pytest.fixture(scope="session", params=CLIENTS, ids=str)
def official(request: pytest.FixtureRequest) -> Client:
    """The official client, over each of its transports."""
    client: Client = request.param
    return client


@pytest.fixture(scope="session", params=[MEMORY, REDIS], ids=str)
def installation(request: pytest.FixtureRequest) -> Installation:
    one: Installation = request.param
    return one


@pytest.fixture(scope="session")
def scenes(official: Client, installation: Installation) -> Scenes:
    """What was seen where lost members have a grace."""
    names = [f"recovery.{name}" for name in WITH_GRACE]
    settings = {"RECONNECT_GRACE_S": 30, "RATE_LIMITS": "off"}
    return asyncio.run(play(installation, official, *names, **settings))


@pytest.fixture(scope="session")
def put_out(official: Client, installation: Installation) -> Scene:
    """What was seen where lost members leave at once."""
    name = "recovery.putOut"
    settings = {"RECONNECT_GRACE_S": 0, "RATE_LIMITS": "off"}
    return asyncio.run(play(installation, official, name, **settings))[name]


@pytest.fixture(scope="session")
def turned_off(official: Client) -> Scene:
    """What was seen where nobody is restored."""
    name = "recovery.off"
    return asyncio.run(play(MEMORY, official, name, RECOVERY_S=0, RECONNECT_GRACE_S=30))[name]


# --- people whose lines tests hold in their hands ---


@pytest.fixture
def settings() -> dict[str, Any]:
    """Of the server."""
    return {"RATE_LIMITS": "off", "RECONNECT_GRACE_S": 30}


@pytest.fixture(params=PLACES)
def site(request: pytest.FixtureRequest) -> str:
    """Where all of this happens."""
    name: str = request.param
    return name


@pytest.fixture
async def server(site: str, clock: ManualClock, settings: dict[str, Any]) -> AsyncIterator[Place]:
    async with open_place(site, clock, **settings) as place:
        yield place


@pytest.fixture
async def travel(server: Place) -> AsyncIterator[Travel]:
    """Connects people: `carol = await travel()`."""
    people: list[Traveller] = []

    async def connect(transport: str = "websocket", **auth: Any) -> Traveller:
        people.append(Traveller(server.url, transport, **auth))
        return await people[-1].connect()

    yield connect
    for person in people:
        await person.line.leave()


@pytest.fixture
async def alice(travel: Travel) -> Traveller:
    """In the lair."""
    one = await travel()
    await one.join("lair", "alice", publicKey="alice's key")
    return one


@pytest.fixture(params=["websocket", "polling"])
def transport(request: pytest.FixtureRequest) -> str:
    """Of those who drop."""
    name: str = request.param
    return name


@pytest.fixture
async def carol(transport: str, travel: Travel, alice: Traveller) -> Traveller:
    """In the lair."""
    one = await travel(transport)
    await one.join("lair", "carol", publicKey="carol's key", displayName="Carol")
    return one
