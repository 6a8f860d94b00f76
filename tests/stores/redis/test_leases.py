"""Leases: bounds that hold for all processes together, granted to the tags of Redis in chunks."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from server.core.errors import Code
from server.core.ids import RoomId
from server.core.limits import Bounds
from server.stores.redis import keys, leases
from server.stores.redis.live import open_redis
from server.stores.redis.nodes import Node, Pace
from tests.clocks import LIMIT_S
from tests.redis_servers import running_redis, shared_redis
from tests.servers import until
from tests.stores.guests import POLICY, House, refusal
from tests.stores.redis.processes import process

ROOMS = [RoomId(f"room-{number}") for number in range(300)]


@pytest.fixture
async def open_processes():
    """Opens two processes, with bounds of their own."""
    with shared_redis().client() as client:
        client.flushall()
    async with AsyncExitStack() as opened:

        async def open_two(**bounds):
            opening = [process(shared_redis(), node, **bounds) for node in ("node-a", "node-b")]
            return [await opened.enter_async_context(one) for one in opening]

        yield open_two


@pytest.fixture
async def open_houses(open_processes, clock):
    async def open_two(**bounds):
        here, there = await open_processes(**bounds)
        house = House(here.rooms, POLICY, clock)
        return house, house.next_door(there.rooms)

    return open_two


async def insist(house, name):
    """Reserve a room, or be refused it for good: Redis may be away for a moment."""
    async with asyncio.timeout(30):
        while (code := await refusal(house.reserve(name))) is Code.UNAVAILABLE:
            pass
    return code


async def fill(house, limit):
    """Make rooms until no more may be; answers how many there are."""
    for room_id in ROOMS:
        if await insist(house, room_id) is Code.SERVER_FULL:
            break
    return (await house.rooms.totals()).rooms


@pytest.mark.parametrize("bound", [1, 7, 100])
async def test_as_many_rooms_are_made_as_there_may_be_whatever_shards_they_are_in(
    open_houses, bound
):
    house, other = await open_houses(rooms=bound)

    assert await fill(house, bound) == bound
    assert await refusal(other.reserve("another one")) is Code.SERVER_FULL


async def test_two_processes_at_once_make_no_more_rooms_than_there_may_be(open_houses):
    houses = await open_houses(rooms=100)

    made = await asyncio.gather(
        *(insist(houses[number % 2], name) for number, name in enumerate(ROOMS))
    )

    totals = await houses[0].rooms.totals()
    assert totals.rooms == made.count(None) <= 100
    assert await fill(houses[1], 100) == 100


async def test_two_processes_at_once_hold_no_more_bytes_than_there_may_be(open_houses):
    houses = await open_houses(total_bytes=400_000)
    guests = [houses[number % 2].guest("alice", name) for number, name in enumerate(ROOMS[:30])]
    await asyncio.gather(*(guest.join(as_creator=True) for guest in guests))

    said = await asyncio.gather(*(refusal(guest.say("x" * 3_000)) for guest in guests * 8))

    held_bytes = (await houses[0].rooms.totals()).held_bytes
    assert set(said) == {None, Code.SERVER_FULL}
    assert 300_000 < held_bytes <= 400_000


async def test_what_one_shard_does_not_use_goes_to_another(open_houses, clock):
    house, other = await open_houses(total_bytes=100_000)
    (alice,) = await house.with_members("alice", room_id="room-1")
    await alice.save_key("k" * 90_000)
    (bob,) = await other.with_members("bob", room_id="room-2")
    assert await refusal(bob.save_key("k" * 50_000)) is Code.SERVER_FULL

    await alice.save_key("k")

    async with asyncio.timeout(LIMIT_S):  # the other process looks again after a moment
        while await refusal(bob.save_key("k" * 90_000)):
            await asyncio.sleep(0.01)


async def test_a_process_that_ends_before_a_grant_arrives_takes_nothing_with_it(
    open_processes, clock
):
    here, _ = await open_processes(rooms=2)
    house = House(here.rooms, POLICY, clock)
    await here.leases.note_all()
    for name in ROOMS[:20]:
        # Granted in the one place, and then nothing comes of it.
        tag = keys.tag_of(name)
        await here.link.run(leases.RAISE, keys.NODES, "rooms", tag, 1, 1, 2, 0, 0)

    assert await fill(house, 2) == 2


async def test_a_process_that_ends_while_it_takes_back_takes_nothing_with_it(open_processes, clock):
    here, _ = await open_processes(rooms=3)
    house = House(here.rooms, POLICY, clock)
    await house.reserve("room-1")
    tag = keys.tag_of(RoomId("room-1"))
    granted = int(await here.link.client.hget(f"{tag}books", "rooms_granted"))
    # The shard has lowered its own, and then nothing is given back.
    await here.link.run(leases.SPARE, tag, "rooms", 1)

    assert granted >= 1
    assert await fill(house, 3) == 3


async def test_a_grant_that_comes_late_is_not_taken(open_processes):
    here, _ = await open_processes(rooms=10)
    await here.leases.note_all()
    tag = keys.shard(1)
    amount, version = await here.link.run(leases.RAISE, keys.NODES, "rooms", tag, 1, 5, 10, 0, 0)
    kept, newest = await here.link.run(leases.SPARE, tag, "rooms", version)
    await here.link.run(leases.GIVE_BACK, keys.NODES, "rooms", tag, kept, newest)

    await here.link.run(leases.TAKE, tag, "rooms", amount, version)

    assert await here.link.client.hget(f"{tag}books", "rooms_granted") == b"0"


async def test_what_was_granted_since_is_not_given_back(open_processes):
    here, _ = await open_processes(rooms=10)
    await here.leases.note_all()
    tag = keys.shard(1)
    raise_to = (leases.RAISE, keys.NODES, "rooms", tag)
    _, version = await here.link.run(*raise_to, 1, 1, 10, 0, 0)
    kept, newest = await here.link.run(leases.SPARE, tag, "rooms", version)
    await here.link.run(*raise_to, 4, 4, 10, 0, 0)

    assert await here.link.run(leases.GIVE_BACK, keys.NODES, "rooms", tag, kept, newest) == 0


async def let_go() -> None:
    raise AssertionError("nobody gives it up")


def lose_leases():
    """What stands in the one place, as if its server alone had lost what it had."""
    with shared_redis().client() as client:
        assert client.delete(f"{keys.NODES}leases") == 1


@pytest.mark.parametrize("kept", [1, 60, 100])
async def test_as_many_rooms_are_made_as_there_may_be_though_it_was_lost_who_has_which_lease(
    open_houses, kept
):
    house, other = await open_houses(rooms=100)
    for name in ROOMS[:kept]:
        await house.reserve(name)

    lose_leases()
    await asyncio.gather(
        *(insist((house, other)[number % 2], name) for number, name in enumerate(ROOMS))
    )
    lose_leases()

    assert await fill(other, 100) == 100
    assert await refusal(other.reserve("another one")) is Code.SERVER_FULL


async def test_two_processes_hold_no_more_bytes_though_it_was_lost_who_has_which_lease(open_houses):
    houses = await open_houses(total_bytes=400_000)
    guests = [houses[number % 2].guest("alice", name) for number, name in enumerate(ROOMS[:30])]
    await asyncio.gather(*(guest.join(as_creator=True) for guest in guests))
    await asyncio.gather(*(refusal(guest.say("x" * 3_000)) for guest in guests * 3))

    lose_leases()
    said = await asyncio.gather(*(refusal(guest.say("x" * 3_000)) for guest in guests * 5))

    assert Code.SERVER_FULL in said
    assert 300_000 < (await houses[0].rooms.totals()).held_bytes <= 400_000


async def test_leases_that_came_back_as_they_were_before_are_set_right_before_redis_is_used_again(
    clock, caplog
):
    pace = Pace(beat_s=0.05, settle_s=0.1)
    policies: Any = {"session": POLICY, "random": POLICY}
    with running_redis() as server, server.client() as client:
        live = await open_redis(
            server.url, Node("node-a"), **policies, bounds=Bounds(rooms=100), clock=clock, pace=pace
        )
        await live.start(let_go)
        house = House(live.rooms, POLICY, clock)
        await house.reserve(ROOMS[0])
        before = client.dump(f"{keys.NODES}leases")
        for name in ROOMS[:60]:
            await house.reserve(name)

        client.restore(f"{keys.NODES}leases", 0, before, replace=True)
        client.delete(f"{keys.NODES}epoch")
        await until(lambda: "redis_changed" in caplog.text and live.is_ready)

        assert await fill(house, 100) == 100
        await live.stop()


async def test_a_full_server_is_refused_without_asking_all_shards_each_time(open_houses):
    house, _ = await open_houses(rooms=1)
    await house.reserve("room-1")
    await refusal(house.reserve("room-2"))

    with shared_redis().client() as client:
        before = client.info("stats")["total_commands_processed"]
        for _ in range(20):
            assert await refusal(house.reserve("room-2")) is Code.SERVER_FULL
        asked = client.info("stats")["total_commands_processed"] - before
    assert asked < 100
