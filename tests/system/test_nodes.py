"""Several servers on one Redis, as on several machines: whoever polls may meet any of them."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from server import app
from server.app import LIVE_STOP_LIMIT_S
from tests.installations import REDIS
from tests.redis_servers import RedisServer, free_port, running_redis, shared_redis
from tests.servers import MASTER_KEY
from tests.system.processes import ServerProcess, server_process
from tests.transports.wire import POLLING, UPGRADE, PollingLine, WebSocketLine, exchange, head

SHARED = {
    "JWT_SECRET": "shared-by-all-of-them-0123456789abcdef",
    "ADMIN_TOKEN": "operators-token-of-the-tests",
    "MASTER_KEY": MASTER_KEY,
}


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture(scope="module")
def nodes(
    redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[ServerProcess]]:
    """The first is two workers, the second a process alone."""
    with ExitStack() as stack:
        servers = []
        for workers in (2, 1):
            port = free_port()
            settings = {
                "PORT": port,
                "NODE_URL": f"http://127.0.0.1:{port}",
                "REDIS_URL": redis.url,
                "WORKERS": workers,
                **SHARED,
            }
            folder = tmp_path_factory.mktemp("node")
            servers.append(stack.enter_context(server_process(folder, **settings)))
        yield servers
        for server in servers:
            server.stop()


class Wanderer(PollingLine):
    """Comes to another server with every request."""

    def __init__(self, *urls: str) -> None:
        self._urls = list(urls)
        super().__init__("")

    @property
    def url(self) -> str:
        self._urls.append(self._urls.pop(0))
        return self._urls[-1]

    @url.setter
    def url(self, _: str) -> None:
        """It has no place of its own."""


async def test_who_polls_needs_no_sticky_balancer(nodes: list[ServerProcess]) -> None:
    urls = [node.url for node in nodes]
    async with Wanderer(*urls) as bob, WebSocketLine(urls[0]) as alice:
        await alice.open()
        await bob.open()
        assert (await alice.join("lair", "alice"))["success"]
        assert (await bob.join("lair", "bob"))["success"]
        for number in range(6):
            for line in (alice, bob):
                request = {"sessionId": "lair", "encrypted": f"words {number}"}
                assert (await line.ask("send-message", request))["success"]

        for line in (alice, bob):
            await line.until(lambda: len(line.events("new-message")) == 6)  # noqa: B023
        assert not bob.is_ended


async def test_an_upgrade_finds_the_right_server(nodes: list[ServerProcess]) -> None:
    for here, there in (nodes, nodes[::-1]):
        opened = await exchange(here.url, head("GET", POLLING))
        target = f"{POLLING}&sid={json.loads(opened.body[1:])['sid']}"

        switched = await exchange(
            there.url, head("GET", target.replace("=polling", "=websocket"), UPGRADE)
        )

        assert switched.status == 101


async def test_without_an_address_others_refuse_what_is_its_own(
    nodes: list[ServerProcess], redis: RedisServer, tmp_path: Path
) -> None:
    with server_process(tmp_path, REDIS_URL=redis.url, **SHARED) as hidden:
        opened = await exchange(hidden.url, head("GET", POLLING))
        target = f"{POLLING}&sid={json.loads(opened.body[1:])['sid']}"

        assert (await exchange(nodes[0].url, head("GET", target))).status == 400
        assert hidden.stop().status == 0


def test_a_process_that_ends_in_order_is_known_no_more(tmp_path: Path) -> None:
    with running_redis() as own, own.client() as client:
        with server_process(tmp_path, REDIS_URL=own.url, **SHARED) as server:
            assert client.zcard("{hw:n}beats") == 1
            assert server.stop().status == 0

        assert client.zcard("{hw:n}beats") == 0
        assert client.zcard("{hw:n}buried") == 1  # the next that starts sees to its connections


@pytest.mark.parametrize("turns", range(0, 48, 8))
async def test_whenever_it_stands_still_while_it_ends_it_ends_in_order(
    turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stand_still() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        time.sleep(0.8)  # noqa: ASYNC251 - as a process that is stopped

    for name in ("CLOSE_LIMIT_S", "HTTP_LIMIT_S", "STOP_LIMIT_S", "LIVE_STOP_LIMIT_S"):
        monkeypatch.setattr(app, name, 0.4)
    async with REDIS.running() as server:
        async with WebSocketLine(server.url) as alice, PollingLine(server.url) as bob:
            await alice.open()
            await bob.open()
            standing = asyncio.create_task(stand_still())
            await server.stop()
            await standing

            assert await alice.ended() == 1012
            await bob.ended()
            assert bob.last_poll.body == b"1"
        with shared_redis().client() as client:
            assert client.zrange("{hw:n}beats", 0, -1) == []


def test_a_redis_that_hangs_does_not_keep_a_process_from_its_end(tmp_path: Path) -> None:
    with (
        running_redis() as hung,
        server_process(tmp_path, REDIS_URL=hung.url, **SHARED) as server,
    ):
        hung.pause()

        stopped = server.stop()

    assert stopped.status == 0
    # There were no clients; for one command alone it would wait as long as for two limits.
    assert stopped.seconds < LIVE_STOP_LIMIT_S + 0.75
