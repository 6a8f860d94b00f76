"""The door: every TCP connection passes here before anything else sees it.

It waits for the head of the first request, for a bounded time and in a bounded buffer, and
counts connections by address, so that half-open ones cost little and end soon. A request for
a WebSocket goes straight there; any other connection is handed to aiohttp, with all that was
read of it.
"""

import asyncio
import functools
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, TypedDict, cast

from aiohttp import web

from server.core.errors import AppError, Code
from server.logs import new_request_id, request_id
from server.transports.decode import to_json
from server.transports.eager import start
from server.transports.errors import problem
from server.transports.front import SECURITY_HEADERS
from server.transports.inner import HttpProcessingError, parse_head
from server.transports.metrics import Metrics
from server.transports.proxies import Proxies
from server.transports.stall import StallWatch
from server.transports.upgrade import Upgrades, Wish

log = logging.getLogger("hushwire.http")


class HttpOptions(TypedDict):
    """Options of aiohttp's `RequestHandler` that we set."""

    keepalive_timeout: float
    lingering_time: float


HEAD_LIMIT_S = 10
HEAD_LIMIT_BYTES = 32 * 1024

_END_OF_HEAD = b"\r\n\r\n"


class Doorkeeper:
    """Counts open TCP connections, in all and by address.

    Args:
        max_connections: Of all addresses together.
        max_per_address: Of one address; None for no bound. A proxy of ours has none.
    """

    def __init__(
        self,
        proxies: Proxies,
        metrics: Metrics,
        max_connections: int,
        max_per_address: int | None,
    ) -> None:
        self._proxies = proxies
        self._metrics = metrics
        self._max_connections = max_connections
        self._max_per_address = max_per_address
        self._by_peer: Counter[str] = Counter()
        self._count = 0

    def enter(self, peer: str) -> None:
        """Count a connection.

        Raises:
            AppError: TOO_MANY_CONNECTIONS; then it was not counted.
        """
        limit = None if self._proxies.trusts(peer) else self._max_per_address
        if limit is not None and self._by_peer[peer] >= limit:
            raise AppError(Code.TOO_MANY_CONNECTIONS, "too many connections from your address")
        if self._count >= self._max_connections:
            raise AppError(Code.TOO_MANY_CONNECTIONS, "the server has too many connections")
        self._by_peer[peer] += 1
        self._count += 1

    def refused(self, error: AppError) -> None:
        """Count what was refused before or below HTTP."""
        self._metrics.rejected.labels(error.code.word).inc()

    def leave(self, peer: str) -> None:
        self._count -= 1
        self._by_peer[peer] -= 1
        if not self._by_peer[peer]:
            del self._by_peer[peer]


class Door(asyncio.Protocol):
    """Reads the head of the first request, then hands the connection on."""

    def __init__(
        self,
        server: web.Server,
        keeper: Doorkeeper,
        upgrades: Upgrades,
        http_options: HttpOptions,
    ) -> None:
        self._server = server
        self._keeper = keeper
        self._upgrades = upgrades
        self._http_options = http_options
        self._head = bytearray()
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._peer = "unknown"
        self._is_counted = False
        self._is_upgrading = False

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

    def data_received(self, data: bytes) -> None:
        if self._transport.is_closing():
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
        wish = self._read_wish()
        if wish is None:
            self._hand_to_aiohttp()
        else:
            self._is_upgrading = True
            self._transport.pause_reading()
            start(self._upgrade(wish))

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
        return Wish(message.method, message.version, message.url, message.headers, tail)

    async def _upgrade(self, wish: Wish) -> None:
        """Become a WebSocket, or let aiohttp tell the client why not."""
        read = len(self._head)
        request_id.set(new_request_id())
        try:
            leave = functools.partial(self._keeper.leave, self._peer)
            connection = await self._upgrades.open(wish, self._transport, leave)
        except AppError:
            self._hand_to_aiohttp()
        except Exception:  # the outermost frame
            log.exception("internal_error")
            self._transport.abort()
        else:
            connection.data_received(bytes(self._head[read:]))
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _hand_to_aiohttp(self) -> None:
        connection = HttpConnection(
            self._server, self._keeper, self._peer, asyncio.get_running_loop(), self._http_options
        )
        self._transport.set_protocol(connection)
        connection.connection_made(self._transport)
        connection.data_received(bytes(self._head))

    def _refuse(self, error: AppError) -> None:
        self._stop_timer()
        self._keeper.refused(error)
        told = problem(error)
        body = to_json(told).encode()
        headers = {
            "Content-Type": "application/problem+json",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **SECURITY_HEADERS,
        }
        lines = [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([f"HTTP/1.1 {told['status']} {told['title']}", *lines, "", ""])
        self._transport.write(head.encode() + body)
        self._transport.close()

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


class HttpConnection(web.RequestHandler):
    """aiohttp's connection, which tells the doorkeeper of its end and strangers nothing.

    Attributes:
        leave: Tells the doorkeeper of the end.
        is_full: An answer is not taken yet.
        on_lost: Called if the connection ends, by whoever waits for something else.
    """

    __slots__ = ("_keeper", "_stall", "is_full", "leave", "on_lost")

    def __init__(
        self,
        server: web.Server,
        keeper: Doorkeeper,
        peer: str,
        loop: asyncio.AbstractEventLoop,
        options: HttpOptions,
    ) -> None:
        super().__init__(server, loop=loop, **options)
        self._keeper = keeper
        self.leave = functools.partial(keeper.leave, peer)
        self.on_lost: Callable[[], None] | None = None
        self._stall: StallWatch | None = None  # while it is full
        self.is_full = False

    def pause_writing(self) -> None:
        super().pause_writing()
        self.is_full = True
        if self.transport:
            self._stall = StallWatch(self.transport, self.transport.abort)
            self._stall.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.is_full = False
        self._end_stall()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._end_stall()
        super().connection_lost(exc)
        self.leave()
        if self.on_lost:
            self.on_lost()

    def let_go(self) -> None:
        """End without closing the TCP connection, which has another protocol now."""
        self._end_stall()
        self.transport = None
        super().connection_lost(None)

    def _end_stall(self) -> None:
        if self._stall:
            self._stall.end()
            self._stall = None

    def log_exception(self, *args: Any, **options: Any) -> None:
        """A body that is cut off, or not what it says, is no error of ours."""
        if not isinstance(options.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **options)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP, or what broke below the middlewares."""
        if status >= 500:
            log.error("http_error", exc_info=exc)
            error = AppError(Code.INTERNAL, "something went wrong here")
        else:
            error = AppError(Code.INVALID_REQUEST, "that is not an HTTP request")
        self._keeper.refused(error)
        told = problem(error)
        response = web.Response(
            text=to_json(told),
            status=told["status"],
            content_type="application/problem+json",
            headers=SECURITY_HEADERS,
        )
        response.force_close()
        return response
