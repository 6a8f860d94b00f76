"""Clients that read when a test tells them to, and rooms that are too loud for them."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

from tests.clocks import LIMIT_S
from tests.servers import ADMIN_TOKEN, RunningServer, running
from tests.transports.wire import (
    UPGRADE,
    WEBSOCKET,
    Line,
    PollingLine,
    WebSocketLine,
    exchange,
    frame,
    head,
)

TOKEN = {"X-Admin-Token": ADMIN_TOKEN}

BOUND_BYTES = 65_536
"""The smallest that may be set."""

SEND_BUFFER_BYTES = 16_384
RECEIVE_BUFFER_BYTES = 8_192
KERNEL_BYTES = 4 * (SEND_BUFFER_BYTES + RECEIVE_BUFFER_BYTES)
"""What leaves the server and is not read, at most: Linux doubles both, and rounds them up."""

SMALL: dict[str, Any] = {
    "MAX_UNSENT_BYTES": BOUND_BYTES,
    "MAX_PAYLOAD_BYTES": 30_000,
    "MAX_CIPHERTEXT_BYTES": 20_000,
    "RATE_LIMITS": "off",
    "RECONNECT_GRACE_S": 0,
    "PING_INTERVAL_S": 60,
    "PING_TIMEOUT_S": 60,
}

WORDS = "x" * 1_000


@asynccontextmanager
async def tight_server(**settings: object) -> AsyncIterator[RunningServer]:
    """A server with the smallest bound, for which the kernel keeps next to nothing."""
    async with running(**{**SMALL, **settings}) as server:
        for listener in server.app._listeners:
            # Connections inherit it.
            listener._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        yield server


async def counted(server: RunningServer, sample: str) -> float:
    """A sample of `/metrics`, by its name and labels; 0 if there is none."""
    page = (await exchange(server.url, head("GET", "/metrics", TOKEN))).body.decode()
    for line in page.splitlines():
        name, _, value = line.rpartition(" ")
        if name == sample:
            return float(value)
    return 0.0


async def cut_readers(server: RunningServer) -> float:
    return await counted(server, 'hushwire_rejected_total{reason="slow_reader"}')


def event(name: str, **data: Any) -> str:
    """The packet of an event of the session "lair"."""
    return f"42{json.dumps([name, {'sessionId': 'lair', **data}])}"


class SlowReader:
    """A Socket.IO connection over a WebSocket, which takes from the kernel what it is told to.

    Attributes:
        packets: What it has read, in order, without pings.
        pings: How many there were.
        close_code: Of the server's close frame; None before.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        # The loopback's own segments are larger than the buffer.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
        self._socket.setblocking(False)
        self._unparsed = b""
        self.packets: list[str] = []
        self.pings = 0
        self.close_code: int | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        address, _, port = self._url.removeprefix("http://").partition(":")
        await loop.sock_connect(self._socket, (address, int(port)))
        await loop.sock_sendall(self._socket, head("GET", WEBSOCKET, UPGRADE))
        while b"\r\n\r\n" not in self._unparsed:
            self._unparsed += await loop.sock_recv(self._socket, 512)
        self._unparsed = self._unparsed.partition(b"\r\n\r\n")[2]
        await self.send("40")
        await self.read_until("40")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()

    async def send(self, *packets: str) -> None:
        written = b"".join(frame(1, packet.encode()) for packet in packets)
        await asyncio.get_running_loop().sock_sendall(self._socket, written)

    async def join(self, user_id: str) -> None:
        await self.send(event("join-session", userId=user_id, isCreator=True))
        await self.read_until('42["messages-history"')

    async def read_until(self, start: str) -> None:
        """Read on until a packet begins so."""
        seen = len(self.packets)
        await self.read_all(lambda: any(one.startswith(start) for one in self.packets[seen:]))

    async def read_all(self, condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
        """Read on until what was read makes a condition true.

        Raises:
            TimeoutError: It did not within the limit.
            ConnectionError: The connection ended before.
        """
        async with asyncio.timeout(limit_s):
            while not condition():
                if not await self.read():
                    raise ConnectionError(f"ended with {self.close_code}")

    async def read(self, max_bytes: int = 65_536) -> int:
        """Take some bytes as soon as there are any; 0 at the end."""
        try:
            data = await asyncio.get_running_loop().sock_recv(self._socket, max_bytes)
        except ConnectionError:
            return 0
        self._unparsed += data
        self._parse()
        return len(data)

    async def read_to_the_end(self, limit_s: float = 10) -> None:
        async with asyncio.timeout(limit_s):
            while await self.read():
                pass

    def widen(self) -> None:
        """From now on have the kernel take more at a time."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    async def take_slowly(self, bytes_a_second: int) -> None:
        """Go on reading at that speed, and answer pings, until cancelled or cut."""
        while await self.read(2_048):
            # A reader's own slowness, on which no condition of a test waits.
            await asyncio.sleep(2_048 / bytes_a_second)

    def said(self) -> list[str]:
        """The words of all new messages."""
        return [message["encrypted"] for message in self.events("new-message")]

    def events(self, name: str) -> list[Any]:
        start = f'42["{name}",'
        return [json.loads(packet[2:])[1] for packet in self.packets if packet.startswith(start)]

    def _parse(self) -> None:
        at = 0
        while (found := _frame_at(self._unparsed, at)) is not None:
            opcode, payload, at = found
            if opcode == 8:
                (self.close_code,) = struct.unpack(">H", payload[:2])
            elif payload == b"2":
                self.pings += 1
                self._socket.send(frame(1, b"3"))
            else:
                self.packets.append(payload.decode())
        self._unparsed = self._unparsed[at:]


def _frame_at(data: bytes, at: int) -> tuple[int, bytes, int] | None:
    """Opcode, payload and end of a whole frame; None if it is not all there."""
    short = data[at + 1] if len(data) > at + 1 else 0
    start = at + 2 + {126: 2, 127: 8}.get(short, 0)
    if len(data) < start:
        return None
    size = int.from_bytes(data[at + 2 : start]) if start > at + 2 else short
    if len(data) < start + size:
        return None
    return data[at] & 0x0F, data[start : start + size], start + size


async def until_heard(line: Line, count: int, name: str = "new-message") -> None:
    """Wait until a connection has heard so many messages, or other events."""
    await line.until(lambda: len(line.events(name)) >= count)


class LoudRoom:
    """Alice talks as fast as Bob, over a WebSocket, and Carol, who polls, can hear it.

    Attributes:
        said: All of Alice's words.
    """

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self.alice: Line = WebSocketLine(server.url)
        self.bob: Line = WebSocketLine(server.url)
        self.carol: Line = PollingLine(server.url)
        self.said: list[str] = []

    async def talk(self, messages: int, words: str = WORDS) -> int:
        """Say so much, and wait until the others have heard it.

        Returns:
            About how many bytes that was for each of them.
        """
        new = [f"{len(self.said) + n} {words}" for n in range(messages)]
        packets = [event("send-message", encrypted=one) for one in new]
        self.said += new
        await self.alice.send(*packets)
        for line in (self.bob, self.carol):
            await until_heard(line, len(self.said))
        return sum(map(len, packets))

    async def talk_until_cut(self) -> int:
        """Talk until a slow reader was cut; answers the bytes that this took."""
        total = 0
        while not await cut_readers(self._server):
            total += await self.talk(10)
            assert total < 100 * BOUND_BYTES, "never cut"
        return total

    def check(self) -> None:
        """The others heard every word, once and in order, and nothing went wrong for Alice."""
        assert self.alice.events("session-error") == []
        for line in (self.bob, self.carol):
            assert [message["encrypted"] for message in line.events("new-message")] == self.said


@asynccontextmanager
async def loud_room(server: RunningServer) -> AsyncIterator[LoudRoom]:
    """People in the session "lair"; in the end nobody may have missed a word."""
    room = LoudRoom(server)
    async with AsyncExitStack() as lines:
        for name, line in (("alice", room.alice), ("bob", room.bob), ("carol", room.carol)):
            await (await lines.enter_async_context(line)).open()
            assert (await line.join("lair", name))["success"]
        yield room
        room.check()


async def fill_history(room: LoudRoom, messages: int) -> int:
    """Have a history of that many messages of 15,000 bytes; answers its bytes."""
    for _ in range(messages // 3):
        await room.talk(3, "h" * 15_000)
    return messages * 15_000
