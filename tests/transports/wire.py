"""The wire without a client library's manners: raw HTTP, Engine.IO over both transports."""

import asyncio
import base64
import itertools
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
from msgspec import Struct

from tests.clocks import LIMIT_S

POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


# --- HTTP ---


class Reply(Struct):
    """One HTTP answer. Header names are in lower case; `ended` if the server hung up."""

    status: int
    headers: dict[str, str]
    body: bytes
    ended: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def head(method: str, target: str, headers: dict[str, str] | None = None) -> bytes:
    """The head of a request; a Host stands in it unless `headers` has one."""
    lines = {"Host": "relay.example", **(headers or {})}
    text = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items())]
    return "\r\n".join([*text, "", ""]).encode("utf-8", "surrogateescape")


async def exchange(
    url: str, *parts: bytes, peer: str | None = None, limit_s: float = LIMIT_S
) -> Reply:
    """Write these bytes, one after the other, and read one answer.

    Args:
        peer: The address of this machine to come from, such as 127.0.0.9.

    Raises:
        ConnectionError: The server hung up without an answer.
    """
    async with connected(url, peer) as (reader, writer), asyncio.timeout(limit_s):
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await read_reply(reader, has_body=not parts[0].startswith(b"HEAD"))


@asynccontextmanager
async def connected(
    url: str, peer: str | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A TCP connection."""
    host, _, port = url.removeprefix("http://").partition(":")
    local = (peer, 0) if peer else None
    reader, writer = await asyncio.open_connection(host, int(port), local_addr=local, limit=1 << 24)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def read_reply(reader: asyncio.StreamReader, *, has_body: bool = True) -> Reply:
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        raise ConnectionError("the server hung up without an answer") from None
    status_line, *lines = raw.decode("latin-1").split("\r\n")[:-2]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)) if has_body else 0)
    is_last = status_line.startswith("HTTP/1.0") or headers.get("connection") == "close"
    ended = is_last and await reader.read(1) == b""
    return Reply(int(status_line.split()[1]), headers, body, ended)


# --- WebSocket frames ---


def frame(opcode: int, payload: bytes, *, masked: bool = True, first_byte: int = 0x80) -> bytes:
    """A frame as a client writes it; `first_byte` has FIN and the reserved bits."""
    mask_bit = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        sizes = bytes([mask_bit | size])
    elif size < 1 << 16:
        sizes = bytes([mask_bit | 126]) + struct.pack(">H", size)
    else:
        sizes = bytes([mask_bit | 127]) + struct.pack(">Q", size)
    return bytes([first_byte | opcode]) + sizes + (b"\0\0\0\0" if masked else b"") + payload


async def read_close_code(reader: asyncio.StreamReader) -> int:
    """Skip the server's frames up to its close frame; 1006 if there is none."""
    while True:
        try:
            first, size = await reader.readexactly(2)
            if size == 126:
                (size,) = struct.unpack(">H", await reader.readexactly(2))
            payload = await reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return 1006
        if first & 0x0F == 8:
            return struct.unpack(">H", payload[:2])[0] if payload else 1005


# --- Socket.IO ---


class Line:
    """One connection to the relay, which does on the wire just what a test says.

    Attributes:
        heard: Packets of Engine.IO in their order, without pings.
        close_code: Of a WebSocket once it has ended; 1000 for polling.
        welcome: What CONNECT's answer held.
        offset: The newest, of those that stand behind the data of events.
        prefix: Of its namespace, behind the type of a packet; empty for the main one.
    """

    prefix = ""

    def __init__(self, url: str) -> None:
        self.url = url
        self.heard: list[str | bytes] = []
        self._events: list[tuple[str, Any]] = []
        self._acks: dict[int, Any] = {}
        self.welcome: dict[str, str] = {}
        self.offset: str | None = None
        self._news = asyncio.Event()
        self.close_code: int | None = None
        self.answers_pings = True
        self._http = aiohttp.ClientSession(auto_decompress=False)
        self._numbers = itertools.count(1)
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def open(self, auth: dict[str, Any] | None = None) -> Self:
        """Shake hands, and open the namespace."""
        await self.shake_hands()
        await self.send(f"40{self.prefix}{json.dumps(auth) if auth else ''}")
        opening = f"40{self.prefix}"
        await self.until(
            lambda: self.is_ended or any(str(p).startswith(opening) for p in self.heard)
        )
        return self

    async def shake_hands(self) -> None:
        raise NotImplementedError

    async def send(self, *packets: str | bytes) -> None:
        raise NotImplementedError

    @property
    def is_ended(self) -> bool:
        return self.close_code is not None

    async def ask(self, event: str, *arguments: Any) -> Any:
        """Send an event and return its acknowledgement."""
        number = next(self._numbers)
        await self.send(f"42{self.prefix}{number}{json.dumps([event, *arguments])}")
        return await self.ack(number)

    async def ack(self, number: int, limit_s: float = LIMIT_S) -> Any:
        """The first argument of the acknowledgement of that number.

        Raises:
            ConnectionError: The connection ended before.
        """
        await self.until(lambda: self.is_ended or number in self._acks, limit_s)
        if number not in self._acks:
            raise ConnectionError(f"ended with {self.close_code} instead of an acknowledgement")
        return self._acks[number]

    async def until(self, condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
        """Wait until what was heard here makes a condition true.

        Raises:
            TimeoutError: It did not within the limit.
        """
        async with asyncio.timeout(limit_s):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def events(self, name: str) -> list[Any]:
        """The data of all events of that name; those with binary attachments left out."""
        return [data for heard, data in self._events if heard == name]

    async def join(self, session_id: str, user_id: str | int, **more: Any) -> Any:
        request = {"sessionId": session_id, "userId": user_id, "isCreator": True, **more}
        return await self.ask("join-session", request)

    async def ended(self, limit_s: float = 15) -> int:
        """Wait for the end, and return the close code; at 20 s those end who read nothing."""
        await self.until(lambda: self.is_ended, limit_s)
        assert self.close_code is not None
        return self.close_code

    async def leave(self) -> None:
        """Be gone, without a goodbye of Socket.IO's."""
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._close()
        await self._http.close()

    async def _close(self) -> None:
        """Let go of what is open besides."""

    def _hear(self, packet: str | bytes) -> bool:
        """Note a packet; whether it is a ping to be answered."""
        if packet == "2":
            return self.answers_pings
        self.heard.append(packet)
        if isinstance(packet, str):
            behind = len(self.prefix) + 2
            if packet.startswith(f"42{self.prefix}["):
                name, data, *offset = json.loads(packet[behind:])
                self._events.append((name, data))
                self.offset = offset[0] if offset else self.offset
            elif packet.startswith(f"40{self.prefix}{{"):
                self.welcome = json.loads(packet[behind:])
            elif packet.startswith(f"43{self.prefix}"):
                number, bracket, rest = packet[behind:].partition("[")
                self._acks[int(number)] = json.loads(bracket + rest)[0]
        self._news.set()
        return False

    def _end(self, close_code: int) -> None:
        self.close_code = close_code
        self._news.set()


class WebSocketLine(Line):
    """Over a WebSocket from the start."""

    socket: aiohttp.ClientWebSocketResponse | None = None

    async def shake_hands(self) -> None:
        self.socket = await self._http.ws_connect(
            self.url + WEBSOCKET, max_msg_size=0, autoclose=True
        )
        self._reading = asyncio.create_task(self._read())
        await self.until(lambda: self.heard or self.is_ended)

    async def send(self, *packets: str | bytes) -> None:
        assert self.socket
        for packet in packets:
            if isinstance(packet, bytes):
                await self.socket.send_bytes(packet)
            else:
                await self.socket.send_str(packet)

    async def _close(self) -> None:
        if self.socket:
            await self.socket.close()

    async def _read(self) -> None:
        assert self.socket
        async for message in self.socket:
            if self._hear(message.data):
                await self.send("3")
        self._end(self.socket.close_code or 1006)


class PollingLine(Line):
    """Over polling, for good.

    Attributes:
        target: Of the GET and POST requests of this connection.
        last_poll: The newest answer to a GET.
    """

    target: str
    last_poll: Reply

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._posting = asyncio.Lock()

    async def shake_hands(self) -> None:
        reply = await self.get(self.url + POLLING)
        assert reply.status == 200, reply
        opened = json.loads(reply.body[1:])
        self.target = f"{POLLING}&sid={opened['sid']}"
        self._hear(reply.body.decode())
        self._reading = asyncio.create_task(self._read())

    async def send(self, *packets: str | bytes) -> None:
        async with self._posting:
            reply = await self.post("\x1e".join(map(_as_text, packets)).encode())
        if reply.status != 200:
            self._end(1000)

    async def get(self, url: str) -> Reply:
        async with self._http.get(url) as response:
            return await _reply(response)

    async def post(self, body: Any, **headers: str) -> Reply:
        """POST a body of packets; `headers` with _ for -."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._http.post(self.url + self.target, data=body, headers=names) as response:
            return await _reply(response)

    async def _read(self) -> None:
        while not self.is_ended:
            try:
                self.last_poll = reply = await self.get(self.url + self.target)
            except aiohttp.ClientError:
                break
            if reply.status != 200:
                break
            for packet in reply.body.decode().split("\x1e"):
                if packet == "1":
                    self._end(1000)
                elif self._hear(packet):
                    await self.send("3")
        self._end(1000)


def _as_text(packet: str | bytes) -> str:
    return packet if isinstance(packet, str) else "b" + base64.b64encode(packet).decode()


async def _reply(response: aiohttp.ClientResponse) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status, headers, await response.read())


# --- those who must not lose anything ---

PAIRS_SESSION = "a well-behaved pair"


class Pair:
    """Two well-behaved people in a session of their own, who notice any loss.

    Alice is on a WebSocket, Bob polls.
    """

    def __init__(self, url: str, session_id: str = PAIRS_SESSION) -> None:
        self.session_id = session_id
        self.alice: Line = WebSocketLine(url)
        self.bob: Line = PollingLine(url)
        self._said: dict[Line, list[str]] = {self.alice: [], self.bob: []}

    async def meet(self) -> "Pair":
        for name, line in (("alice", self.alice), ("bob", self.bob)):
            await line.open()
            assert (await line.join(self.session_id, name))["success"]
        return self

    async def talk(self, rounds: int) -> None:
        """Alice says something, Bob hears it and answers, and so on."""
        for _ in range(rounds):
            await self._say(self.alice, self.bob)
            await self._say(self.bob, self.alice)

    async def _say(self, speaker: Line, listener: Line) -> None:
        said = self._said[speaker]
        said.append(f"words {len(said)}")
        request = {"sessionId": self.session_id, "encrypted": said[-1]}
        answer = await speaker.ask("send-message", request)
        assert answer["success"], answer
        await listener.until(lambda: len(listener.events("new-message")) >= len(said), 30)

    def check(self) -> None:
        """Each heard all that the other said, once, in order, and nothing else."""
        seqs = []
        for speaker, listener in ((self.alice, self.bob), (self.bob, self.alice)):
            heard = listener.events("new-message")
            assert [message["encrypted"] for message in heard] == self._said[speaker]
            assert listener.events("session-error") == []
            seqs += [message["seq"] for message in heard]
        assert sorted(seqs) == list(range(3, 3 + len(seqs)))  # 1 and 2 are their joins

    async def leave(self) -> None:
        await self.alice.leave()
        await self.bob.leave()


@asynccontextmanager
async def undisturbed_pair(
    url: str, rounds: int = 20, session_id: str = PAIRS_SESSION
) -> AsyncIterator[Pair]:
    """A pair that talks meanwhile, and to which nothing may have happened in the end."""
    pair = await Pair(url, session_id).meet()
    talking = asyncio.create_task(pair.talk(rounds))
    try:
        yield pair
        await talking
        await pair.talk(2)
        pair.check()
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
        await pair.leave()
