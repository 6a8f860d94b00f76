"""An upgrade that comes to nothing leaves nothing behind."""

import socket
import struct
from pathlib import Path

import pytest

from tests.servers import RunningServer, running, until
from tests.system.processes import server_process
from tests.transports.answers import problem_of
from tests.transports.wire import UPGRADE, WEBSOCKET, connected, exchange, frame, head, read_reply

RESET = struct.pack("ii", 1, 0)
"""For SO_LINGER: what is not read by then is lost, and the other side gets a reset."""


@pytest.mark.parametrize(
    "is_first",
    [
        pytest.param(True, id="first request"),
        pytest.param(False, id="after another"),
    ],
)
async def test_a_connection_that_is_reset_while_it_is_upgraded_gives_its_place_back(
    is_first: bool, server: RunningServer
) -> None:
    for _ in range(10):
        async with connected(server.url) as (reader, writer):
            if not is_first:
                writer.write(head("GET", "/ready"))
                await read_reply(reader)
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.write(head("GET", WEBSOCKET, UPGRADE))
    await until(lambda: not server.app._doorkeeper._count)

    assert server.app._gate.connections == 0


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("a[b"),
        pytest.param("é\udcff", id="not UTF-8"),
        "[::1",
        "a..b",
        "ü",
        pytest.param("x" * 300, id="long"),
    ],
)
async def test_an_upgrade_with_a_strange_host_is_no_fault_of_the_server(
    host: str, server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    strange = {**UPGRADE, "Host": host, "Sec-WebSocket-Version": "12"}

    reply = await exchange(server.url, head("GET", WEBSOCKET, strange))

    assert (reply.status, problem_of(reply)) == (400, "invalid_request")
    assert "internal_error" not in caplog.text


async def test_what_follows_a_refused_upgrade_is_not_kept(tmp_path: Path) -> None:
    refused = head("GET", WEBSOCKET, {**UPGRADE, "Sec-WebSocket-Version": "12"})
    with server_process(tmp_path, RATE_LIMITS="off") as server:
        before_mb = server.memory_mb()
        for _ in range(300):
            async with connected(server.url) as (reader, writer):
                writer.write(refused + frame(1, b"x" * 200_000))
                assert (await read_reply(reader)).status == 400
        assert server.memory_mb() - before_mb < 20


async def test_who_is_refused_may_connect_again_with_all_its_places() -> None:
    refused = head("GET", WEBSOCKET, {**UPGRADE, "Sec-WebSocket-Version": "12"})
    async with running(MAX_ADDRESS_CONNECTIONS=2) as server:
        for _ in range(20):
            assert (await exchange(server.url, refused)).status == 400

        assert server.app._gate.connections == 0
        assert (await exchange(server.url, head("GET", WEBSOCKET, UPGRADE))).status == 101
