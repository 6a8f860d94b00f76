"""Processes that share a Redis: who falls silent is buried, and hears of it if it comes back."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from server.stores.redis.connect import connect
from server.stores.redis.ending import end
from server.stores.redis.keys import node_channel
from server.stores.redis.link import Link
from server.stores.redis.nodes import Node, Nodes, Pace
from server.stores.redis.servers import Runs
from tests.redis_servers import RedisServer, running_redis, shared_redis
from tests.servers import until

PACE = Pace(beat_s=0.05, silence_s=0.5, deaf_s=0.3, settle_s=0.3)


class Process:
    """One process, and what it was told."""

    def __init__(self, name: str, link: Link) -> None:
        self.name = name
        self.link = link
        self.taken_over: list[str] = []
        self.was_lost = 0
        self.changes = 0
        self.changed_s = 0.0
        self.settlings: list[float] = []
        self.nodes: Nodes
        self._task: asyncio.Task[None] | None = None

    async def take_over(self, node_id: str) -> None:
        self.taken_over.append(node_id)

    async def lost(self) -> None:
        self.was_lost += 1

    async def changed(self) -> None:
        self.changes += 1
        self.changed_s = time.monotonic()

    def settled(self) -> None:
        self.settlings.append(time.monotonic() - self.changed_s)

    def go(self) -> None:
        self._task = asyncio.create_task(self.nodes.run())

    def count_rests(self) -> list[float]:
        """How long each rest between two beats may be, from now on."""
        rests: list[float] = []
        rest = self.link.rest

        async def noted(limit_s: float) -> None:
            rests.append(limit_s)
            await rest(limit_s)

        self.link.rest = noted  # type: ignore[method-assign]
        return rests

    async def hang(self) -> None:
        """Say nothing any more."""
        assert self._task
        await end([self._task])


@asynccontextmanager
async def running_process(server: RedisServer, name: str) -> AsyncIterator[Process]:
    link = await connect(server.url, timeout_s=0.3)
    one = Process(name, link)
    one.nodes = Nodes(
        link,
        Node(name),
        take_over=one.take_over,
        on_lost=one.lost,
        on_changed=one.changed,
        on_settled=one.settled,
        pace=PACE,
    )
    one.go()
    try:
        yield one
    finally:
        await one.hang()
        await link.close()


@pytest.fixture
def server() -> RedisServer:
    shared = shared_redis()
    with shared.client() as client:
        client.flushall()
    return shared


@asynccontextmanager
async def three(server: RedisServer) -> AsyncIterator[list[Process]]:
    async with AsyncExitStack() as stack:
        names = ("one", "two", "three")
        processes = [await stack.enter_async_context(running_process(server, n)) for n in names]
        await until(lambda: known(server) == set(names))
        # Else Redis may be another one before they know which it was.
        await until(lambda: all(one.nodes._seen for one in processes))
        yield processes


def known(server: RedisServer) -> set[str]:
    with server.client() as client:
        return {name.decode() for name in client.zrange("{hw:n}beats", 0, -1)}


async def beats_for(server: RedisServer, seconds: float) -> None:
    """Wait until all have gone on beating for so long."""
    with server.client() as client:

        def newest_ms() -> float:
            beats = client.zrange("{hw:n}beats", 0, -1, withscores=True)
            return min(float(score) for _, score in beats)

        due_ms = newest_ms() + seconds * 1000
        await until(lambda: newest_ms() > due_ms)


async def hang_for(seconds: float) -> None:
    """It is the length of the silence that counts, so there is nothing else to wait for."""
    ended_s = time.monotonic() + seconds
    await until(lambda: time.monotonic() > ended_s)


def buried(server: RedisServer) -> set[str]:
    with server.client() as client:
        return {name.decode() for name in client.zrange("{hw:n}buried", 0, -1)}


async def test_what_a_silent_process_held_is_taken_over_by_the_others(server: RedisServer) -> None:
    async with three(server) as (one, two, third):
        await third.hang()

        await until(lambda: known(server) == {"one", "two"} and not buried(server))

        assert {*one.taken_over, *two.taken_over} == {"three"}
        assert third.taken_over == []


async def test_who_was_given_up_hears_of_it_when_it_comes_back_and_is_there_again(
    server: RedisServer,
) -> None:
    async with three(server) as (one, two, third):
        await third.hang()
        await until(lambda: known(server) == {"one", "two"} and not buried(server))

        third.go()

        await until(lambda: third.was_lost)
        await until(lambda: known(server) == {"one", "two", "three"})
        assert third.was_lost == 1
        assert one.was_lost == two.was_lost == 0


async def test_what_a_process_leaves_when_it_ends_is_taken_over_at_once(
    server: RedisServer,
) -> None:
    async with three(server) as (one, two, third):
        await third.hang()
        await third.nodes.leave()

        await until(lambda: not buried(server), limit_s=PACE.silence_s)
        assert known(server) == {"one", "two"}
        assert {*one.taken_over, *two.taken_over} == {"three"}


async def test_who_was_given_up_and_then_left_alone_is_there_again_in_time(
    server: RedisServer,
) -> None:
    async with running_process(server, "one") as one:
        await until(lambda: known(server) == {"one"})
        with server.client() as client:
            client.zadd("{hw:n}buried", {"one": client.time()[0] * 1000})
            client.zrem("{hw:n}beats", "one")

        await until(lambda: one.was_lost == 1)

        await until(lambda: known(server) == {"one"} and not buried(server))
        assert one.taken_over == ["one"]


async def test_while_redis_hangs_nobody_is_given_up() -> None:
    with running_redis() as server:
        async with three(server) as processes:
            await beats_for(server, 2 * PACE.silence_s)  # by now all may bury
            server.pause()
            await hang_for(3 * PACE.silence_s)
            server.go_on()

            await beats_for(server, 3 * PACE.silence_s)
            assert [one.taken_over for one in processes] == [[], [], []]
            assert [one.was_lost for one in processes] == [0, 0, 0]
            assert known(server) == {"one", "two", "three"}


async def test_who_stood_still_itself_buries_nobody_who_did_so_a_little_longer(
    server: RedisServer,
) -> None:
    async with three(server) as (one, two, third):
        await beats_for(server, 2 * PACE.silence_s)  # by now all may bury
        await third.hang()
        time.sleep(1.5 * PACE.silence_s)  # noqa: ASYNC251 - the standing still
        rests = one.count_rests()
        await until(lambda: len(rests) > 3)

        third.go()

        await beats_for(server, 3 * PACE.silence_s)
        assert one.taken_over == two.taken_over == []
        assert third.was_lost == 0


async def test_a_redis_that_has_begun_anew_is_noticed(server: RedisServer) -> None:
    with running_redis() as own:
        async with three(own) as processes:
            own.kill()
            own.start()

            await until(lambda: all(one.changes == 1 for one in processes))
            assert [one.was_lost for one in processes] == [0, 0, 0]


async def test_a_redis_that_has_changed_is_used_again_once_all_may_have_brought_back_what_they_know(
    server: RedisServer,
) -> None:
    async with three(server) as processes:
        with server.client() as client:
            client.flushall()

        await until(lambda: all(one.changes for one in processes))
        assert not any(one.link.is_up for one in processes)
        await until(lambda: all(one.link.is_up for one in processes))

        for one in processes:
            (settled_s,) = one.settlings
            assert settled_s >= PACE.settle_s


async def test_a_redis_that_dies_before_it_is_used_again_is_asked_at_the_pace_of_the_heart() -> (
    None
):
    with running_redis() as own:
        async with running_process(own, "one") as one:
            await until(lambda: known(own) == {"one"})
            with own.client() as client:
                client.flushall()
            await until(lambda: one.changes)
            own.kill()
            await hang_for(PACE.settle_s)

            rests = one.count_rests()
            await hang_for(10 * PACE.beat_s)

            assert 1 <= len(rests) <= 100  # four times a beat, while something is wrong
            assert min(rests) > 0


async def test_a_redis_that_has_lost_all_it_had_is_noticed(server: RedisServer) -> None:
    async with three(server) as processes:
        with server.client() as client:
            client.flushall()

        await until(lambda: all(one.changes == 1 for one in processes))
        assert [one.was_lost for one in processes] == [0, 0, 0]


async def test_a_redis_that_is_doubted_while_it_is_looked_at_is_not_used_before_the_next_look(
    server: RedisServer,
) -> None:
    async with running_process(server, "one") as one:
        await until(lambda: known(server) == {"one"})
        look, was_up = one.link.look, []

        async def doubted() -> Runs:
            was_up.append(one.link.is_up)
            found = await look()
            one.link.doubt()
            return found

        one.link.look = doubted  # type: ignore[method-assign]
        await until(lambda: len(was_up) > 2)
        one.link.look = look  # type: ignore[method-assign]

        assert was_up[1:3] == [False, False]
        await until(lambda: one.link.is_up)


async def test_a_process_hears_its_own_heartbeat_on_its_own_channel(server: RedisServer) -> None:
    async with running_process(server, "one"):
        with server.client() as client:
            ear = client.pubsub()
            ear.subscribe(node_channel("one"))
            heard: list[object] = []

            def hear_on() -> bool:
                if message := ear.get_message(ignore_subscribe_messages=True):
                    heard.append(message["data"])
                return len(heard) == 2

            await until(hear_on)
            ear.close()

        assert heard == [b"beat", b"beat"]


async def test_who_has_not_heard_itself_lately_is_not_heard(server: RedisServer) -> None:
    async with running_process(server, "one") as one:
        await until(lambda: known(server) == {"one"})
        assert one.nodes.is_heard is False

        one.nodes.heard()

        await until(lambda: one.nodes.is_heard is True)
        await until(lambda: one.nodes.is_heard is False)


async def test_who_stood_still_is_heard_until_it_could_have_heard_itself(
    server: RedisServer,
) -> None:
    async with running_process(server, "one") as one:
        await until(lambda: known(server) == {"one"})
        one.nodes.heard()

        time.sleep(2 * PACE.deaf_s)  # noqa: ASYNC251 - the standing still
        await asyncio.sleep(0)

        assert one.nodes.is_heard
