"""Strangers, and how they meet."""

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from tests.apis.random_groups.strangers import Stranger
from tests.servers import RunningServer

MeetStranger = Callable[[str], Awaitable[Stranger]]


@pytest.fixture
async def stranger(
    server: RunningServer, http: aiohttp.ClientSession
) -> AsyncIterator[MeetStranger]:
    """Brings somebody under a pseudonym, connected: `dave = await stranger("dave")`."""
    people: list[Stranger] = []

    async def come(login: str) -> Stranger:
        issued = await server.chat.tokens.issue_guest("127.0.0.1", login)
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
