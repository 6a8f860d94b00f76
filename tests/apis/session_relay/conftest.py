"""People and things of the session relay, and what official clients saw of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from engineio import packet as engine_packet

from tests.apis.session_relay.official import CLIENTS, TOGETHER, Client, Scene, Scenes, play
from tests.apis.session_relay.sessions import Session
from tests.conftest import Meet
from tests.installations import Installation
from tests.people import Person, catch_up
from tests.servers import RunningServer, until

Part = Callable[[Person], Awaitable[None]]


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
        connections = server.connections
        await engine._send_packet(engine_packet.Packet(engine_packet.CLOSE))
        await engine.queue.join()
        await person.vanish()
        await until(lambda: server.connections < connections)

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
def scenes(installation: Installation, official: Client) -> Scenes:
    """What an official client saw of everything, played at once on one server."""
    settings = {"RECONNECT_GRACE_S": 30, "MAX_SESSION_HISTORY_MESSAGES": 10}
    return asyncio.run(play(installation, official, *TOGETHER, **settings))


@pytest.fixture(scope="session")
def losing(installation: Installation, official: Client) -> Scene:
    """What it saw of somebody's loss on a server without any grace."""
    return asyncio.run(play(installation, official, "losing", RECONNECT_GRACE_S=0))["losing"]


@pytest.fixture(scope="session")
def restarting(installation: Installation, official: Client) -> Scene:
    """What it saw of a server that goes and comes back."""
    return asyncio.run(play(installation, official, "restarting"))["restarting"]
