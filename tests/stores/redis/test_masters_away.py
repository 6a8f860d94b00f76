"""A Cluster of which one master is away: whatever happens to others, nobody waits for it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from server.core.errors import AppError, Code
from server.core.ids import RoomId
from server.core.limits import Bounds
from server.stores.redis import keys
from server.stores.redis.live import RedisLive, open_redis
from server.stores.redis.nodes import Node
from tests.clocks import ManualClock
from tests.redis_servers import RedisServer
from tests.redis_sets import owns, running_cluster
from tests.stores.guests import POLICY, Guest, House, refusal, texts
from tests.stores.redis.processes import HASTY, hasty_ears, process_at

pytestmark = pytest.mark.usefixtures(hasty_ears.__name__)

LIMIT_S = 30


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[RedisServer]]:
    with running_cluster() as found:
        yield found


@pytest.fixture
def servers(cluster: list[RedisServer]) -> list[RedisServer]:
    """Three masters; what concerns all processes is at the first."""
    for server in cluster:
        with server.client() as client:
            client.flushall()
    return sorted(cluster, key=lambda server: not owns(server, keys.NODES))


@asynccontextmanager
async def running_live(url: str, name: str, clock: ManualClock) -> AsyncIterator[RedisLive]:
    async def let_go() -> None:
        raise AssertionError("nobody gives it up")

    live = await open_redis(
        url, Node(name), session=POLICY, random=POLICY, bounds=Bounds(), clock=clock, **HASTY
    )
    await live.start(let_go)
    try:
        yield live
    finally:
        await live.stop()


def room_at(server: RedisServer) -> RoomId:
    rooms = (RoomId(f"room-{number}") for number in range(1_000))
    return next(room for room in rooms if owns(server, keys.tag_of(room)))


async def insist(guest: Guest, words: str, live: RedisLive) -> None:
    """Say something as clients do: again under its id, until that is acknowledged."""
    async with asyncio.timeout(LIMIT_S):
        while code := await refusal(guest.say(words, message_id=words)):
            assert code is Code.UNAVAILABLE
            await live._link.rest(0.2)


@pytest.mark.parametrize(
    ("leave", "come_back"),
    [(RedisServer.pause, RedisServer.go_on), (RedisServer.kill, RedisServer.start)],
    ids=["hangs", "dies"],
)
async def test_while_one_master_is_away_another_may_lose_all_it_had_and_all_others_go_on(
    servers: list[RedisServer],
    clock: ManualClock,
    leave: Callable[[RedisServer], None],
    come_back: Callable[[RedisServer], None],
) -> None:
    _, forgetful, away = servers
    async with running_live(servers[0].url, "node-a", clock) as live:
        house = House(live.rooms, POLICY, clock)
        rooms = map(room_at, servers)
        guests = [(await house.with_members("alice", room_id=one))[0] for one in rooms]
        kept, lost, waiting = guests
        for guest in guests:
            await insist(guest, "before", live)

        leave(away)
        async with asyncio.timeout(LIMIT_S):
            while live._link.is_there(keys.tag_of(waiting.room_id)):
                await live._link.rest(0.2)
        forgetful.kill()
        assert await refusal(lost.say("too early")) is Code.UNAVAILABLE
        forgetful.start()

        await insist(lost, "meanwhile", live)
        await insist(kept, "meanwhile", live)
        assert texts(await lost.join()) == ["before", "meanwhile"]
        assert texts(await kept.join()) == ["before", "meanwhile"]
        assert await refusal(waiting.say("too early")) is Code.UNAVAILABLE

        come_back(away)
        await insist(waiting, "at last", live)
        assert texts(await waiting.join()) == ["before", "at last"]
        await insist(lost, "at last", live)
        assert texts(await lost.join()) == ["before", "meanwhile", "at last"]


async def test_a_master_that_hangs_before_its_rooms_were_brought_back_has_them_when_it_goes_on(
    servers: list[RedisServer], clock: ManualClock
) -> None:
    _, present, forgetful = servers
    async with running_live(servers[0].url, "node-a", clock) as live:
        house = House(live.rooms, POLICY, clock)
        (alice,) = await house.with_members("alice", room_id=room_at(forgetful))
        (bob,) = await house.with_members("bob", room_id=room_at(present))
        await insist(alice, "before", live)
        nodes, hangs = live._nodes, asyncio.Event()
        bring_back = nodes._on_changed

        async def hang_first() -> None:
            forgetful.pause()
            nodes._on_changed = bring_back
            hangs.set()
            await bring_back()

        nodes._on_changed = hang_first
        forgetful.kill()
        forgetful.start()
        async with asyncio.timeout(LIMIT_S):
            await hangs.wait()
        await insist(bob, "meanwhile", live)
        forgetful.go_on()

        await insist(alice, "after", live)
        assert texts(await alice.join()) == ["before", "after"]


async def test_if_it_is_not_known_any_more_what_all_have_nobody_gets_more_while_one_is_away(
    servers: list[RedisServer], clock: ManualClock
) -> None:
    _, present, away = servers
    async with process_at(servers[0].url, timeout_s=1) as one:
        house = House(one.rooms, POLICY, clock)
        for server in (present, away):
            assert await refusal(house.reserve(room_at(server))) is None
        with servers[0].client() as client:
            client.delete(f"{keys.NODES}leases")
        away.kill()
        await one.link.look()

        await one.leases.note_all()
        rooms = [RoomId(f"another-{number}") for number in range(400)]
        here = [room for room in rooms if owns(present, keys.tag_of(room))]
        codes = [await refusal(house.reserve(room)) for room in here]
        assert codes[-1] is Code.UNAVAILABLE
        assert set(codes) <= {None, Code.UNAVAILABLE}
        with servers[0].client() as client:
            assert not client.hexists(f"{keys.NODES}leases", "noted")

        away.start()
        async with asyncio.timeout(LIMIT_S):
            while await refusal(house.reserve(here[-1])):
                await one.link.look()
                await one.link.rest(0.2)


async def test_who_was_at_a_process_that_died_is_lost_wherever_a_master_answers(
    servers: list[RedisServer], clock: ManualClock
) -> None:
    _, present, away = servers
    url = servers[0].url
    async with running_live(url, "node-a", clock) as live, process_at(url, "node-b") as dead:
        house = House(dead.rooms, POLICY, clock)
        tags = [tag for tag in keys.SHARD_TAGS if owns(present, tag)]
        rooms = (RoomId(f"room-{number}") for number in range(1_000))
        last = next(room for room in rooms if keys.tag_of(room) == tags[-1])
        (alice,) = await house.with_members("alice", room_id=last)
        (bob,) = await house.with_members("bob", room_id=room_at(away))
        away.kill()
        async with asyncio.timeout(LIMIT_S):
            while live._link.is_there(keys.tag_of(bob.room_id)):
                await live._link.rest(0.2)

        with pytest.raises(AppError):  # it is done again
            await live._take_over("node-b")
        assert await refusal(alice.say()) is Code.NOT_A_MEMBER

        away.start()
        async with asyncio.timeout(LIMIT_S):
            while not live.is_ready or await refusal(live._take_over("node-b")):
                await live._link.rest(0.2)
