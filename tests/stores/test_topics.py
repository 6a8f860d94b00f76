"""Topics: who listens to a workspace hears what happens in it, in order, in every process."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from server.core.clock import SystemClock
from server.core.ids import ConnectionId, NumericUserId, UserId, WorkspaceId
from server.core.limits import Bounds
from server.core.workspaces.events import StandingChanged, WorkspaceEvent, WorkspaceLeft
from server.core.workspaces.values import Standing
from server.stores.live import Live, MemoryLive
from server.stores.redis import addressed, lingering
from server.stores.redis.live import RedisLive, open_redis
from server.stores.redis.nodes import Node
from server.stores.redis.told import pack, unpack
from tests.redis_servers import RedisServer, running_redis, shared_old_redis, shared_redis
from tests.redis_sets import shared_cluster
from tests.servers import until
from tests.stores.guests import POLICY
from tests.stores.strangers import POLICY as GROUP_POLICY

TEA, COFFEE, OF_A_TOKEN = map(WorkspaceId, ("tea", "coffee", "}w:{ä 7"))
ALICE = UserId("alice")

SERVERS: dict[str, Callable[[], Sequence[RedisServer]]] = {
    "redis": lambda: [shared_redis()],
    "redis-6.2": lambda: [shared_old_redis()],
    "redis-cluster": shared_cluster,
}


class Listener:
    """What one process is told, in order."""

    def __init__(self, live: Live) -> None:
        self.topics = live.topics
        self.told: list[WorkspaceEvent] = []
        self.lost: list[WorkspaceId | None] = []
        live.topics.subscribe(self.told.append, self.lost.append)


def left(number: int, workspace_id: WorkspaceId = TEA) -> WorkspaceLeft:
    return WorkspaceLeft(workspace_id=workspace_id, user_id=UserId(str(number)))


@asynccontextmanager
async def opened(url: str, name: str) -> AsyncIterator[RedisLive]:
    node = Node(node_id=name)
    live = await open_redis(
        url,
        node,
        session=POLICY,
        random=GROUP_POLICY,
        bounds=Bounds(),
        clock=SystemClock(),
    )

    async def given_up() -> None:
        raise AssertionError

    await live.start(given_up)
    try:
        yield live
    finally:
        await live.stop()


@asynccontextmanager
async def processes(name: str, count: int) -> AsyncIterator[list[Listener]]:
    servers = SERVERS[name]()
    for server in servers:
        with server.client() as client:
            client.flushall()
    async with AsyncExitStack() as stack:
        nodes = [opened(servers[0].url, f"{number}n0") for number in range(count)]
        yield [Listener(await stack.enter_async_context(one)) for one in nodes]


@pytest.fixture(params=["memory", *SERVERS])
async def listener(request: pytest.FixtureRequest) -> AsyncIterator[Listener]:
    """The only process there is."""
    if request.param == "memory":
        yield Listener(MemoryLive(GROUP_POLICY, Bounds(), SystemClock()))
        return
    async with processes(request.param, 1) as (one,):
        yield one


@pytest.fixture(params=list(SERVERS))
async def two(request: pytest.FixtureRequest) -> AsyncIterator[list[Listener]]:
    async with processes(request.param, 2) as found:
        yield found


async def test_who_listens_hears_all_of_a_workspace_in_order(listener: Listener):
    await listener.topics.hear(TEA)
    events = [left(number) for number in range(1_200)]

    for event in events:
        await listener.topics.publish(event)

    await until(lambda: len(listener.told) == len(events))
    assert listener.told == events
    assert listener.lost == []


async def test_nobody_hears_of_a_workspace_that_nobody_listens_to(listener: Listener):
    await listener.topics.hear(TEA)
    await listener.topics.publish(left(1, COFFEE))
    await listener.topics.publish(left(2))

    await until(lambda: listener.told)
    assert listener.told == [left(2)]


async def test_a_workspace_is_heard_until_the_last_one_here_has_left_it(listener: Listener):
    for workspace_id in (TEA, TEA, COFFEE):
        await listener.topics.hear(workspace_id)
    listener.topics.unhear(TEA)
    await listener.topics.publish(left(1))
    await until(lambda: listener.told)

    listener.topics.unhear(TEA)
    await listener.topics.publish(left(2))
    await listener.topics.publish(left(3, COFFEE))
    await until(lambda: len(listener.told) > 1)
    assert listener.told == [left(1), left(3, COFFEE)]


async def test_whoever_names_a_workspace_may_use_any_characters(listener: Listener):
    await listener.topics.hear(OF_A_TOKEN)
    await listener.topics.publish(left(1, OF_A_TOKEN))

    await until(lambda: listener.told)
    assert listener.told == [left(1, OF_A_TOKEN)]


async def test_all_processes_hear_the_same(two: list[Listener]):
    for listener in two:
        await listener.topics.hear(TEA)
    events = [left(number) for number in range(200)]
    for event in events:
        await two[0].topics.publish(event)

    for listener in two:
        await until(functools.partial(_has_all, listener, events))


def _has_all(listener: Listener, events: list[WorkspaceLeft]) -> bool:
    return listener.told == events


async def test_who_comes_back_at_once_misses_nothing(two: list[Listener]):
    one, other = two
    await one.topics.hear(TEA)
    one.topics.unhear(TEA)
    await one.topics.hear(TEA)
    await asyncio.sleep(0)
    await other.topics.publish(left(1))

    await until(lambda: one.told == [left(1)])


async def test_a_workspace_that_nobody_wants_is_heard_no_more(
    two: list[Listener], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lingering, "LINGER_S", 0.01)
    topics = two[0].topics
    assert isinstance(topics, addressed.AddressedBroker)
    await topics.hear(TEA)
    channel = topics._channel_of(TEA)
    assert topics._ear.hears(channel)
    topics.unhear(TEA)

    await until(lambda: not topics._ear.hears(channel))


async def test_what_redis_did_not_take_is_told_as_lost(two: list[Listener]):
    for listener in two:
        await listener.topics.hear(TEA)
        await listener.topics.hear(COFFEE)
    topics = two[0].topics
    assert isinstance(topics, addressed.AddressedBroker)
    topics._link.is_up = False
    await topics.publish(left(1))
    await until(lambda: topics._owed)
    topics._link.is_up = True

    for listener in two:
        await until(functools.partial(_has_lost, listener))
        assert listener.told == []


def _has_lost(listener: Listener) -> bool:
    return listener.lost == [TEA]


async def test_more_than_waits_for_redis_is_told_as_lost(
    two: list[Listener], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(addressed, "MAX_UNSENT", 5)
    one, other = two
    await other.topics.hear(TEA)
    for number in range(20):
        await one.topics.publish(left(number))

    await until(lambda: other.lost == [TEA])
    assert other.told == [left(number) for number in range(5)]


async def test_when_redis_has_been_away_all_may_have_been_lost() -> None:
    with running_redis() as server:
        async with opened(server.url, "1n0") as live:
            listener = Listener(live)
            await listener.topics.hear(TEA)
            server.kill()
            await until(lambda: not live.is_ready)
            server.start()

            await until(lambda: None in listener.lost and live.is_ready, 20)
            await listener.topics.publish(left(1))
            await until(lambda: left(1) in listener.told, 20)


@pytest.mark.parametrize(
    "event",
    [
        left(1),
        StandingChanged(
            workspace_id=TEA,
            user_id=NumericUserId("7"),
            standing=Standing.AWAY,
            seen_ms=1,
            said_ms=2**53,
            skip=ConnectionId("c"),
        ),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_is_the_same_after_its_way(event: WorkspaceEvent):
    back = unpack(WorkspaceEvent, pack(event))

    assert back == event
    assert type(back) is type(event)


def test_an_event_that_only_a_newer_process_knows_is_left_out():
    class Newer(WorkspaceEvent, frozen=True, kw_only=True):
        """Of another version."""

    packed = pack(Newer(workspace_id=TEA))
    assert unpack(WorkspaceEvent, packed.replace(b"Newer", b"Never")) is None
