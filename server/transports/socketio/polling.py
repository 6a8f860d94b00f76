"""Long polling: the HTTP requests by which a client without WebSockets sends and receives."""

import asyncio
import functools

from aiohttp import web

from server.core.errors import AppError, Code
from server.transports.forward import Forwarder
from server.transports.front import Front
from server.transports.http_connection import HttpConnection
from server.transports.rest import BODY_LIMIT_S, BROKEN_BODY
from server.transports.routes import Routes
from server.transports.socketio.engine import Engine
from server.transports.socketio.poller import OverlapError
from server.transports.socketio.session import EngineSocket, MalformedError
from server.transports.upgrade import Upgrades, is_wanted
from server.transports.websocket import ABNORMAL, HIGH_WATER_BYTES

_SEPARATOR = "\x1e"

_PACKETS_A_TURN = 50


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
        """Answer one request.

        Raises:
            AppError: INVALID_REQUEST, PAYLOAD_TOO_LARGE, and what `Gate.enter` raises.
        """
        if is_wanted(request.headers):
            return await self._upgrades.open_after_http(request)
        self._engine.check_version(request.query)
        if request.query.get("transport") != "polling" or "j" in request.query:
            raise AppError(Code.INVALID_REQUEST, "there is no such transport")
        sid = request.query.get("sid") or None
        peer = self._front.peer(request.transport, request)
        if sid and (place := await self._routes.find(sid, peer.hop)):
            body = await self._read_body(request)
            return await self._forwarder.request(request, peer, place, body)
        match request.method, sid:
            case "GET", None:
                address = self._front.client_address(peer, request.headers)
                socket = await self._engine.open_polling(request.query, address, request.headers)
                return await self._poll(socket, request)
            case "GET", str(sid):
                return await self._poll(self._engine.polling_socket(sid), request)
            case "POST", str(sid):
                return await self._post(self._engine.polling_socket(sid), request)
        raise AppError(Code.INVALID_REQUEST, "begin with a GET; then GET and POST with its sid")

    async def _poll(self, socket: EngineSocket, request: web.Request) -> web.Response:
        poller, connection = socket.poller, request.protocol
        assert poller
        assert isinstance(connection, HttpConnection)
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

    async def _post(self, socket: EngineSocket, request: web.Request) -> web.Response:
        """Take all packets of one POST, in order, once those of the last one are handled."""
        if socket.is_posting:
            socket.close()
            raise AppError(Code.INVALID_REQUEST, "one POST at a time")
        socket.is_posting = True
        try:
            body = (await self._read_body(request)).decode()
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

    async def _read_body(self, request: web.Request) -> bytes:
        limit = self._engine.max_payload_bytes
        too_large = AppError(Code.PAYLOAD_TOO_LARGE, f"one request may have {limit} bytes")
        if (request.content_length or 0) > limit:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_LIMIT_S):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > limit:
                        raise too_large
        except TimeoutError:
            raise AppError(Code.INVALID_REQUEST, "the body did not arrive in time") from None
        return bytes(body)
