"""A Cluster: what one of its servers does, or does not do, is nothing to what the others have."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import redis

from server.core.errors import Code
from server.core.ids import RoomId
from server.core.limits import Bounds
from server.core.patience import Patience
from server.stores.redis import keys
from server.stores.redis.connect import connect
from server.stores.redis.ear import Ear
from server.stores.redis.ending import end
from server.stores.redis.live import open_redis
from server.stores.redis.nodes import Node
from server.stores.redis.scripts import Script
from tests.clocks import LIMIT_S, ManualClock
from tests.redis_servers import RedisServer
from tests.redis_sets import SlotMove, owns, running_cluster
from tests.servers import until
from tests.stores.guests import POLICY, House, refusal, texts
from tests.stores.redis.processes import HASTY, Process, hasty_ears, process_at

TOTALS = Script("rooms/totals", ("books",))

pytestmark = pytest.mark.usefixtures(hasty_ears.__name__)

TIMEOUT_S = 2.0
"""For one command."""

QUICK_S = 1.2
"""For as much as does not wait for a server that hangs."""


@pytest.fixture(scope="module")
def servers() -> Iterator[list[RedisServer]]:
    with running_cluster() as found:
        yield found


@pytest.fixture
async def member(servers: list[RedisServer]) -> AsyncIterator[Process]:
    for server in servers:
        with server.client() as client:
            client.flushall()
    async with process_at(servers[0].url, timeout_s=TIMEOUT_S) as one:
        yield one


def tags_of(server: RedisServer) -> list[str]:
    return [tag for tag in keys.ROOM_TAGS if owns(server, tag)]


async def ask(process: Process, tags: list[str]) -> list[Code | None]:
    """Ask for something under each tag at once."""
    return await asyncio.gather(*(refusal(process.link.run(TOTALS, tag)) for tag in tags))


async def test_while_one_server_hangs_the_others_answer_as_ever(
    servers: list[RedisServer], member: Process
) -> None:
    stuck, *others = map(tags_of, reversed(servers))
    everything = [tag for tags in others for tag in tags]
    assert set(await ask(member, stuck + everything)) == {None}
    servers[-1].pause()
    try:
        for turn in range(2):
            hanging = asyncio.ensure_future(ask(member, stuck * 30))
            looking = asyncio.ensure_future(member.link.look())
            async with Patience(QUICK_S):
                for _ in range(5):
                    assert set(await ask(member, everything)) == {None}
            # Once it has failed nobody waits for it until it was looked at.
            assert hanging.done() == (turn > 0)
            assert set(await hanging) == {Code.UNAVAILABLE}
            await looking
    finally:
        servers[-1].go_on()

    async with asyncio.timeout(LIMIT_S):
        while set(await ask(member, stuck)) != {None}:
            await member.link.rest(0.1)
            await member.link.look()


async def test_rooms_whose_slot_moves_are_away_until_they_are_all_there(
    servers: list[RedisServer], member: Process, clock: ManualClock
) -> None:
    house = House(member.rooms, POLICY, clock)
    alice, bob = await house.with_members("alice", "bob")
    await alice.say("before")
    tag = keys.tag_of(alice.room_id)
    source = next(one for one in servers if owns(one, tag))
    target = servers[servers.index(source) - 1]
    move = SlotMove(tag, source, target)

    move.begin()
    codes = [await refusal(alice.say(message_id="m-1")), await refusal(house.reserve())]
    move.end()

    assert codes == [Code.UNAVAILABLE, Code.UNAVAILABLE]
    assert (await alice.say("after", message_id="m-1")).event.seq == 4
    assert texts(await bob.join()) == ["before", "after"]
    assert owns(target, tag)


async def test_what_is_published_is_heard_though_the_server_that_was_named_has_died() -> None:
    with running_cluster() as servers:
        link = await connect(servers[0].url, timeout_s=TIMEOUT_S)
        heard: list[str] = []
        ear = Ear(
            link.pubsub,
            is_sharded=False,
            own="own",
            on_message=lambda channel, data: heard.append(channel),
            on_lost=link.doubt,
            on_restored=lambda: None,
        )
        listening = asyncio.create_task(ear.listen())
        try:
            servers[0].kill()
            await until(lambda: ear.begun.is_set() and ear.is_on)
            async with asyncio.timeout(20):
                while not heard:
                    with servers[1].client() as client:
                        client.publish("own", "beat")
                    await link.rest(0.1)
        finally:
            await end([listening])
            await link.close()


async def test_each_server_is_spoken_to_with_the_password_of_the_url(
    servers: list[RedisServer],
) -> None:
    for server in servers:
        with server.client() as client:
            client.config_set("requirepass", "s3cret/@:")
    url = f"redis://:s3cret%2F%40%3A@127.0.0.1:{servers[0].port}"
    try:
        async with process_at(url, timeout_s=TIMEOUT_S) as one:
            assert set(await ask(one, list(keys.ROOM_TAGS))) == {None}
    finally:
        for server in servers:
            with redis.Redis(port=server.port, password="s3cret/@:") as client:
                client.config_set("requirepass", "")


async def test_a_process_is_ready_again_though_a_server_hangs_that_has_nothing_of_the_processes(
    servers: list[RedisServer], clock: ManualClock
) -> None:
    for server in servers:
        with server.client() as client:
            client.flushall()
    idle = next(one for one in servers if not owns(one, keys.NODES))
    named = next(one for one in servers if one is not idle)
    live = await open_redis(
        named.url,
        Node("node-a"),
        session=POLICY,
        random=POLICY,
        bounds=Bounds(),
        clock=clock,
        **HASTY,
    )
    await live.start(_let_go)
    house = House(live.rooms, POLICY, clock)
    rooms = (RoomId(f"room-{number}") for number in range(100))
    held = next(one for one in rooms if not owns(idle, keys.tag_of(one)))
    await house.reserve("the first")
    idle.pause()
    try:
        for server in servers:  # by which it hears, if it is not by the one that hangs
            if server is not idle:
                with server.client() as client:
                    client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        async with asyncio.timeout(20):
            while not live.is_ready or await refusal(house.reserve(held)):
                await live._link.rest(0.1)
    finally:
        idle.go_on()
        await live.stop()


async def _let_go() -> None:
    raise AssertionError("nobody gives it up")


# --- with replicas: the last test leaves one master dead ---


@pytest.fixture(scope="module")
def copied() -> Iterator[list[RedisServer]]:
    with running_cluster(replicas=1) as found:
        yield found


@pytest.fixture
async def copied_member(copied: list[RedisServer]) -> AsyncIterator[Process]:
    async with process_at(copied[0].url, timeout_s=TIMEOUT_S) as one:
        await one.link.look()  # which sees the replicas
        yield one


def replica_of(master: RedisServer, servers: list[RedisServer]) -> RedisServer:
    for server in servers:
        with server.client() as client:
            if client.info("replication").get("master_port") == master.port:
                return server
    raise LookupError(master.url)


async def test_what_no_replica_has_is_not_acknowledged_on_a_cluster_either(
    copied: list[RedisServer], copied_member: Process, clock: ManualClock
) -> None:
    house = House(copied_member.rooms, POLICY, clock)
    (alice,) = await house.with_members("alice", room_id="coffee-room")
    master = next(one for one in copied if owns(one, keys.tag_of(alice.room_id)))
    replica = replica_of(master, copied)

    replica.pause()
    try:
        assert await refusal(alice.say(message_id="m-1")) is Code.UNAVAILABLE
    finally:
        replica.go_on()

    async with asyncio.timeout(LIMIT_S):
        while await refusal(alice.say(message_id="m-1")):
            await copied_member.link.rest(0.1)


async def test_when_a_master_dies_its_rooms_go_on_at_its_replica_with_all_that_was_answered(
    copied: list[RedisServer], copied_member: Process, clock: ManualClock
) -> None:
    one = copied_member
    alice, bob = await House(one.rooms, POLICY, clock).with_members("alice", "bob")
    await alice.say("before", message_id="m-1")
    master = next(one for one in copied if owns(one, keys.tag_of(alice.room_id)))

    master.kill()

    assert await refusal(alice.say("meanwhile", message_id="m-2")) is Code.UNAVAILABLE
    async with asyncio.timeout(20):
        while await refusal(alice.say("meanwhile", message_id="m-2")):
            await one.link.look()  # as the heartbeat does
            await one.link.rest(0.1)
    assert (await alice.say("before", message_id="m-1")).is_repeat
    assert texts(await bob.join()) == ["before", "meanwhile"]


async def test_a_server_that_has_begun_anew_is_not_used_before_that_is_known(
    servers: list[RedisServer], member: Process
) -> None:
    tags = tags_of(servers[-1])
    before = await member.link.look()
    assert set(await ask(member, tags)) == {None}
    servers[-1].kill()
    assert set(await ask(member, tags)) == {Code.UNAVAILABLE}
    servers[-1].start()
    async with asyncio.timeout(10):
        while tags_of(servers[-1]) != tags:
            await asyncio.sleep(0.05)

    assert set(await ask(member, tags)) == {Code.UNAVAILABLE}
    assert await member.link.look() != before
    assert set(await ask(member, tags)) == {None}
