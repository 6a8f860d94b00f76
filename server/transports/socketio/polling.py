"""Long polling: the HTTP requests by which a client without WebSockets sends and receives."""

import asyncio
import functools
from collections.abc import Callable, Mapping
from typing import Protocol

from aiohttp import web

from server.core.errors import AppError, Code
from server.transports.forward import Forwarder
from server.transports.front import Front
from server.transports.http import BROKEN_BODY
from server.transports.http_connection import HttpConnection
from server.transports.passes import Asked
from server.transports.rest import BODY_LIMIT_S
from server.transports.routes import Routes
from server.transports.socketio.engine import Engine
from server.transports.socketio.poller import OverlapError
from server.transports.socketio.session import EngineSocket, MalformedError, Pipe
from server.transports.upgrade import Upgrades, is_wanted
from server.transports.websocket import ABNORMAL, HIGH_WATER_BYTES

_SEPARATOR = "\x1e"

_PACKETS_A_TURN = 50


class PollPipe(Pipe, Protocol):
    """The connection that a request came by.

    Attributes:
        on_lost: Called if it ends.
    """

    on_lost: Callable[[], None] | None


class PollRequest(Asked, Protocol):
    """A request for Engine.IO, whoever has read it."""

    @property
    def query(self) -> Mapping[str, str]: ...

    @property
    def transport(self) -> asyncio.BaseTransport | None: ...

    @property
    def pipe(self) -> PollPipe: ...

    async def read_body(self, limit_bytes: int) -> bytes:
        """All of it.

        Raises:
            AppError: PAYLOAD_TOO_LARGE, INVALID_REQUEST.
        """


class Polling:
    """The one route of Engine.IO, of which most requests are polls and posts."""

    def __init__(
        self,
        engine: Engine,
        front: Front,
        upgrades: Upgrades,
        routes: Routes,
        forwarder: Forwarder,
    ) -> None:
        self._engine = engine
        self._front = front
        self._upgrades = upgrades
        self._routes = routes
        self._forwarder = forwarder

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request that aiohttp has read, or have the right process answer it.

        Raises:
            AppError: As `answer`.
        """
        if is_wanted(request.headers):
            return await self._upgrades.open_after_http(request)
        self._check(request.query)
        poll = _HttpPoll(request)
        sid = _sid(request.query)
        peer = self._front.peer(request.transport, request)
        if sid and (place := await self._routes.find(sid, peer.hop)):
            body = await poll.read_body(self._engine.max_payload_bytes)
            return await self._forwarder.request(request, peer, place, body)
        return await self._answer(poll, sid)

    def is_here(self, query: Mapping[str, str]) -> bool:
        """Whether a request with this query is not for another process."""
        return self._routes.stranger(_sid(query) or "") is None

    async def answer(self, request: PollRequest) -> web.Response:
        """Answer a request that is for this process.

        Raises:
            AppError: INVALID_REQUEST, PAYLOAD_TOO_LARGE, and what `Gate.enter` raises.
        """
        self._check(request.query)
        return await self._answer(request, _sid(request.query))

    def _check(self, query: Mapping[str, str]) -> None:
        self._engine.check_version(query)
        if query.get("transport") != "polling" or "j" in query:
            raise AppError(Code.INVALID_REQUEST, "there is no such transport")

    async def _answer(self, request: PollRequest, sid: str | None) -> web.Response:
        match request.method, sid:
            case "GET", None:
                peer = self._front.peer(request.transport, request)
                address = self._front.client_address(peer, request.headers)
                socket = await self._engine.open_polling(request.query, address, request.headers)
                return await self._poll(socket, request)
            case "GET", str(sid):
                return await self._poll(self._engine.polling_socket(sid), request)
            case "POST", str(sid):
                return await self._post(self._engine.polling_socket(sid), request)
        raise AppError(Code.INVALID_REQUEST, "begin with a GET; then GET and POST with its sid")

    async def _poll(self, socket: EngineSocket, request: PollRequest) -> web.Response:
        poller, connection = socket.poller, request.pipe
        assert poller
        socket.answered_by = connection
        connection.on_lost = functools.partial(socket.lost, ABNORMAL)
        try:
            packets = await poller.poll()
        except OverlapError:
            socket.close()
            raise AppError(Code.INVALID_REQUEST, "one poll at a time") from None
        finally:
            connection.on_lost = None
        if poller.unsent_bytes <= HIGH_WATER_BYTES:
            socket.inbox.release()
        return web.Response(text=_SEPARATOR.join(packets))

    async def _post(self, socket: EngineSocket, request: PollRequest) -> web.Response:
        """Take all packets of one POST, in order, once those of the last one are handled."""
        if socket.is_posting:
            socket.close()
            raise AppError(Code.INVALID_REQUEST, "one POST at a time")
        socket.is_posting = True
        try:
            body = (await request.read_body(self._engine.max_payload_bytes)).decode()
            said_before = None if socket.inbox.is_idle else socket.said_count
            socket.is_awaited = True
            await socket.inbox.idle()
            socket.is_awaited = False
            for number, packet in enumerate(body.split(_SEPARATOR), start=1):
                socket.receive_text(packet, said_before)
                if number % _PACKETS_A_TURN == 0:
                    await asyncio.sleep(0)  # others have their turn
        except AppError:
            socket.close()
            raise
        except (MalformedError, ValueError, *BROKEN_BODY) as error:
            self._engine.malformed(error)
            socket.close()
            raise AppError(Code.INVALID_REQUEST, "that is no payload of Engine.IO 4") from None
        finally:
            socket.is_posting = socket.is_awaited = False
        return web.Response(text="ok")


class _HttpPoll:
    """A request that aiohttp has read, and whose body it still reads."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self.method = request.method
        self.raw_path = request.raw_path
        self.headers = request.headers
        self.query = request.query
        self.transport = request.transport

    @property
    def pipe(self) -> PollPipe:
        connection = self._request.protocol
        assert isinstance(connection, HttpConnection)
        return connection

    async def read_body(self, limit_bytes: int) -> bytes:
        if (self._request.content_length or 0) > limit_bytes:
            raise too_large(limit_bytes)
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_LIMIT_S):
                async for chunk in self._request.content.iter_any():
                    body += chunk
                    if len(body) > limit_bytes:
                        raise too_large(limit_bytes)
        except TimeoutError:
            raise AppError(Code.INVALID_REQUEST, "the body did not arrive in time") from None
        return bytes(body)


def too_large(limit_bytes: int) -> AppError:
    return AppError(Code.PAYLOAD_TOO_LARGE, f"one request may have {limit_bytes} bytes")


def _sid(query: Mapping[str, str]) -> str | None:
    return query.get("sid") or None
