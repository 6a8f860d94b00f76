"""The door: every TCP connection passes here before anything else sees it.

It waits for the head of the first request, for a bounded time and in a bounded buffer, and
counts connections by address, so that half-open ones cost little and end soon. A request for
a WebSocket goes straight there; any other connection is handed to aiohttp, with all that was
read of it.
"""

import asyncio
import functools
import logging
from typing import cast

from aiohttp import web

from server.core.errors import AppError, Code
from server.logs import begin_request
from server.transports.decode import to_json
from server.transports.doorkeeper import Doorkeeper
from server.transports.eager import start
from server.transports.errors import problem
from server.transports.front import DEFAULT_HEADERS, SECURITY_HEADERS
from server.transports.handover import HandOver
from server.transports.heads import head
from server.transports.http_connection import HttpConnection, HttpOptions, hand_to_aiohttp
from server.transports.inner import HttpProcessingError, parse_head
from server.transports.socketio.polls import Polls
from server.transports.upgrade import Upgrades, Wish

log = logging.getLogger("hushwire.http")


HEAD_LIMIT_S = 10
HEAD_LIMIT_BYTES = 32 * 1024

REFUSED_LIMIT_S = 1.0
"""For whoever is refused to read it and to hang up."""

_END_OF_HEAD = b"\r\n\r\n"


class Door(asyncio.Protocol):
    """Reads the head of the first request, then hands the connection on.

    Args:
        hand_over: Knows whether another process is to have it; None if it must stay.
        read: By the process that had it before.
    """

    def __init__(
        self,
        server: web.Server,
        keeper: Doorkeeper,
        upgrades: Upgrades,
        polls: Polls,
        http_options: HttpOptions,
        hand_over: HandOver | None = None,
        read: bytes = b"",
    ) -> None:
        self._hand_over = hand_over
        self._read_before = read
        self._server = server
        self._keeper = keeper
        self._upgrades = upgrades
        self._polls = polls
        self._http_options = http_options
        self._head = bytearray()
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._peer = "unknown"
        self._is_counted = False
        self._is_upgrading = False
        self._is_refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are transports in all but their base class.
        self._transport = cast("asyncio.Transport", transport)
        peername = transport.get_extra_info("peername")
        self._peer = peername[0] if peername else "unknown"
        try:
            self._keeper.enter(self._peer)
        except AppError as error:
            self._refuse(error)
            return
        self._is_counted = True
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HEAD_LIMIT_S, self._transport.abort)
        if self._read_before:
            loop.call_soon(self.data_received, self._read_before)  # before anything is read

    def data_received(self, data: bytes) -> None:
        if self._is_refused or self._transport.is_closing():
            return
        self._head += data
        if self._is_upgrading:
            return
        if _END_OF_HEAD in self._head:
            self._stop_timer()
            self._hand_on()
        elif len(self._head) > HEAD_LIMIT_BYTES:
            self._refuse(AppError(Code.PAYLOAD_TOO_LARGE, "the head of the request is too long"))

    def connection_lost(self, error: Exception | None) -> None:
        self._stop_timer()
        if self._is_counted:
            self._keeper.leave(self._peer)

    def _hand_on(self) -> None:
        if self._hand_over and self._hand_over.give(bytes(self._head), self._transport):
            return
        wish = self._read_wish()
        if wish is not None:
            self._is_upgrading = True
            self._transport.pause_reading()
            start(self._upgrade(wish))
        elif self._polls.is_for(self._head):
            to_aiohttp = functools.partial(
                hand_to_aiohttp, self._server, self._keeper, self._peer, self._http_options
            )
            polls = self._polls.add(self._transport, self._keeper, self._peer, to_aiohttp)
            polls.data_received(bytes(self._head))
        else:
            self._hand_to_aiohttp(self._head)

    def _read_wish(self) -> Wish | None:
        """The request, if it is for one of our WebSockets."""
        if not self._head.startswith(b"GET ") or b"websocket" not in self._head.lower():
            return None
        try:
            found = parse_head(bytes(self._head))
        except HttpProcessingError:
            return None  # aiohttp will say so
        if found is None or not self._upgrades.serves(found[0].url.path):
            return None
        message, tail = found
        return Wish(
            message.method, message.path, message.version, message.url, message.headers, tail
        )

    async def _upgrade(self, wish: Wish) -> None:
        """Become a WebSocket, or let aiohttp tell the client why not."""
        read = len(self._head)
        begin_request()
        try:
            leave = functools.partial(self._keeper.leave, self._peer)
            connection = await self._upgrades.open(wish, self._transport, leave)
        except AppError:
            head = self._head[: read - len(wish.tail)]
            self._hand_to_aiohttp(head).end_after_this()
            self._transport.resume_reading()
        except Exception:  # the outermost frame
            log.exception("internal_error")
            self._transport.abort()
        else:
            connection.data_received(bytes(self._head[read:]))

    def _hand_to_aiohttp(self, data: bytearray) -> HttpConnection:
        return hand_to_aiohttp(
            self._server,
            self._keeper,
            self._peer,
            self._http_options,
            self._transport,
            bytes(data),
        )

    def _refuse(self, error: AppError) -> None:
        self._stop_timer()
        self._keeper.refused(error.code)
        told = problem(error)
        body = to_json(told).encode()
        headers = {
            "Content-Type": "application/problem+json",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **DEFAULT_HEADERS,
            **SECURITY_HEADERS,
        }
        self._transport.write(head(told["status"], told["title"], headers) + body)
        self._is_refused = True
        if self._transport.can_write_eof():
            # To close at once, while more of the request comes, would take the answer away.
            self._transport.write_eof()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(REFUSED_LIMIT_S, self._transport.abort)
        else:
            self._transport.close()

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
