"""Fixtures that are people and things."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.clocks import ManualClock
from tests.people import Person
from tests.servers import RunningServer, running

Meet = Callable[..., Awaitable[Person]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    """A server with the default settings and no grace, so that lost members leave at once."""
    async with running(RECONNECT_GRACE_S=0) as one:
        yield one


@pytest.fixture
async def meet(server: RunningServer) -> AsyncIterator[Meet]:
    """Connects people to the server: `alice = await meet()`."""
    people: list[Person] = []

    async def connect(transport: str = "websocket") -> Person:
        person = Person(server, transport)
        people.append(person)
        return await person.connect()

    yield connect
    for person in people:
        await person.leave()
