"""People and things of the session relay, and what official clients saw of it.

Servers stand on a `ManualClock` here: nothing expires, and no grace ends, until a test says so.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from engineio import packet as engine_packet

from tests.apis.session_relay.official import CLIENTS, TOGETHER, Client, Scene, Scenes, play
from tests.apis.session_relay.sessions import Session, catch_up
from tests.clocks import ManualClock
from tests.conftest import Meet
from tests.people import Person
from tests.servers import RunningServer, running, until

Later = Callable[..., Awaitable[None]]
Part = Callable[[Person], Awaitable[None]]


@pytest.fixture
def settings() -> dict[str, Any]:
    """Of the server; `configured(…)` gives a test its own."""
    return {}


@pytest.fixture
async def server(clock: ManualClock, settings: dict[str, Any]) -> AsyncIterator[RunningServer]:
    async with running(clock, **settings) as one:
        yield one


@pytest.fixture
def later(server: RunningServer, clock: ManualClock) -> Later:
    """Lets time pass: `await later(minutes=30)`."""

    async def pass_by(**time: Any) -> None:
        clock.advance(**time)
        await server.app.chat.rooms.expire()

    return pass_by


@pytest.fixture
async def http(server: RunningServer) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the REST routes, as curl is one."""
    async with aiohttp.ClientSession(server.url) as client:
        yield client


# --- people ---


@pytest.fixture
async def meet(server: RunningServer) -> AsyncIterator[Meet]:
    """Connects people to the server: `dave = await meet()`."""
    people: list[Person] = []

    async def connect(transport: str = "websocket") -> Person:
        people.append(Person(server, transport))
        return await people[-1].connect()

    yield connect
    for person in people:
        await person.vanish()


@pytest.fixture
def lose(server: RunningServer) -> Part:
    """Cuts somebody's connection without a DISCONNECT: `await lose(bob)`."""

    async def cut(person: Person) -> None:
        engine = person._socket.eio
        connections = server.app._gate.connections
        await engine._send_packet(engine_packet.Packet(engine_packet.CLOSE))
        await engine.queue.join()
        await person.vanish()
        await until(lambda: server.app._gate.connections < connections)

    return cut


@pytest.fixture(params=["websocket", "polling"])
def transport(request: pytest.FixtureRequest) -> str:
    """How alice and bob and carol are connected."""
    name: str = request.param
    return name


@pytest.fixture
async def alice(meet: Meet, transport: str) -> Person:
    return await meet(transport)


@pytest.fixture
async def bob(meet: Meet, transport: str) -> Person:
    return await meet(transport)


@pytest.fixture
async def carol(meet: Meet, transport: str) -> Person:
    return await meet(transport)


@pytest.fixture
async def session(alice: Person, bob: Person) -> Session:
    """Created by alice, joined by bob; both have heard all of that and forgotten it."""
    tokens = {}
    for name, person in {"alice": alice, "bob": bob}.items():
        more = {"publicKey": f"key of {name}", "displayName": name.title()}
        ack = await person.join("abc123:xyz789", name, isCreator=name == "alice", **more)
        tokens[name] = ack["memberToken"]
    await catch_up(alice, bob)
    alice.heard.clear()
    bob.heard.clear()
    return Session("abc123", "xyz789", tokens)


@pytest.fixture
async def session_of_three(session: Session, alice: Person, bob: Person, carol: Person) -> Session:
    """The same, joined by carol too."""
    ack = await carol.join("abc123:xyz789", "carol", publicKey="key of carol", displayName="Carol")
    await catch_up(alice, bob, carol)
    for person in (alice, bob, carol):
        person.heard.clear()
    return session._replace(tokens={**session.tokens, "carol": ack["memberToken"]})


# --- official clients ---


@pytest.fixture(scope="session", params=CLIENTS, ids=str)
def official(request: pytest.FixtureRequest) -> Client:
    """Each of the official clients in turn."""
    client: Client = request.param
    return client


@pytest.fixture(scope="session")
def scenes(official: Client) -> Scenes:
    """What an official client saw of everything, played at once on one server."""
    settings = {"RECONNECT_GRACE_S": 30, "MAX_SESSION_HISTORY_MESSAGES": 10}
    return asyncio.run(play(official, *TOGETHER, **settings))


@pytest.fixture(scope="session")
def losing(official: Client) -> Scene:
    """What it saw of somebody's loss on a server without any grace."""
    return asyncio.run(play(official, "losing", RECONNECT_GRACE_S=0))["losing"]


@pytest.fixture(scope="session")
def restarting(official: Client) -> Scene:
    """What it saw of a server that goes and comes back."""
    return asyncio.run(play(official, "restarting"))["restarting"]
