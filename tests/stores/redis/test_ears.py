"""Hearing a Cluster: each room at its master, wherever that is, and what fails fails alone."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import pytest
import redis

from server.core.errors import AppError
from server.core.events import TypingChanged
from server.core.ids import RoomId, UserId
from server.core.limits import Bounds
from server.stores.redis.connect import connect
from server.stores.redis.ears import Ears, ear_on
from server.stores.redis.ending import end
from server.stores.redis.keys import (
    BEAT,
    GROUPS,
    NODES,
    SHARD_TAGS,
    channel_of,
    node_channel,
    tag_in,
    tag_of,
)
from server.stores.redis.link import Link
from server.stores.redis.live import open_redis
from server.stores.redis.logs import RoomLogs
from server.stores.redis.nodes import Node
from tests.clocks import ManualClock
from tests.redis_servers import RedisServer
from tests.redis_sets import SlotMove, master_of, owns, running_cluster
from tests.servers import until
from tests.stores.guests import POLICY
from tests.stores.redis.processes import HASTY, hasty_ears

pytestmark = pytest.mark.usefixtures(hasty_ears.__name__)

OWN = node_channel("node-a")

LIMIT_S = 20

BEAT_S = 0.1

TIMEOUT_S = 0.5

LONG_S = 4.0
"""Several beats, though each waits for the master that hangs."""


class Listener:
    """A process that listens, looks at its servers, and beats by the first of them."""

    def __init__(self, link: Link, voice: RedisServer) -> None:
        self.link = link
        self.heard: list[tuple[str, bytes]] = []
        self.restored = 0
        ears = ear_on(link, own=OWN, on_message=self._hear, on_restored=self._restore)
        assert isinstance(ears, Ears)
        self.ears = ears
        self._voice = voice

    def _hear(self, channel: str, data: bytes) -> None:
        if data != BEAT:
            self.heard.append((channel, data))

    def _restore(self) -> None:
        self.restored += 1

    async def beat(self) -> None:
        with self._voice.client() as client:
            while True:
                client.publish(OWN, BEAT)
                with suppress(AppError):
                    await self.link.look()
                await self.link.rest(BEAT_S)

    async def hears_again(self, server: RedisServer, channel: str) -> None:
        """Wait until what a server publishes is heard."""
        self.heard.clear()
        async with asyncio.timeout(LIMIT_S):
            while not self.heard:
                with suppress(redis.ResponseError):  # it is not there yet
                    publish(server, channel, b"again")
                await self.link.rest(BEAT_S)


@asynccontextmanager
async def listening(servers: list[RedisServer]) -> AsyncIterator[Listener]:
    link = await connect(servers[0].url, timeout_s=TIMEOUT_S)
    one = Listener(link, servers[0])
    tasks = [asyncio.create_task(one.ears.listen()), asyncio.create_task(one.beat())]
    try:
        await until(one.ears.begun.is_set)
        yield one
    finally:
        await end(tasks)
        await link.close()


@pytest.fixture(scope="module")
def servers() -> Iterator[list[RedisServer]]:
    with running_cluster() as found:
        yield found


@pytest.fixture
async def one(servers: list[RedisServer]) -> AsyncIterator[Listener]:
    async with listening(servers) as found:
        yield found


def room_at(server: RedisServer, but: str = "") -> RoomId:
    """A room of a server; not under that tag."""
    rooms = (RoomId(f"room-{number}") for number in range(1_000))
    return next(room for room in rooms if tag_of(room) != but and owns(server, tag_of(room)))


def room_under(tag: str) -> RoomId:
    rooms = (RoomId(f"room-{number}") for number in range(1_000))
    return next(room for room in rooms if tag_of(room) == tag)


def publish(server: RedisServer, channel: str, data: bytes) -> None:
    with server.client() as client:
        client.execute_command("SPUBLISH", channel, data)


def passed_on(servers: list[RedisServer]) -> int:
    """How much has been published that servers have passed on to others."""
    total = 0
    for server in servers:
        with server.client() as client:
            found = client.execute_command("CLUSTER INFO")
        total += int(found.get("cluster_stats_messages_publish_sent", 0))
        total += int(found.get("cluster_stats_messages_publishshard_sent", 0))
    return total


async def test_rooms_of_all_masters_are_heard_once_and_nothing_is_passed_on(
    servers: list[RedisServer], one: Listener
) -> None:
    rooms = [room_at(server) for server in servers]
    for room_id in rooms:
        await one.ears.add(channel_of(room_id))
    other = await connect(servers[1].url, timeout_s=1)
    logs = RoomLogs(other)
    before = passed_on(servers)
    try:
        for _ in range(20):
            for room_id in rooms:
                typing = TypingChanged(room_id=room_id, user_id=UserId("m"), is_typing=True)
                await logs.publish(typing, is_noted=False)
    finally:
        await other.close()

    await until(lambda: len(one.heard) >= 60)
    assert [channel for channel, _ in one.heard].count(channel_of(rooms[0])) == 20
    assert len(one.heard) == 60
    assert passed_on(servers) - before < 30  # heartbeats


async def test_what_groups_say_to_a_process_is_heard_once(
    servers: list[RedisServer], one: Listener
) -> None:
    speaker = next(server for server in servers if owns(server, GROUPS))
    with speaker.client() as client:
        for number in range(10):
            client.publish(OWN, str(number))
    with servers[0].client() as client:
        assert client.publish(OWN, BEAT)

    await until(lambda: len(one.heard) >= 10)
    for server in servers:  # after this all of them have said all
        await one.ears.add(channel_of(room_at(server)))
    assert [data for _, data in one.heard] == [str(number).encode() for number in range(10)]


async def test_a_channel_that_was_dropped_is_heard_no_more(
    servers: list[RedisServer], one: Listener
) -> None:
    channel = channel_of(room_at(servers[1]))
    await one.ears.add(channel)
    await one.ears.drop(channel)

    with servers[1].client() as client:
        await until(lambda: not client.execute_command("PUBSUB", "SHARDCHANNELS"))
    assert not one.ears.hears(channel)


async def test_rooms_are_heard_where_their_slot_has_moved_and_what_was_lost_is_fetched(
    servers: list[RedisServer], one: Listener
) -> None:
    source, target = servers[1], servers[2]
    channel = channel_of(room_at(source))
    await one.ears.add(channel)
    for former, new in ((source, target), (target, source)):
        restored = one.restored
        move = SlotMove(tag_in(channel), former, new)
        move.begin()
        move.end()

        async with asyncio.timeout(LIMIT_S):
            while one.restored == restored:
                await one.link.rest(BEAT_S)
        await one.hears_again(new, channel)
        with former.client() as client:
            assert channel.encode() not in client.execute_command("PUBSUB", "SHARDCHANNELS")


async def test_a_channel_that_is_dropped_while_its_slot_moves_holds_up_none_of_the_others(
    servers: list[RedisServer], one: Listener
) -> None:
    source, target = servers[1], servers[2]
    kept = channel_of(room_at(source))
    dropped = f"{kept}-too"
    for channel in (kept, dropped):
        await one.ears.add(channel)
    restored = one.restored
    move = SlotMove(tag_in(kept), source, target)
    move.begin()
    move.end()
    target.pause()
    try:
        await until(lambda: not one.ears.hears(kept) and not one.ears.hears(dropped))
        await until(lambda: one.ears._places[dropped] == ("127.0.0.1", target.port))
        await one.ears.drop(dropped)
        assert one.restored == restored
    finally:
        target.go_on()

    try:
        await until(lambda: one.restored > restored)
        assert one.ears.hears(kept)
    finally:
        back = SlotMove(tag_in(kept), target, source)
        back.begin()
        back.end()
        await one.hears_again(source, kept)


async def test_if_a_master_hangs_up_on_who_listens_the_others_are_heard_all_the_while(
    servers: list[RedisServer], one: Listener
) -> None:
    cut, kept = (channel_of(room_at(server)) for server in servers[1:])
    other = channel_of(room_at(servers[1], but=tag_in(cut)))
    await one.ears.add(cut)
    await one.ears.add(other)
    await one.ears.add(kept)
    restored = one.restored
    with servers[1].client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    await until(lambda: not one.ears.hears(cut))
    assert one.ears.hears(kept)
    assert one.link.cluster
    assert not one.link.cluster.is_known(tag_in(cut))  # until it was looked at
    assert one.link.cluster.is_known(tag_in(kept))
    await until(lambda: one.restored > restored)
    await until(lambda: one.link.cluster and one.link.cluster.is_known(tag_in(cut)))
    await one.hears_again(servers[1], cut)
    await one.hears_again(servers[1], other)


async def test_while_a_master_hangs_the_others_are_heard_and_the_process_stays_ready(
    servers: list[RedisServer], one: Listener
) -> None:
    stuck, kept = (channel_of(room_at(server)) for server in (servers[2], servers[1]))
    await one.ears.add(stuck)
    await one.ears.add(kept)
    servers[2].pause()
    try:
        await until(lambda: not one.ears.hears(stuck), limit_s=LIMIT_S)
        await until(lambda: one.ears.is_on)
        assert one.ears.hears(kept)
        publish(servers[1], kept, b"meanwhile")
        await until(lambda: one.heard)
        with pytest.raises(AppError):
            await one.ears.add(stuck)
    finally:
        servers[2].go_on()

    await one.hears_again(servers[2], stuck)


async def test_what_a_master_that_hung_says_late_is_not_taken_but_looked_for_in_the_log(
    servers: list[RedisServer], one: Listener
) -> None:
    room_id = room_at(servers[1])
    await one.ears.add(channel_of(room_id))
    restored = one.restored
    servers[1].pause()
    try:
        typing = TypingChanged(room_id=room_id, user_id=UserId("m"), is_typing=True)
        with pytest.raises(AppError):
            await RoomLogs(one.link).publish(typing, is_noted=False)
    finally:
        servers[1].go_on()

    await until(lambda: one.restored > restored)
    assert one.heard == []
    await one.hears_again(servers[1], channel_of(room_id))


async def test_after_a_failover_rooms_are_heard_at_the_successor_and_not_at_who_was_replaced() -> (
    None
):
    with running_cluster(replicas=1) as servers:
        async with listening(servers) as one:
            stuck, kept = servers[1], servers[2]
            channels = [channel_of(room_under(tag)) for tag in SHARD_TAGS if owns(stuck, tag)]
            channel, other = channels[0], channel_of(room_at(kept))
            for wanted in (*channels, other):
                await one.ears.add(wanted)
            restored = one.restored
            stuck.pause()
            try:
                running = [server for server in servers if server is not stuck]
                await until(lambda: master_of(running, channel), limit_s=LIMIT_S)
                successor = master_of(running, channel)
                assert successor
                await until(lambda: one.restored > restored, limit_s=LIMIT_S)
                assert all(map(one.ears.hears, channels))
                assert len(channels) > 10
                assert one.restored == restored + 1  # whatever was missed is looked for once
                assert one.link.cluster
                assert ("127.0.0.1", stuck.port) not in one.link.cluster.addresses
                await one.hears_again(successor, channel)
                await one.hears_again(kept, other)
            finally:
                stuck.go_on()


async def test_while_a_master_hangs_a_process_with_nothing_to_do_goes_on_being_ready(
    servers: list[RedisServer], clock: ManualClock
) -> None:
    stuck = next(one for one in servers if not owns(one, NODES))
    voice = next(one for one in servers if one is not stuck)
    node = Node("node-b")
    live = await open_redis(
        voice.url, node, session=POLICY, random=POLICY, bounds=Bounds(), clock=clock, **HASTY
    )
    await live.start(_let_go)
    await until(lambda: live.is_ready, limit_s=LIMIT_S)
    cluster = live._link.cluster
    assert cluster
    stuck.pause()
    try:
        await until(lambda: not cluster.answers(("127.0.0.1", stuck.port)), limit_s=LIMIT_S)
        with pytest.raises(TimeoutError):
            await until(lambda: not live.is_ready, limit_s=LONG_S)
    finally:
        stuck.go_on()
        await live.stop()


async def _let_go() -> None:
    raise AssertionError("nobody gives it up")
