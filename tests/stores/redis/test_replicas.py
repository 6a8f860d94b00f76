"""A Redis with a replica: what is acknowledged is there as well, also if it is said again."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial

import pytest
from msgspec import Struct

from server.core.errors import Code
from server.core.ports import Appended
from tests.clocks import ManualClock
from tests.redis_servers import RedisServer, binary, running_redis, wait_for
from tests.stores.guests import POLICY, House, refusal
from tests.stores.redis.processes import Process, process
from tests.stores.strangers import Plaza


class Pair(Struct):
    """A Redis, and another one that copies it."""

    master: RedisServer
    replica: RedisServer


@pytest.fixture
def pair() -> Iterator[Pair]:
    with running_redis(None, "--repl-diskless-sync", "no") as master:
        options = ("--replicaof", "127.0.0.1", str(master.port))
        with running_redis(binary(), *options) as replica, master.client() as client:
            wait_for(lambda: client.info("replication").get("slave0", {}).get("state") == "online")
            yield Pair(master, replica)


@pytest.fixture
async def processes(pair: Pair) -> AsyncIterator[list[Process]]:
    """Two, which know of the replica."""
    async with AsyncExitStack() as opened:
        both = [await opened.enter_async_context(process(pair.master, name)) for name in "ab"]
        for one in both:
            await one.link.look()
        yield both


Say = Callable[[], Awaitable[Appended]]


@pytest.fixture(params=["session", "group"])
async def says(
    request: pytest.FixtureRequest, processes: list[Process], clock: ManualClock
) -> list[Say]:
    """The same message of the same member, by either process."""
    here, there = processes
    if request.param == "session":
        house = House(here.rooms, POLICY, clock)
        (alice,) = await house.with_members("alice")
        other = alice.elsewhere(house=house.next_door(there.rooms))
        await other.join(token=alice.token)
        return [partial(one.say, "tea?", message_id="m-1") for one in (alice, other)]
    plaza, next_plaza = Plaza(here.groups, POLICY, clock), Plaza(there.groups, POLICY, clock)
    next_plaza.numbers = plaza.numbers
    (bob,) = await plaza.arrive("bob")
    again = next_plaza.stranger("bob")
    await again.connect()
    same = {"message_id": "m-1", "room_id": await bob.group_id()}
    return [partial(one.say, "tea?", **same) for one in (bob, again)]


async def test_a_message_that_is_said_again_is_on_the_replica_too_before_it_is_acknowledged(
    pair: Pair, says: list[Say]
) -> None:
    pair.replica.pause()
    refused = [await refusal(say()) for say in says]
    pair.replica.go_on()

    assert refused == [Code.UNAVAILABLE] * 2
    assert (await says[1]()).is_repeat


async def test_a_message_that_is_said_again_is_a_write(pair: Pair, says: list[Say]) -> None:
    """From Redis 7.2 on WAIT asks for what its own connection wrote last, and no more."""
    await says[0]()
    with pair.master.client() as client:

        def changes() -> int:
            count: int = client.info("persistence")["rdb_changes_since_last_save"]
            return count

        before = changes()
        assert (await says[1]()).is_repeat

        assert changes() > before


def state_of_replica(master: RedisServer) -> object:
    with master.client() as client:
        return client.info("replication").get("slave0", {}).get("state")


async def test_a_replica_that_is_still_being_sent_what_there_is_is_not_waited_for(
    clock: ManualClock,
) -> None:
    never = ("--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "3600")
    with running_redis(None, *never) as master:
        options = ("--replicaof", "127.0.0.1", str(master.port))
        with running_redis(binary(), *options):
            wait_for(lambda: state_of_replica(master) == "wait_bgsave")
            async with process(master) as one:
                await one.link.look()
                (alice,) = await House(one.rooms, POLICY, clock).with_members("alice")

                assert not (await alice.say("tea?")).is_repeat
                assert state_of_replica(master) == "wait_bgsave"
