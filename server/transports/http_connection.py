"""A TCP connection that aiohttp reads requests from and writes answers to."""

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import Any, TypedDict

from aiohttp import web

from server.core.errors import AppError, Code
from server.transports.decode import to_json
from server.transports.doorkeeper import Doorkeeper
from server.transports.errors import problem
from server.transports.front import DEFAULT_HEADERS, SECURITY_HEADERS
from server.transports.inner import forget_bytes_after_upgrade
from server.transports.stall import Impatient, StallWatch

LAST_ANSWER_LIMIT_S = 0.5
"""For the client to read it, and to hang up."""

log = logging.getLogger("hushwire.http")


class HttpOptions(TypedDict):
    """Options of aiohttp's `RequestHandler` that we set."""

    auto_decompress: bool
    keepalive_timeout: float
    lingering_time: float


class HttpConnection(Impatient, web.RequestHandler):
    """aiohttp's connection, which tells the doorkeeper of its end and strangers nothing.

    Attributes:
        leave: Tells the doorkeeper of the end.
        on_lost: Called if the connection ends, by whoever waits for something else.
    """

    __slots__ = ("_is_last", "_keeper", "_stall", "is_full", "leave", "on_lost")

    def __init__(
        self,
        server: web.Server,
        keeper: Doorkeeper,
        peer: str,
        loop: asyncio.AbstractEventLoop,
        options: HttpOptions,
    ) -> None:
        # No access log: it has whole addresses, in which tokens may stand.
        none: Any = None  # which aiohttp takes, unlike its annotation
        super().__init__(server, loop=loop, access_log=none, **options)
        self._keeper = keeper
        self.leave = functools.partial(keeper.leave, peer)
        self.on_lost: Callable[[], None] | None = None
        self._stall: StallWatch | None = None
        self.is_full = False
        self._is_last = False

    def connection_lost(self, exc: BaseException | None) -> None:
        self._no_longer_full()
        super().connection_lost(exc)
        self.leave()
        if self.on_lost:
            self.on_lost()

    def data_received(self, data: bytes) -> None:
        if not self._is_last:
            super().data_received(data)

    def end_after_this(self) -> None:
        """Answer the request that is there, and read nothing after it.

        After a refused upgrade come frames, which aiohttp would read as HTTP.
        """
        self._is_last = True
        forget_bytes_after_upgrade(self)
        # Not at once: what comes meanwhile, unread, would take the answer away.
        asyncio.get_running_loop().call_later(LAST_ANSWER_LIMIT_S, self._hang_up)

    def _hang_up(self) -> None:
        if self.transport:
            self.transport.close()

    def let_go(self) -> None:
        """End without closing the TCP connection, which has another protocol now."""
        self._no_longer_full()
        self.transport = None
        super().connection_lost(None)

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
        if exc is not None and status < 500:
            # Its frames hold it, and it holds up to 64 KiB of what was sent, four times over.
            exc.__traceback__ = None
        if status >= 500:
            log.error("http_error", exc_info=exc)
            error = AppError(Code.INTERNAL, "something went wrong here")
        else:
            error = AppError(Code.INVALID_REQUEST, "that is not an HTTP request")
        self._keeper.refused(error.code)
        told = problem(error)
        response = web.Response(
            text=to_json(told),
            status=told["status"],
            content_type="application/problem+json",
            headers={**DEFAULT_HEADERS, **SECURITY_HEADERS},
        )
        response.force_close()
        return response


def hand_to_aiohttp(
    server: web.Server,
    keeper: Doorkeeper,
    peer: str,
    options: HttpOptions,
    transport: asyncio.Transport,
    data: bytes,
) -> HttpConnection:
    """Have a connection, of which so much was read, be aiohttp's from now on."""
    connection = HttpConnection(server, keeper, peer, asyncio.get_running_loop(), options)
    transport.set_protocol(connection)
    connection.connection_made(transport)
    connection.data_received(data)
    return connection
