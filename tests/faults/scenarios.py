"""Faults by name: each is a round that tests play once or twice, and operators for as long."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import redis
from msgspec import Struct, structs

from server.stores.redis.keys import GROUPS, NODES, shard
from tests.faults.nodes import Node, running_nodes
from tests.faults.proxy import Proxy
from tests.faults.talk import Load, Talk, talking
from tests.redis_servers import RedisServer, binary, running_redis
from tests.redis_sets import (
    SentinelSet,
    has_replica,
    master_of,
    masters,
    running_cluster,
    running_sentinels,
)

_Servers = TypeVar("_Servers")

FEW, ENOUGH = 4, 10
"""Messages acknowledged in each room, before and after each fault."""

GIVE_UP_LIMIT_S = 20.0
"""For others to give a silent node up, which they do after six seconds."""


STOPS_S = (1, 3, 6)
"""Of a process: shorter and longer than commands to Redis may take, and until it is given up."""

STAGGER_S = 1.2
"""Between two processes that go on: the first has beaten again when the last is still silent."""


class Stage(Struct, frozen=True):
    """What a round has to do with.

    Attributes:
        redis: The one that all nodes are on, but where Sentinels say which one that is.
        cluster: Its servers, if the nodes are on a Cluster.
    """

    nodes: list[Node]
    talk: Talk
    redis: RedisServer
    sentinels: SentinelSet | None = None
    cluster: tuple[RedisServer, ...] = ()

    @property
    def servers(self) -> tuple[RedisServer, ...]:
        """All of Redis that nodes may be on."""
        if self.sentinels:
            return self.sentinels.master, self.sentinels.replica
        return self.cluster or (self.redis,)


class Scenario(Struct, frozen=True, kw_only=True):
    """One kind of fault.

    Attributes:
        play: One round; it ends when all is mended and everybody talks again.
        options: Of Redis, where it matters.
        loses_groups: Random groups end with it, and all who were in them are to be told.
        sets_back: What Redis knows of random groups is that of before, so that none are played.
    """

    summary: str
    play: Callable[[Stage, int], Awaitable[None]]
    options: tuple[str, ...] = ()
    has_proxies: bool = False
    has_sentinels: bool = False
    has_cluster: bool = False
    loses_groups: bool = False
    sets_back: bool = False

    def has_all_for(self, other: "Scenario") -> bool:
        """Whether those who have played this one have what the other needs."""
        return (
            other.options in ((), self.options)
            and self._servers == other._servers
            and self.has_proxies >= other.has_proxies
            and self.sets_back == other.sets_back
        )

    @property
    def _servers(self) -> tuple[bool, bool]:
        return self.has_sentinels, self.has_cluster


PAUSE_S = 3.0
"""For a master of a Cluster that is not replaced so soon: longer than commands may take."""

_FORGETFUL = ("--appendonly", "no")

QUICK = ("--cluster-node-timeout", "1000")
"""For a Cluster that replaces a master within two seconds."""


async def _kill_node(stage: Stage, number: int) -> None:
    node = stage.nodes[number % len(stage.nodes)]
    node.kill()
    await stage.talk.more(ENOUGH)
    await node.start()


async def _restart_nodes(stage: Stage, number: int) -> None:
    for node in stage.nodes:
        assert await node.stop() == 0
        await node.start()
        await stage.talk.more(ENOUGH)


async def _cut_network(stage: Stage, number: int) -> None:
    proxy = _breaking_proxy(stage, number)
    await proxy.cut()
    await stage.talk.go_on_until_refused(1)
    await proxy.mend()


async def _hang_network(stage: Stage, number: int) -> None:
    proxy = _breaking_proxy(stage, number)
    proxy.hang()
    await stage.talk.go_on_until_refused(3)
    await proxy.mend()


async def _give_up(stage: Stage, number: int) -> None:
    # Who was given up in the last round has to be one of them again.
    await stage.talk.until(lambda: _known(stage.redis) == len(stage.nodes))
    cut_off, hung, other = stage.nodes[:3]
    before = [node.log.count("given_up_by_others") for node in (cut_off, hung)]
    await _proxy_of(cut_off).cut()
    hung.pause()
    dead = other.log.count("node_gone")
    await stage.talk.until(lambda: other.log.count("node_gone") >= dead + 2, GIVE_UP_LIMIT_S)
    await _proxy_of(cut_off).mend()
    hung.go_on()
    await stage.talk.until(
        lambda: all(
            node.log.count("given_up_by_others") > count
            for node, count in zip((cut_off, hung), before, strict=True)
        )
    )


async def _stop_nodes(stage: Stage, number: int) -> None:
    for node, seconds in zip(stage.nodes, STOPS_S, strict=False):
        node.pause()
        await stage.talk.go_on(seconds)
        node.go_on()
        await stage.talk.more(ENOUGH)


async def _stop_all(stage: Stage, number: int) -> None:
    for seconds in STOPS_S:
        for node in stage.nodes:
            node.pause()
        await stage.talk.go_on(seconds)
        first, *others = stage.nodes
        first.go_on()
        for node in others:
            await stage.talk.go_on(STAGGER_S)
            node.go_on()
        await stage.talk.more(ENOUGH)


async def _kill_redis(stage: Stage, number: int) -> None:
    stage.redis.kill()
    await stage.talk.go_on_until_refused(1)
    stage.redis.start()


async def _set_back_redis(stage: Stage, number: int) -> None:
    with stage.redis.client() as client:
        client.save()
    await stage.talk.more(ENOUGH)
    await stage.talk.gathered()
    await _kill_redis(stage, number)


async def _hang_redis(stage: Stage, number: int) -> None:
    stage.redis.pause()
    await stage.talk.go_on(20)
    stage.redis.go_on()


async def _stop_redis(stage: Stage, number: int) -> None:
    for seconds in STOPS_S:
        stage.redis.pause()
        await stage.talk.go_on(seconds)
        stage.redis.go_on()
        await stage.talk.more(ENOUGH)


async def _kill_listeners(stage: Stage, number: int) -> None:
    with stage.redis.client() as client:
        for _ in range(4):
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await stage.talk.more(ENOUGH // 3)
        # The others are heard on, and what they say now is the last for a while.
        await stage.talk.until(lambda: len(_listeners(client)) == len(stage.nodes))
        client.client_kill_filter(_id=_listeners(client)[number % len(stage.nodes)])
    before = stage.talk.done["acknowledged"]
    await stage.talk.until(lambda: stage.talk.done["acknowledged"] > before)
    await stage.talk.all_know_all()


def _listeners(client: redis.Redis) -> list[str]:
    return [one["id"] for one in client.client_list(_type="pubsub")]


async def _fail_over(stage: Stage, number: int) -> None:
    assert stage.sentinels
    both = stage.sentinels.master, stage.sentinels.replica
    old, new = both if number % 2 == 0 else both[::-1]
    if number:
        # Who was killed the last time comes back, as a replica, and is the next master.
        await asyncio.to_thread(new.start)
        await stage.talk.until(lambda: has_replica(old))
    old.kill()
    await stage.talk.more(ENOUGH)


async def _fail_over_in_cluster(stage: Stage, number: int) -> None:
    master = _breaking_master(stage, number)
    await asyncio.to_thread(master.kill)
    await _replaced(stage, master)
    await stage.talk.more(ENOUGH)
    await asyncio.to_thread(master.start)
    await _whole(stage)


async def _hang_in_cluster(stage: Stage, number: int) -> None:
    master = _breaking_master(stage, number)
    master.pause()
    await _replaced(stage, master)
    await stage.talk.more(ENOUGH)
    master.go_on()
    await stage.talk.more(ENOUGH)
    await _whole(stage)


async def _pause_in_cluster(stage: Stage, number: int) -> None:
    master = _breaking_master(stage, number)
    master.pause()
    await stage.talk.go_on_until_refused(PAUSE_S)
    master.go_on()


_TAGS = (GROUPS, NODES, shard(0))
"""What those masters have that break, in each round another."""


def _breaking_master(stage: Stage, number: int) -> RedisServer:
    """The one whose turn it is."""
    found = master_of(stage.cluster, _TAGS[number % len(_TAGS)])
    assert found
    return found


async def _replaced(stage: Stage, former: RedisServer) -> None:
    """Wait until each tag has a master among the others."""
    others = [server for server in stage.cluster if server is not former]
    await stage.talk.until(lambda: all(master_of(others, tag) for tag in _TAGS))


async def _whole(stage: Stage) -> None:
    """Wait until each master has a replica again."""
    await stage.talk.until(lambda: all(has_replica(one) for one in masters(stage.cluster)))


def _known(redis: RedisServer) -> int:
    """How many nodes there are, as far as they know of each other."""
    with redis.client() as client:
        return int(client.zcard("{hw:n}beats"))


_behind_proxies = functools.partial(Scenario, has_proxies=True)
_on_cluster = functools.partial(Scenario, has_cluster=True, options=QUICK)

SCENARIOS = {
    "kill-node": Scenario(summary="kill -9 of one node after the other", play=_kill_node),
    "restart-nodes": Scenario(
        summary="a rolling restart: SIGTERM to one after the other",
        play=_restart_nodes,
    ),
    "cut-network": _behind_proxies(
        summary="all connections of a node to Redis end, for 1 s",
        play=_cut_network,
    ),
    "hang-network": _behind_proxies(
        summary="nothing passes between a node and Redis for 3 s, and arrives late",
        play=_hang_network,
    ),
    "give-up": _behind_proxies(
        summary="one node is cut off and one stopped, until the others give them up",
        play=_give_up,
    ),
    "stop-nodes": Scenario(
        summary="nodes are stopped for 1, 3 and 6 s, one after the other, and continued (SIGSTOP)",
        play=_stop_nodes,
    ),
    "stop-all": Scenario(
        summary="all nodes are stopped at once for 1, 3 and 6 s, and continue one by one",
        play=_stop_all,
    ),
    "kill-redis": Scenario(
        summary="kill -9 of Redis, which has written all to disk",
        play=_kill_redis,
        options=("--appendonly", "yes", "--appendfsync", "always"),
    ),
    "lose-redis": Scenario(
        summary="kill -9 of Redis, which has written nothing to disk",
        play=_kill_redis,
        options=_FORGETFUL,
        loses_groups=True,
    ),
    "set-back-redis": Scenario(
        summary="kill -9 of Redis, which comes back as it was some messages ago",
        play=_set_back_redis,
        options=_FORGETFUL,
        sets_back=True,
    ),
    "hang-redis": Scenario(
        summary="Redis is stopped for 20 s and continued (SIGSTOP)", play=_hang_redis
    ),
    "stop-redis": Scenario(
        summary="Redis is stopped for 1, 3 and 6 s and continued (SIGSTOP)", play=_stop_redis
    ),
    "kill-listeners": Scenario(
        summary="Redis hangs up on all who listen to it", play=_kill_listeners
    ),
    "fail-over": Scenario(
        summary="kill -9 of the Redis that Sentinels then replace by its replica",
        play=_fail_over,
        has_sentinels=True,
    ),
    "cluster-kill-node": _on_cluster(
        summary="kill -9 of one node after the other, on a Cluster",
        play=_kill_node,
    ),
    "cluster-fail-over": _on_cluster(
        summary="kill -9 of a master of a Cluster, which its replica then replaces",
        play=_fail_over_in_cluster,
    ),
    "cluster-hang": _on_cluster(
        summary="a master of a Cluster is stopped, replaced, and continued when all talk again",
        play=_hang_in_cluster,
    ),
    "cluster-pause": Scenario(
        summary=f"a master of a Cluster is stopped for {PAUSE_S:g} s, and is not replaced",
        play=_pause_in_cluster,
        options=("--cluster-node-timeout", "15000"),
        has_cluster=True,
    ),
    "nothing": Scenario(summary="no fault", play=lambda stage, number: stage.talk.more(ENOUGH)),
}


@asynccontextmanager
async def staged(scenario: Scenario, folder: Path, load: Load) -> AsyncIterator[Stage]:
    """All that a scenario needs, with everybody talking."""
    async with AsyncExitStack() as stack:
        sentinels = None
        cluster: tuple[RedisServer, ...] = ()
        settings = {}
        if scenario.has_sentinels:
            sentinels = await stack.enter_async_context(_beside(running_sentinels()))
            redis = sentinels.master
            settings["REDIS_URL"] = sentinels.url
        elif scenario.has_cluster:
            running = running_cluster(*scenario.options, replicas=1)
            cluster = tuple(await stack.enter_async_context(_beside(running)))
            redis = cluster[0]
        else:
            redis = stack.enter_context(running_redis(binary(), *scenario.options))
        nodes = await stack.enter_async_context(
            running_nodes(folder, redis, load.nodes, has_proxies=scenario.has_proxies, **settings)
        )
        if scenario.sets_back:
            load = structs.replace(load, strangers=0)
        talk = await stack.enter_async_context(
            talking(nodes, load, loses_groups=scenario.loses_groups)
        )
        yield Stage(nodes, talk, redis, sentinels, cluster)


@asynccontextmanager
async def _beside(servers: AbstractContextManager[_Servers]) -> AsyncIterator[_Servers]:
    """Start them, and end them, while others talk: it takes seconds."""
    found = await asyncio.to_thread(servers.__enter__)
    try:
        yield found
    finally:
        await asyncio.to_thread(servers.__exit__, None, None, None)


def _breaking_proxy(stage: Stage, number: int) -> Proxy:
    """That of the node whose turn it is."""
    return _proxy_of(stage.nodes[number % len(stage.nodes)])


def _proxy_of(node: Node) -> Proxy:
    assert node.proxy
    return node.proxy
