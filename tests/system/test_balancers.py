"""Balancers in front of three nodes, configured as docs/SCALING.md says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from server.app import App
from server.core.ids import new_id
from tests.apis.session_relay.official import Client, play_at
from tests.balancers import BALANCERS
from tests.installations import Installation
from tests.servers import RunningServer, until
from tests.transports.wire import POLLING, WebSocketLine

RETRY_LIMIT_S = 10

BY_WEBSOCKET, BY_POLLING, BY_BOTH = (
    Client(4, way) for way in ("websocket", "polling", "polling,websocket")
)

TALKS = [
    *((balancer, BY_BOTH, is_sticky) for balancer in BALANCERS for is_sticky in (False, True)),
    *(("nginx", BY_POLLING, False), ("haproxy", BY_POLLING, True)),
    *(("nginx", BY_WEBSOCKET, True), ("haproxy", BY_WEBSOCKET, False)),
]
"""Behind which balancer who talks, and whether it is sticky."""

SCENARIOS = ("documented", "everybody", "privately", "returning", "leaving", "burst")

THREE = Installation("three nodes", nodes=3, has_redis=True)


@asynccontextmanager
async def three_nodes(
    balancer: str, *, is_sticky: bool = False, **settings: Any
) -> AsyncIterator[RunningServer]:
    """Three nodes behind a balancer; only if it is not sticky they know where the others are."""
    own: dict[str, Any] = {"TRUSTED_PROXIES": "127.0.0.1/32", "RATE_LIMITS": "off", **settings}
    if is_sticky:
        own["NODE_URL"] = ""
    async with THREE.running(**own) as server:
        ports = [node.port for node in server.nodes]
        with BALANCERS[balancer](ports, is_sticky=is_sticky) as server.url:
            yield server


def joins(node: App) -> int:
    """How many of them a node was asked for."""
    return sum(node._metrics.traffic._events["join-session"].counts)


def forwarded(server: RunningServer) -> float:
    """How much came to one node and was another's."""
    kinds = [{"kind": kind} for kind in ("request", "websocket")]
    registries = [node._metrics.registry for node in server.nodes]
    name = "hushwire_forwarded_total"
    return sum(one.get_sample_value(name, kind) or 0 for one in registries for kind in kinds)


@pytest.mark.parametrize(("balancer", "client", "is_sticky"), TALKS, ids=str)
async def test_official_clients_talk_across_nodes(
    balancer: str, client: Client, *, is_sticky: bool
) -> None:
    """Who polls and moves on does all that a balancer can see, so the others come by each once."""
    async with three_nodes(balancer, is_sticky=is_sticky, RECONNECT_GRACE_S=30) as server:
        scenes = await play_at(server.url, client, *SCENARIOS, OWN_ADDRESSES="yes")

        for name in SCENARIOS:
            assert scenes[name].lines
        assert min(map(joins, server.nodes)) > 0
        polls = client.transports != "websocket"
        assert bool(forwarded(server)) is (polls and not is_sticky)


@pytest.mark.parametrize("balancer", BALANCERS)
async def test_a_node_that_drains_hands_its_clients_over_and_nobody_finds_a_closed_door(
    balancer: str,
) -> None:
    # In a fifth of it the balancer is to see that the node drains, on a busy machine, too.
    async with three_nodes(balancer, DRAIN_S=15) as server:
        ending = server.nodes[0]
        there = [await WebSocketLine(server.url).open() for _ in range(6)]
        assert len(ending.sockets.eio.sockets) == 2
        draining = asyncio.create_task(ending.drain())
        while not draining.done():
            await come_and_go(server.url)
        await until(lambda: sum(line.is_ended for line in there) == 2)

        before = joins(ending)
        for _ in range(6):
            await come_and_go(server.url)

        assert joins(ending) == before
        for line in there:
            await line.leave()


async def come_and_go(url: str) -> None:
    """Connect, join something new, and leave again."""
    # Whoever came before may not have been heard to leave, on a machine that stood still.
    session_id = new_id()
    async with WebSocketLine(url) as line:
        await line.open()
        async with asyncio.timeout(RETRY_LIMIT_S):
            while not (answer := await line.join(session_id, "dave"))["success"]:
                # A machine that stood still is not ready for a moment, and clients ask again.
                assert answer["error"] == "unavailable"


@pytest.mark.parametrize("balancer", BALANCERS)
async def test_the_address_of_a_client_is_known_behind_it(balancer: str) -> None:
    async with three_nodes(balancer, RATE_LIMITS="on", ADDRESS_CONNECTS_PER_MINUTE=4) as server:
        statuses = []
        for address in ("127.0.0.7", "127.0.0.7", "127.0.0.8"):
            connector = aiohttp.TCPConnector(local_addr=(address, 0))
            async with (
                aiohttp.ClientSession(connector=connector) as http,
                http.get(server.url + POLLING) as answer,
            ):
                statuses.append(answer.status)

        assert statuses == [200, 429, 200]
