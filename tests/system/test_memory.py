"""Clients that come and go leave nothing behind in the process, however they go."""

import asyncio
import itertools
import json
import os
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import uvloop

from tests.system.processes import ServerProcess, server_process
from tests.transports.wire import (
    POLLING,
    UPGRADE,
    WEBSOCKET,
    WebSocketLine,
    connected,
    exchange,
    frame,
    head,
    read_reply,
)

WARMING_CYCLES = 5_000
"""By then rooms have filled their logs, and sessions of dropped connections come to a level."""
CYCLES = 5_000
AT_A_TIME = 50
ROOMS = 4
PLACES = 200
"""Of one room: lost members keep theirs until the reaper comes by."""
BETWEEN_REAPERS = ROOMS * (PLACES - 10)
"""So many find a place even if all before them are lost and the reaper has not come by yet."""

LOOK_EVERY_S = 0.05
"""While the reaper, which comes twice a second, is waited for: a look is dear."""

GROWTH_MB = 2.5
"""Half a kilobyte a cycle, which any object that is left with its place in a dictionary comes to.

What still grows after the warming up are the tokens of former members, of which a room remembers
four times its places, and the allocator's arenas; 40,000 more cycles add nothing.
"""

TOKEN = {"X-Admin-Token": "of-the-test-only"}

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
End = Callable[[Streams], Awaitable[None]]


# --- how they come: all end with an answer to their joining ---


def joining(n: int) -> str:
    join = {"sessionId": f"room {n % ROOMS}", "userId": f"user {n}", "isCreator": True}
    return f"42{json.dumps(['join-session', {**join, 'publicKey': 'k' * 100}])}"


async def come_by_websocket(url: str, n: int, streams: Streams) -> None:
    reader, writer = streams
    packets = b"".join(frame(1, packet.encode()) for packet in ("40", joining(n)))
    writer.write(head("GET", WEBSOCKET, UPGRADE) + packets)
    await reader.readuntil(b"messages-history")


async def come_by_polling(url: str, n: int, streams: Streams) -> None:
    """Poll, then move to a WebSocket on the same TCP connection."""
    reader, writer = streams
    writer.write(head("GET", POLLING))
    sid = json.loads((await read_reply(reader)).body[1:])["sid"]
    body = f"40\x1e{joining(n)}".encode()
    writer.write(head("POST", f"{POLLING}&sid={sid}", {"Content-Length": str(len(body))}) + body)
    writer.write(head("GET", f"{POLLING}&sid={sid}"))
    assert (await read_reply(reader)).body == b"ok"
    assert b"messages-history" in (await read_reply(reader)).body
    probe = frame(1, b"2probe")
    writer.write(head("GET", f"{WEBSOCKET}&sid={sid}", UPGRADE) + probe)
    await reader.readuntil(b"3probe")
    writer.write(frame(1, b"5"))


# --- how they go ---


async def reset(streams: Streams) -> None:
    sock = streams[1].get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def hang_up(streams: Streams) -> None:
    """A FIN; what is still to come in is not read."""


async def close(streams: Streams) -> None:
    """The closing handshake."""
    reader, writer = streams
    writer.write(frame(8, struct.pack(">H", 1000)))
    await reader.read(-1)


async def say_goodbye(streams: Streams) -> None:
    """As official clients do: out of the namespace, then out of Engine.IO."""
    reader, writer = streams
    writer.write(frame(1, b"41") + frame(1, b"1"))
    writer.write(frame(8, struct.pack(">H", 1000)))
    await reader.read(-1)


# Every fourth by polling first, which costs the server several times as much.
COMINGS = (come_by_websocket, come_by_websocket, come_by_websocket, come_by_polling)
GOINGS: tuple[End, ...] = (reset, hang_up, close, say_goodbye)


class Visitors:
    """Many at a time, each with a number and a user id of its own."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._url = server.url
        self._numbers = itertools.count()

    async def run(self, cycles: int) -> None:
        """Come and go so often; whoever comes finds a place, however fast this machine is."""
        for start in range(0, cycles, BETWEEN_REAPERS):
            numbers = itertools.islice(self._numbers, min(BETWEEN_REAPERS, cycles - start))
            await asyncio.gather(*(self._one_after_the_other(numbers) for _ in range(AT_A_TIME)))
            await until_nobody_is_left(self._server)

    async def _one_after_the_other(self, numbers: Iterator[int]) -> None:
        for n in numbers:
            await self._cycle(n)

    async def _cycle(self, n: int) -> None:
        async with connected(self._url) as streams:
            await COMINGS[n % 4](self._url, n, streams)
            await GOINGS[n // 4 % 4](streams)


# --- what is left ---


async def is_empty(server: ServerProcess) -> bool:
    health = (await exchange(server.url, head("GET", "/health"))).json
    assert health["sessions"] == ROOMS
    return bool(health["connections"] == 0)


def open_files(server: ServerProcess) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))  # noqa: PTH208


async def sample(server: ServerProcess, name: str) -> float:
    page = (await exchange(server.url, head("GET", "/metrics", TOKEN))).body.decode()
    found = re.search(rf"^{name} (\S+)$", page, re.MULTILINE)
    assert found
    return float(found[1])


async def members_left(server: ServerProcess) -> set[str]:
    """Of all rooms, as somebody sees it who joins them."""
    left: set[str] = set()
    async with WebSocketLine(server.url) as line:
        await line.open()
        for n in range(ROOMS):
            members = (await line.join(f"room {n}", "auditor"))["members"]
            left |= {member["userId"] for member in members}
    return left - {"auditor"}


async def until_nobody_is_left(server: ServerProcess) -> None:
    """Lost members wait for the reaper."""
    async with asyncio.timeout(10):
        while await members_left(server) or not await is_empty(server):
            await asyncio.sleep(LOOK_EVERY_S)


async def scene(server: ServerProcess) -> None:
    visitors = Visitors(server)
    await visitors.run(WARMING_CYCLES)
    before_mb, files = server.memory_mb(), open_files(server)

    await visitors.run(CYCLES)

    assert open_files(server) <= files
    assert await sample(server, "hushwire_connections") == 0
    assert await sample(server, "hushwire_sessions") == ROOMS
    assert server.memory_mb() - before_mb < GROWTH_MB


def test_ten_thousand_that_come_and_go_leave_memory_as_it_was(tmp_path: Path) -> None:
    settings = {
        "RATE_LIMITS": "off",
        "RECONNECT_GRACE_S": 0,
        "RECOVERY_S": 0.5,
        "PING_INTERVAL_S": 2,
        "PING_TIMEOUT_S": 2,
        "ADMIN_TOKEN": TOKEN["X-Admin-Token"],
        "MAX_CONNECTION_SESSIONS": ROOMS,
        "MAX_SESSION_MEMBERS": PLACES,
    }
    with server_process(tmp_path, **settings) as server:
        uvloop.run(scene(server))
        assert '"exception"' not in server.log
