"""Official clients whose connections drop."""

import asyncio

import pytest

from tests.apis.session_relay.official import Client, Scene, Scenes, play

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
)


@pytest.fixture(scope="session", params=CLIENTS, ids=str)
def official(request: pytest.FixtureRequest) -> Client:
    """The official client, over each of its transports."""
    client: Client = request.param
    return client


@pytest.fixture(scope="session")
def scenes(official: Client) -> Scenes:
    """What was seen where lost members have a grace."""
    names = [f"recovery.{name}" for name in WITH_GRACE]
    return asyncio.run(play(official, *names, RECONNECT_GRACE_S=30))


@pytest.fixture(scope="session")
def put_out(official: Client) -> Scene:
    """What was seen where lost members leave at once."""
    name = "recovery.putOut"
    return asyncio.run(play(official, name, RECONNECT_GRACE_S=0))[name]


@pytest.fixture(scope="session")
def turned_off(official: Client) -> Scene:
    """What was seen where nobody is restored."""
    name = "recovery.off"
    return asyncio.run(play(official, name, RECOVERY_S=0, RECONNECT_GRACE_S=30))[name]
