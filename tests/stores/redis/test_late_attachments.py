"""The broker of many processes: connections that are gone before they are attached."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from server.core.clock import SystemClock
from server.core.events import ConnectionAttached, MemberJoined, RoomEvent
from server.core.ids import ConnectionId, RoomId, UserId
from server.core.limits import Bounds
from server.stores.redis.live import RedisLive, open_redis
from server.stores.redis.logs import Unknown
from server.stores.redis.nodes import Node
from tests.redis_servers import shared_redis
from tests.servers import until
from tests.stores.guests import POLICY

TEA, COFFEE = RoomId("tea-room"), RoomId("coffee-room")
GONE, HERE = ConnectionId("gone"), ConnectionId("here")


@asynccontextmanager
async def running_live() -> AsyncIterator[RedisLive]:
    """A process on an empty Redis."""
    with shared_redis().client() as client:
        client.flushall()

    async def let_go() -> None:
        raise AssertionError

    live = await open_redis(
        shared_redis().url,
        Node("one"),
        session=POLICY,
        random=POLICY,
        bounds=Bounds(),
        clock=SystemClock(),
    )
    try:
        await live.start(let_go)
        yield live
    finally:
        await live.stop()


async def place_of(live: RedisLive, room_id: RoomId) -> int:
    """The newest in the log of a room."""
    found = await live._broker._logs.read(room_id, 0)
    assert isinstance(found, Unknown)
    return found.place


def attached(room_id: RoomId, connection_id: ConnectionId) -> ConnectionAttached:
    user_id = UserId(connection_id)
    return ConnectionAttached(room_id=room_id, user_id=user_id, connection_id=connection_id)


def joined(room_id: RoomId, number: int) -> MemberJoined:
    return MemberJoined(room_id=room_id, seq=number, user_id=UserId("a"), name="", joined_ms=1)


@pytest.mark.parametrize("said_after", [0, 1])
async def test_a_room_is_not_told_here_before_somebody_is_attached_who_is_not_gone(
    said_after: int,
) -> None:
    async with running_live() as live:
        told: list[RoomEvent] = []

        def deliver(event: RoomEvent, place: int) -> None:
            """As the hub takes it."""
            told.append(event)
            if event == attached(TEA, GONE):
                live.broker.unheard(TEA)

        async def say_and_hear(number: int) -> None:
            """Both rooms are heard by one connection, so that the first is heard with the other."""
            await broker.publish(joined(TEA, number))
            await broker.publish(joined(COFFEE, number))
            await until(lambda: joined(COFFEE, number) in told)

        live.broker.subscribe(deliver)
        now_ms = SystemClock().now_ms()
        for room_id in (TEA, COFFEE):
            await live.rooms.reserve(room_id, b"k" * 32, POLICY, now_ms)
        broker = live._broker
        begins = {one: await place_of(live, one) for one in (TEA, COFFEE)}
        async with broker.hearing(COFFEE):
            broker.attach(attached(COFFEE, HERE), begins[COFFEE])
        async with broker.hearing(TEA):
            await say_and_hear(1)
            broker.attach(attached(TEA, GONE), begins[TEA])
            for _ in range(said_after):
                await say_and_hear(2)
            broker.attach(attached(TEA, HERE), begins[TEA])
            await until(lambda: joined(TEA, 1 + said_after) in told)

    assert told == [
        attached(COFFEE, HERE),
        joined(COFFEE, 1),
        attached(TEA, GONE),
        *[joined(COFFEE, 2)] * said_after,
        attached(TEA, HERE),
        joined(TEA, 1),
        *[joined(TEA, 2)] * said_after,
    ]
