"""Hearing Redis: after every loss all is heard again, and somebody is told that there was one."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from server.core.errors import AppError, Code
from server.stores.redis import ear as ear_module
from server.stores.redis import lingering
from server.stores.redis.connect import connect
from server.stores.redis.ear import Ear
from tests.clocks import LIMIT_S
from tests.redis_servers import RedisServer, old_binary, running_redis, shared_redis
from tests.servers import until

OWN, TEA, COFFEE = "own", "{x}tea", "{x}coffee"


class Listener:
    """An ear, and what it has heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.losses = 0
        self.is_deaf = False
        self.ear: Ear

    def hear(self, channel: str, data: bytes) -> None:
        self.heard.append((channel, data))

    def deaf(self) -> None:
        self.is_deaf = True

    def restored(self) -> None:
        self.losses += 1
        self.is_deaf = False


@asynccontextmanager
async def listening(server: RedisServer) -> AsyncIterator[Listener]:
    link = await connect(server.url, timeout_s=1)
    one = Listener()
    one.ear = Ear(
        link.pubsub,
        is_sharded=link.publish == "SPUBLISH",
        own=OWN,
        on_message=one.hear,
        on_lost=one.deaf,
        on_restored=one.restored,
    )
    task = asyncio.create_task(one.ear.listen())
    try:
        await until(lambda: one.ear.is_on)
        yield one
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await link.close()


def publish(server: RedisServer, channel: str, data: str, *, command: str = "SPUBLISH") -> None:
    with server.client() as client:
        client.execute_command("PUBLISH" if channel == OWN else command, channel, data)


def cut_listeners(server: RedisServer) -> None:
    """Have Redis hang up on whoever hears something."""
    with server.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")


async def test_what_is_published_on_a_channel_is_heard_in_order() -> None:
    server = shared_redis()
    async with listening(server) as one:
        await one.ear.add(TEA)
        for number in range(20):
            publish(server, TEA, str(number))
        publish(server, OWN, "beat")

        await until(lambda: len(one.heard) == 21)
        assert [data for channel, data in one.heard if channel == TEA] == [
            str(number).encode() for number in range(20)
        ]


async def test_a_channel_that_was_dropped_is_heard_no_more() -> None:
    server = shared_redis()
    async with listening(server) as one:
        await one.ear.add(TEA)
        await one.ear.add(COFFEE)
        await one.ear.drop(TEA)
        publish(server, TEA, "lost")
        publish(server, COFFEE, "heard")

        await until(lambda: one.heard)
        assert one.heard == [(COFFEE, b"heard")]


async def test_a_channel_lingers_and_is_heard_on_if_somebody_comes_back_at_the_last_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lingering, "LINGER_S", 0)
    wanted: list[str] = []
    last_moment = asyncio.Event()

    def is_wanted(channel: str) -> bool:
        """At first it is not; whoever asks once more is too late."""
        if channel == COFFEE and not last_moment.is_set():
            last_moment.set()
            wanted.append(channel)
            return False
        return channel in wanted

    async with listening(shared_redis()) as one:
        leaving = lingering.Lingering(is_wanted)
        for channel in (TEA, COFFEE):
            await one.ear.add(channel)
            leaving.drop_later(one.ear, channel)
            assert one.ear.hears(channel)

        await until(lambda: not one.ear.hears(TEA))
        await until(last_moment.is_set)
        await until(lambda: not leaving._dropping)
        assert one.ear.hears(COFFEE)


async def test_nobody_waits_for_a_channel_that_is_dropped_before_it_was_heard() -> None:
    with running_redis() as server:
        async with listening(server) as one:
            server.kill()
            await until(lambda: not one.ear.is_on)
            waiting = asyncio.create_task(one.ear.hear(TEA))
            await asyncio.sleep(0)
            assert not waiting.done()

            await one.ear.drop(TEA)

            async with asyncio.timeout(LIMIT_S):
                await waiting
            assert not one.ear.hears(TEA)


async def test_after_a_lost_connection_every_channel_is_heard_again_and_the_loss_is_told() -> None:
    server = shared_redis()
    async with listening(server) as one:
        await one.ear.add(TEA)
        await one.ear.add(COFFEE)

        cut_listeners(server)
        await until(lambda: one.losses)

        publish(server, TEA, "one")
        publish(server, COFFEE, "two")
        await until(lambda: len(one.heard) == 2)
        assert one.losses == 1


async def test_it_hears_again_by_itself_once_redis_is_back() -> None:
    with running_redis() as server:
        async with listening(server) as one:
            await one.ear.add(TEA)
            server.kill()
            await until(lambda: one.is_deaf)

            server.start()
            await until(lambda: one.losses and not one.is_deaf)
            publish(server, TEA, "again")

            await until(lambda: one.heard)
            assert one.heard == [(TEA, b"again")]


async def test_an_ear_that_is_ended_in_order_has_lost_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with listening(shared_redis()) as one:
        await one.ear.add(TEA)

    assert not one.ear.is_on
    assert one.losses == 0
    assert "redis_not_heard" not in caplog.text


async def test_a_connection_on_which_nothing_is_said_is_taken_for_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ear_module, "SILENCE_S", 0.2)
    server = shared_redis()
    async with listening(server) as one:
        await until(lambda: one.losses)


async def test_a_process_that_stands_still_itself_takes_nothing_for_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ear_module, "SILENCE_S", 0.2)
    async with listening(shared_redis()) as one:
        for _ in range(3):
            one.heard.clear()
            publish(shared_redis(), OWN, "said meanwhile")
            time.sleep(0.3)  # noqa: ASYNC251 - the standing still
            await until(lambda: one.heard)

        assert one.losses == 0
        assert not one.is_deaf


async def test_while_redis_is_away_a_new_channel_is_refused_in_time_and_heard_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ear_module, "CONFIRM_LIMIT_S", 0.2)
    with running_redis() as server:
        async with listening(server) as one:
            server.kill()
            await until(lambda: not one.ear.is_on)

            with pytest.raises(AppError) as refused:
                await one.ear.add(TEA)
            assert refused.value.code is Code.UNAVAILABLE

            server.start()
            await until(lambda: one.ear.hears(TEA))
            publish(server, TEA, "at last")
            await until(lambda: one.heard)


async def test_redis_6_is_heard_by_plain_channels() -> None:
    with running_redis(old_binary()) as server:
        async with listening(server) as one:
            await one.ear.add(TEA)
            publish(server, TEA, "old", command="PUBLISH")

            await until(lambda: one.heard)
            assert one.heard == [(TEA, b"old")]
