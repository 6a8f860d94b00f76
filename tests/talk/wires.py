"""HTTP and WebSockets on raw sockets: just what a client needs that shall cost little."""

import asyncio
import struct
from collections.abc import Callable
from typing import cast

from msgspec import Struct

PATH = "/socket.io/?EIO=4&transport="

_UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: c29haywgc29haywgc29haw==\r\n"
)
_HEAD_END = b"\r\n\r\n"
_TEXT, _CLOSE = 0x81, 0x88


class WireError(Exception):
    """The server ended a connection, or answered otherwise than it may."""


class Address(Struct, frozen=True):
    """Where the server listens."""

    host: str
    port: int

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


class Http(asyncio.Protocol):
    """One connection that is kept alive, for one request after the other."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._transport: asyncio.Transport | None = None
        self._unread = b""
        self._size: int | None = None
        self._reply: asyncio.Future[bytes] | None = None

    async def open(self) -> "Http":
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, self._address.host, self._address.port)
        return self

    async def get(self, target: str) -> bytes:
        """The body of an answer 200.

        Raises:
            WireError: There was none.
        """
        return await self._exchange(f"GET {target} HTTP/1.1\r\nHost: {self._address.name}\r\n\r\n")

    async def post(self, target: str, body: bytes) -> bytes:
        """The same."""
        sizes = f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
        head = f"POST {target} HTTP/1.1\r\nHost: {self._address.name}\r\n{sizes}"
        return await self._exchange(head, body)

    async def _exchange(self, head: str, body: bytes = b"") -> bytes:
        if self._transport is None or self._transport.is_closing():
            raise WireError("the HTTP connection is closed")
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(head.encode() + body)
        return await self._reply

    def drop(self) -> None:
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is of no such class

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if self._size is None:
            head, end, rest = self._unread.partition(_HEAD_END)
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 200 "):
                self._fail(head[:40].decode())
                return
            self._size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            self._unread = rest
        if len(self._unread) >= self._size:
            body, self._unread = self._unread[: self._size], self._unread[self._size :]
            self._size = None
            if self._reply and not self._reply.done():
                self._reply.set_result(body)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail("ended")

    def _fail(self, why: str) -> None:
        if self._reply and not self._reply.done():
            self._reply.set_exception(WireError(f"HTTP: {why}"))


class WebSocket(asyncio.Protocol):
    """One WebSocket, on which only whole text frames come.

    Args:
        hear: Called with each text.
        end: Called once when it has ended.
    """

    def __init__(self, hear: Callable[[bytes], None], end: Callable[[str], None]) -> None:
        self.hear = hear
        self._end = end
        self._unread = b""
        self._transport: asyncio.Transport | None = None
        self._shaken: asyncio.Future[None] | None = None

    async def open(self, address: Address, target: str) -> "WebSocket":
        loop = asyncio.get_running_loop()
        self._shaken = loop.create_future()
        await loop.create_connection(lambda: self, address.host, address.port)
        assert self._transport
        head = f"GET {target} HTTP/1.1\r\nHost: {address.name}\r\n{_UPGRADE}\r\n"
        self._transport.write(head.encode())
        await self._shaken
        return self

    def send(self, *texts: bytes) -> None:
        """Write each in a frame, all at once."""
        if self._transport:
            self._transport.write(b"".join(map(_frame, texts)))

    def drop(self) -> None:
        self._end = lambda why: None
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is of no such class

    def data_received(self, data: bytes) -> None:
        data = self._unread + data
        start = 0
        if self._shaken and not self._shaken.done():
            start = self._shake(data)
        while self._shaken and self._shaken.done():
            first, size, begin = _measure(data, start)
            if begin + size > len(data) or begin == start:
                break
            start = begin + size
            self._take(first, data[begin:start])
        self._unread = data[start:]

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._finish("ended without a close frame")

    def _shake(self, data: bytes) -> int:
        """Where the frames begin; 0 for not yet."""
        end = data.find(_HEAD_END)
        if end < 0 or self._shaken is None:
            return 0
        if not data.startswith(b"HTTP/1.1 101 "):
            self._finish(data[:40].decode())
            return 0
        self._shaken.set_result(None)
        return end + len(_HEAD_END)

    def _take(self, first: int, payload: bytes) -> None:
        if first == _TEXT:
            self.hear(payload)
        elif first == _CLOSE:
            (code,) = struct.unpack(">H", payload[:2]) if payload else (1005,)
            self._finish(f"closed with {code}")
        else:
            self._finish(f"a frame of kind {first:#x}")

    def _finish(self, why: str) -> None:
        end, self._end = self._end, lambda why: None
        if self._shaken and not self._shaken.done():
            self._shaken.set_exception(WireError(why))
        else:
            end(why)


def _frame(text: bytes) -> bytes:
    """Masked with zeros, as a client must."""
    size = len(text)
    if size < 126:
        return struct.pack(">BBI", _TEXT, 0x80 | size, 0) + text
    return struct.pack(">BBHI", _TEXT, 0x80 | 126, size, 0) + text


def _measure(data: bytes, start: int) -> tuple[int, int, int]:
    """First byte, size and beginning of what a frame holds; the beginning is `start` if unknown."""
    have = len(data) - start
    if have < 2:
        return 0, 0, start
    first, size = data[start], data[start + 1]
    if size < 126:
        return first, size, start + 2
    extra = 2 if size == 126 else 8
    if have < 2 + extra:
        return 0, 0, start
    begin = start + 2 + extra
    return first, int.from_bytes(data[start + 2 : begin]), begin
