"""TCP connections whose requests are polls and posts, without aiohttp.

Such a request is small and mostly comes in one piece, and what a framework does for it costs more
than the poll itself. Whatever else comes, from then on the connection is aiohttp's.
"""

import asyncio
import contextlib
import functools
from collections.abc import Callable, Mapping
from typing import cast

from aiohttp import web

from server.core.patience import Patience
from server.transports.doorkeeper import Doorkeeper
from server.transports.eager import start
from server.transports.heads import head
from server.transports.http import Surround
from server.transports.http_connection import HttpOptions
from server.transports.inner import RawRequestMessage, WholeRequests
from server.transports.socketio.polling import Polling, PollPipe, too_large
from server.transports.stall import Impatient, StallWatch
from server.transports.wheel import Wheel

TURN_S = 5.0

HEAD_LIMIT_S = 10
HEAD_LIMIT_BYTES = 32 * 1024
"""Of a request after the first; what is longer is for aiohttp to refuse."""

_END_OF_HEAD = b"\r\n\r\n"

ToAiohttp = Callable[[asyncio.Transport, bytes], object]
"""Gives a connection away, with what was read of it."""


class Polls:
    """Makes such connections, and knows them.

    Args:
        path: Of Engine.IO.
        options: `keepalive_timeout` is for these connections too.
    """

    def __init__(
        self, path: str, polling: Polling, surround: Surround, options: HttpOptions
    ) -> None:
        self._path = path
        self._starts = tuple(f"{method} {path}?".encode() for method in ("GET", "POST"))
        self._polling = polling
        self._surround = surround
        self._options = options
        self._wheel = Wheel(TURN_S)
        self._open: set[PollConnection] = set()
        self._all_ended: asyncio.Event | None = None  # while all are being closed

    def is_for(self, data: bytes | bytearray) -> bool:
        """Whether a connection that begins so is one of them."""
        return data.startswith(self._starts)

    def add(
        self, transport: asyncio.Transport, keeper: Doorkeeper, peer: str, to_aiohttp: ToAiohttp
    ) -> "PollConnection":
        """Have a connection be one from now on."""
        connection = PollConnection(self, keeper, peer, to_aiohttp)
        self._open.add(connection)
        transport.set_protocol(connection)
        connection.connection_made(transport)
        return connection

    def drop(self, connection: "PollConnection") -> None:
        """It has ended, or is another's."""
        self._wheel.drop(connection)
        self._open.discard(connection)
        if self._all_ended and not self._open:
            self._all_ended.set()

    def rest(self, connection: "PollConnection") -> None:
        """It waits for its next request, for so long."""
        self._wheel.set(connection, self._options["keepalive_timeout"])

    def expect_head(self, connection: "PollConnection") -> None:
        """It waits for the rest of one."""
        self._wheel.set(connection, HEAD_LIMIT_S)

    def wake(self, connection: "PollConnection") -> None:
        """It waits for nothing."""
        self._wheel.drop(connection)

    def serves(self, message: RawRequestMessage) -> bool:
        """Whether a request can be answered without aiohttp."""
        url = message.url
        return (
            message.method in ("GET", "POST")
            and url.path == self._path
            and self._polling.is_here(url.query)
        )

    async def answer(self, request: "_Poll", transport: asyncio.Transport) -> web.StreamResponse:
        serve = functools.partial(self._polling.answer, request)
        return await self._surround.answer(request, transport, self._path, serve)

    async def close_all(self, limit_s: float) -> None:
        """Close every connection once it has its answer, and cut off what is late."""
        self._wheel.stop()
        for connection in list(self._open):
            connection.end()
        if self._open:
            self._all_ended = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with Patience(limit_s):
                    await self._all_ended.wait()
        for connection in list(self._open):
            connection.abort()


class PollConnection(Impatient, asyncio.Protocol):
    """One connection, which has one request at a time."""

    __slots__ = (
        "_is_amid_head",
        "_is_busy",
        "_is_last",
        "_keeper",
        "_leave",
        "_polls",
        "_reader",
        "_stall",
        "_to_aiohttp",
        "_unread",
        "is_full",
        "on_lost",
        "transport",
        "turn",
    )

    def __init__(self, polls: Polls, keeper: Doorkeeper, peer: str, to_aiohttp: ToAiohttp) -> None:
        self._polls = polls
        self._keeper = keeper
        self._leave = functools.partial(keeper.leave, peer)
        self._to_aiohttp = to_aiohttp
        self._reader = WholeRequests()
        self._stall: StallWatch | None = None
        self._is_busy = False
        self._is_last = False
        self._is_amid_head = False
        self._unread = b""
        self.is_full = False
        self.on_lost: Callable[[], None] | None = None
        self.turn: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are transports in all but their base class.
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._no_longer_full()
        self._polls.drop(self)
        self._leave()
        if self.on_lost:
            self.on_lost()

    def data_received(self, data: bytes) -> None:
        assert self.transport
        self._unread += data
        if self._is_busy:
            self.transport.pause_reading()
        elif not (self._is_last or self.transport.is_closing()):
            self._read()

    def _read(self) -> None:
        assert self.transport
        data = self._unread
        if _END_OF_HEAD not in data and len(data) <= HEAD_LIMIT_BYTES:
            if not self._is_amid_head:
                self._is_amid_head = True
                self._polls.expect_head(self)
            return
        self._unread, self._is_amid_head = b"", False
        found = self._reader.read(data)
        if found is None or not self._polls.serves(found[0]):
            self._polls.drop(self)
            self._to_aiohttp(self.transport, data)
            return
        self._is_busy = True
        self._polls.wake(self)
        start(self._answer(_Poll(*found, self)))

    def on_time(self) -> None:
        """It has asked for nothing for long."""
        self.end()

    def end(self) -> None:
        """Close, after the answer if one is awaited."""
        self._is_last = True
        if self.transport and not self._is_busy:
            self.transport.close()

    def abort(self) -> None:
        if self.transport:
            self.transport.abort()

    async def _answer(self, request: "_Poll") -> None:
        transport = self.transport
        assert transport
        response = await self._polls.answer(request, transport)
        if transport.is_closing():
            return  # the client has gone meanwhile
        self._is_last |= request.is_last or response.keep_alive is False
        transport.write(_written(response, is_last=self._is_last))
        self._is_busy = False
        if self._is_last:
            transport.close()
        elif self._unread:
            transport.resume_reading()
            self._read()
        else:
            self._polls.rest(self)


class _Poll:
    """A request that has come whole."""

    __slots__ = ("_body", "headers", "is_last", "method", "pipe", "query", "raw_path", "transport")

    def __init__(self, message: RawRequestMessage, body: bytes, connection: PollConnection) -> None:
        self.method: str = message.method
        self.raw_path: str = message.path
        self.headers: Mapping[str, str] = message.headers
        self.query: Mapping[str, str] = message.url.query
        self.is_last: bool = message.should_close
        self.pipe: PollPipe = connection
        self.transport = connection.transport
        self._body = body

    async def read_body(self, limit_bytes: int) -> bytes:
        if len(self._body) > limit_bytes:
            raise too_large(limit_bytes)
        return self._body


def _written(response: web.StreamResponse, *, is_last: bool) -> bytes:
    assert isinstance(response, web.Response)
    body = response.body
    assert isinstance(body, bytes)
    response.headers["Content-Length"] = str(len(body))
    if is_last:
        response.headers["Connection"] = "close"
    return head(response.status, response.reason, response.headers) + body
