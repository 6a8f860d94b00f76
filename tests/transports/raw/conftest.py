"""An office, servers with its API, and people with devices."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from server.core.ids import UserId
from tests.servers import RunningServer, running
from tests.transports.raw.letters import Office
from tests.transports.raw.sockets import JWT_SECRET, Client, token

Meet = Callable[..., Awaitable[Client]]

PEOPLE = tuple(map(UserId, ("alice", "bob", "carol")))


@pytest.fixture
async def office() -> Office:
    """With a room of three."""
    one = Office()
    one.members["tea"] = PEOPLE
    one.members["coffee"] = PEOPLE
    return one


@pytest.fixture
async def server(office: Office) -> AsyncIterator[RunningServer]:
    async with running(None, None, (office.api(),), JWT_SECRET=JWT_SECRET) as one:
        yield one


@pytest.fixture
async def meet(server: RunningServer) -> AsyncIterator[Meet]:
    """Connects people: `alice = await meet("alice", "phone")`."""
    clients: list[Client] = []

    async def connect(
        user: str = "alice", device: str | None = "phone", url: str = "", **options: Any
    ) -> Client:
        clients.append(Client(url or server.url))
        return await clients[-1].open(token(user, device), **options)

    yield connect
    for client in clients:
        await client.leave()
