"""Three nodes on one Redis let go of what is due: one of them does, and all hear of it, once."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest

from tests.clocks import LIMIT_S, ManualClock
from tests.people import Person, catch_up
from tests.redis_servers import shared_redis
from tests.servers import ADMIN_TOKEN, SECRET, RunningServer, namespace_of, running, until

SESSIONS = ("tea", "coffee", "cocoa")


@pytest.fixture
async def nodes(clock: ManualClock) -> AsyncIterator[list[RunningServer]]:
    redis = shared_redis()
    with redis.client() as client:
        client.flushall()
    own = {"REDIS_URL": redis.url, "JWT_SECRET": SECRET, "ADMIN_TOKEN": ADMIN_TOKEN}
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running(clock, **own)) for _ in range(3)]


@pytest.fixture
async def people(nodes: list[RunningServer]) -> AsyncIterator[list[Person]]:
    """One at each node, each in all sessions."""
    here = [await Person(node).connect() for node in nodes]
    for number, person in enumerate(here):
        for session in SESSIONS:
            joined = await person.join(session, f"m{number}", isCreator=True)
            assert joined["success"]
    await catch_up(*here)
    yield here
    await asyncio.gather(*(person.leave() for person in here), return_exceptions=True)


async def reaped(nodes: list[RunningServer], kind: str) -> float:
    """How many were let go of by all nodes together."""
    total = 0.0
    async with aiohttp.ClientSession() as http:
        for node in nodes:
            text = await (await http.get(f"{node.url}/metrics")).text()
            found = re.search(rf'reaped_total{{kind="{kind}"}} (\S+)', text)
            total += float(found[1]) if found else 0
    return total


async def until_reaped(nodes: list[RunningServer], kind: str, count: int) -> None:
    """They are counted when a round of the reaper is over, after all were told; and not twice."""
    async with asyncio.timeout(LIMIT_S):
        while await reaped(nodes, kind) < count:
            await asyncio.sleep(0.01)
    assert await reaped(nodes, kind) == count


async def hear_all(people: list[Person], event: str, count: int) -> None:
    """Wait until everybody has heard so many of these events."""
    for person in people:
        await person.next(event, nth=count)


def endings(person: Person) -> list[str]:
    return [told["error"] for told in person.all("session-error")]


async def test_thirty_idle_minutes_are_noticed_by_one_node_and_heard_by_everybody_once(
    nodes: list[RunningServer], people: list[Person], clock: ManualClock
) -> None:
    clock.advance(minutes=30)
    await hear_all(people, "session-error", len(SESSIONS))
    # Whoever is told twice is told before this is over, which is reaped in the same way.
    for person in people:
        assert (await person.join("anew", f"n{people.index(person)}", isCreator=True))["success"]
    clock.advance(minutes=30)
    await hear_all(people, "session-error", len(SESSIONS) + 1)
    await catch_up(*people)

    all_ended = ["session_expired"] * (len(SESSIONS) + 1)
    assert [endings(person) for person in people] == [all_ended] * len(people)
    await until_reaped(nodes, "sessions", len(SESSIONS) + 1)


async def test_who_is_lost_leaves_once_in_the_eyes_of_everybody(
    nodes: list[RunningServer], people: list[Person], clock: ManualClock
) -> None:
    lost, *others = people
    await lost.vanish()
    # Until the loss is noted, with the time that it is then.
    await until(lambda: not namespace_of(nodes[0].app)._hub._listeners)

    clock.advance(seconds=3)
    await hear_all(others, "user-left", len(SESSIONS))
    # Whoever is told twice is told before this.
    newcomer = await Person(nodes[0]).connect()
    people[0] = newcomer
    heard = [len(person.all("user-joined")) for person in others]
    await newcomer.join("tea", "m0")
    for person, count in zip(others, heard, strict=True):
        await person.next("user-joined", nth=count + 1)

    told = [[one["userId"] for one in person.all("user-left")] for person in others]
    assert told == [["m0"] * len(SESSIONS)] * len(others)
    await until_reaped(nodes, "members", len(SESSIONS))
