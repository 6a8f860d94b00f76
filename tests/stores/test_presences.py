"""Who is connected: what each process says of it, and what is left of those that have ended."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from server.core.ids import NumericUserId, UserId
from server.core.ports import PresenceStore
from server.stores.memory.presences import MemoryPresences
from server.stores.redis.connect import connect
from server.stores.redis.presences import WORKSPACES, RedisPresences
from tests.redis_servers import RedisServer, shared_old_redis, shared_redis
from tests.redis_sets import shared_cluster

ALICE, BOB, SEVEN = UserId("alice"), UserId("bob and carol"), NumericUserId("7")
NOW, LATER, LATEST = 1_000, 2_000, 3_000

SERVERS: dict[str, Callable[[], list[RedisServer]]] = {
    "redis": lambda: [shared_redis()],
    "redis-6.2": lambda: [shared_old_redis()],
    "redis-cluster": lambda: list(shared_cluster()),
}

Two = tuple[PresenceStore, PresenceStore]


@asynccontextmanager
async def opened(name: str) -> AsyncIterator[Two]:
    """Empty, as two processes have it."""
    servers = SERVERS[name]()
    for server in servers:
        with server.client() as client:
            client.flushall()
    link = await connect(servers[0].url, timeout_s=20)
    try:
        yield RedisPresences(link, "1n0"), RedisPresences(link, "2n0")
    finally:
        await link.close()


@pytest.fixture(params=list(SERVERS))
async def two(request: pytest.FixtureRequest) -> AsyncIterator[Two]:
    async with opened(request.param) as found:
        yield found


@pytest.fixture(params=["memory", *SERVERS])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[PresenceStore]:
    """As one process has it."""
    if request.param == "memory":
        yield MemoryPresences()
        return
    async with opened(request.param) as (one, _):
        yield one


async def test_who_is_held_is_new_once_and_present(store: PresenceStore):
    assert set(await store.hold((ALICE, SEVEN), LATER, NOW)) == {ALICE, SEVEN}
    assert await store.hold((ALICE, BOB), LATER, NOW) == (BOB,)

    found = await store.present((ALICE, BOB, SEVEN, UserId("nobody")), NOW)
    assert found == {ALICE, BOB, SEVEN}
    assert [type(one) for one in found if one == SEVEN] == [NumericUserId]


async def test_nobody_is_nobody(store: PresenceStore):
    assert await store.hold((), LATER, NOW) == ()
    assert await store.present((), NOW) == frozenset()
    assert await store.lapsed(NOW, 10) == ()
    assert not await store.release(ALICE, NOW)


async def test_who_is_released_is_gone_once_and_may_come_again(store: PresenceStore):
    await store.hold((ALICE, BOB), LATER, NOW)

    assert await store.release(ALICE, NOW)
    assert not await store.release(ALICE, NOW)
    assert await store.present((ALICE, BOB), NOW) == {BOB}
    assert await store.hold((ALICE,), LATER, NOW) == (ALICE,)


async def test_who_is_at_two_processes_is_gone_with_the_last(two: Two):
    one, other = two
    await one.hold((ALICE,), LATER, NOW)

    assert await other.hold((ALICE,), LATER, NOW) == ()
    assert not await one.release(ALICE, NOW)
    assert await one.present((ALICE,), NOW) == {ALICE}
    assert await other.release(ALICE, NOW)


async def test_whom_a_process_does_not_say_again_has_gone_and_one_caller_is_told(two: Two):
    one, other = two
    await one.hold((ALICE, BOB, SEVEN), LATER, NOW)
    await other.hold((BOB,), LATEST, NOW)
    await one.hold((SEVEN,), LATEST, NOW)

    assert await other.present((ALICE, BOB, SEVEN), LATER) == {BOB, SEVEN}
    told = await asyncio.gather(*(store.lapsed(LATER, 10) for store in (one, other, one)))
    assert [user for users in told for user in users] == [ALICE]
    assert not await one.release(ALICE, LATER)
    assert set(await other.lapsed(LATEST, 10)) == {BOB, SEVEN}


async def test_who_comes_back_after_its_process_has_died_is_new(two: Two):
    one, other = two
    await one.hold((ALICE,), LATER, NOW)

    assert await other.hold((ALICE,), LATEST, LATER) == (ALICE,)
    assert await other.lapsed(LATER, 10) == ()
    assert await other.present((ALICE,), LATER) == {ALICE}


@pytest.mark.parametrize("name", list(SERVERS))
async def test_who_is_in_one_space_is_not_in_another(name: str):
    async with opened(name) as (users, _):
        assert isinstance(users, RedisPresences)
        others = RedisPresences(users._link, "1n0", WORKSPACES)
        await users.hold((ALICE,), LATER, NOW)

        assert await others.present((ALICE,), NOW) == frozenset()
        assert await others.hold((ALICE,), LATEST, NOW) == (ALICE,)
        assert await users.lapsed(LATER, 10) == (ALICE,)
        assert await others.lapsed(LATER, 10) == ()
        assert await others.release(ALICE, LATER)


async def test_one_of_two_that_come_at_once_is_the_first(two: Two):
    one, other = two
    told = await asyncio.gather(*(store.hold((ALICE,), LATER, NOW) for store in (one, other) * 5))

    assert [user for users in told for user in users] == [ALICE]
