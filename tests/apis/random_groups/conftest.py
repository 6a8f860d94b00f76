"""Strangers, and the server on which they meet: its clock stands still until a test moves it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from tests.apis.random_groups.strangers import Stranger
from tests.clocks import ManualClock
from tests.servers import RunningServer, running

MeetStranger = Callable[[str], Awaitable[Stranger]]
Later = Callable[..., Awaitable[None]]


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
        for part in (server.app.chat.sign_ins, server.app.chat.groups):
            await part.expire()

    return pass_by


@pytest.fixture
async def http(server: RunningServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.url) as client:
        yield client


@pytest.fixture
async def stranger(
    server: RunningServer, http: aiohttp.ClientSession
) -> AsyncIterator[MeetStranger]:
    """Brings somebody under a pseudonym, connected: `dave = await stranger("dave")`."""
    people: list[Stranger] = []

    async def come(login: str) -> Stranger:
        issued = await server.app.chat.tokens.issue_guest("127.0.0.1", login)
        people.append(Stranger(server, http, issued))
        return await people[-1].arrive()

    yield come
    for person in people:
        await person.vanish()


@pytest.fixture
async def alice(stranger: MeetStranger) -> Stranger:
    return await stranger("alice")


@pytest.fixture
async def bob(stranger: MeetStranger) -> Stranger:
    return await stranger("bob")


@pytest.fixture
async def carol(stranger: MeetStranger) -> Stranger:
    return await stranger("carol")


@pytest.fixture
async def pair(alice: Stranger, bob: Stranger) -> tuple[Stranger, Stranger]:
    """Alice and Bob in one group; both have forgotten how they came."""
    await alice.enter()
    await bob.enter()
    await alice.next("key_rotation_needed")
    alice.heard.clear()
    bob.heard.clear()
    return alice, bob
