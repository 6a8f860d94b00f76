"""Engine.IO on aiohttp: python-engineio's server with our sockets.

What is different from the library: the client's real address, no compression, bounded bodies
that are read whole, an end for connections that never say who they are, broken packets that
end the connection and nothing else, and close codes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import engineio
from aiohttp import web
from engineio import async_socket, exceptions, packet

from server.core.errors import AppError, Code
from server.transports.errors import CLOSE_CODE
from server.transports.http import BODY_LIMIT_S, BROKEN_BODY, problem_response
from server.transports.metrics import Metrics
from server.transports.socketio.gate import Flood, Gate
from server.transports.socketio.packets import MALFORMED

log = logging.getLogger("hushwire.socketio")

UPGRADE_LIMIT_S = 10
"""For a polling client to move to its WebSocket."""

CLOSE_LIMIT_S = 1.0
"""For the other side to answer our close frame."""

MAX_POLL_PACKETS = 16
"""In one answer to a poll: clients of python-engineio drop longer ones."""

_FROM_CLIENTS = {packet.CLOSE, packet.PONG, packet.MESSAGE, packet.UPGRADE}

_PACKETS_A_TURN = 50

_SEPARATOR = "\x1e"


class Engine(engineio.AsyncServer):
    """An Engine.IO server.

    Args:
        gate: Admits handshakes.
        address_of: The client's address of a request.
        options: As for `engineio.AsyncServer`.
    """

    def __init__(
        self,
        *,
        gate: Gate,
        metrics: Metrics,
        address_of: Callable[[web.Request], str],
        **options: Any,
    ) -> None:
        super().__init__(async_mode="aiohttp", http_compression=False, **options)
        self.gate = gate
        self.metrics = metrics
        self._address_of = address_of
        drivers: dict[str, Any] = dict(self._async or {})
        self._async = {
            **drivers,
            "translate_request": self._environ,
            "websocket": EngineWebSocket,
        }

    def _environ(self, request: web.Request) -> dict[str, Any]:
        """What the library reads of a request; it would otherwise keep all headers."""
        return {
            "REQUEST_METHOD": request.method,
            "QUERY_STRING": request.query_string,
            "HTTP_CONNECTION": request.headers.get("Connection", ""),
            "HTTP_UPGRADE": request.headers.get("Upgrade", ""),
            "REMOTE_ADDR": self._address_of(request),
            "aiohttp.request": request,
        }

    async def handle_request(self, request: web.Request) -> Any:
        if request.method == "POST":
            return await self._handle_post(request)
        return await super().handle_request(request)

    async def _handle_post(self, request: web.Request) -> web.Response:
        """A POST of a polling client; the library's own fails if the connection ends in it."""
        socket = self.sockets.get(request.query.get("sid", ""))
        environ = self._environ(request)
        if socket is None or not socket.connected or socket.upgraded:
            return await self._make_response(self._bad_request(), environ)
        try:
            await socket.handle_post_request(environ)
        except exceptions.ContentTooLongError:
            await socket.close(reason=self.reason.TRANSPORT_ERROR)
            limit = self.max_http_buffer_size
            return problem_response(
                AppError(Code.PAYLOAD_TOO_LARGE, f"one request may have {limit} bytes")
            )
        except exceptions.EngineIOError:
            await socket.close(reason=self.reason.TRANSPORT_ERROR)
            return await self._make_response(self._bad_request(), environ)
        return await self._make_response(self._ok(), environ)

    async def _handle_connect(
        self, environ: dict[str, Any], transport: str, jsonp_index: int | None = None
    ) -> Any:
        address = environ["REMOTE_ADDR"]
        if transport == "websocket" and not _asks_for_upgrade(environ):
            return self._bad_request()
        try:
            await self.gate.enter(address)
        except AppError as error:
            return problem_response(error)
        self._watch_for_silent_clients()
        socket = EngineSocket(self, self.generate_id(), address)
        self.sockets[socket.sid] = socket
        await socket.send(packet.Packet(packet.OPEN, self._handshake(socket.sid, transport)))
        await self._trigger_event("connect", socket.sid, environ, run_async=False)
        socket.schedule_ping()
        if transport == "websocket":
            try:
                return await socket.handle_get_request(environ)
            finally:
                await socket.close(abort=True, reason=self.reason.TRANSPORT_ERROR)
        socket.connected = True
        return self._ok(await socket.poll())

    def _handshake(self, sid: str, transport: str) -> dict[str, Any]:
        return {
            "sid": sid,
            "upgrades": self._upgrades(sid, transport),
            "pingInterval": round(self.ping_interval * 1000),
            "pingTimeout": round(self.ping_timeout * 1000),
            "maxPayload": self.max_http_buffer_size,
        }

    def _log_error_once(self, message: str, message_key: str) -> None:
        """Bad requests are counted; the library would call them errors of ours."""

    def _watch_for_silent_clients(self) -> None:
        if self.start_service_task:
            self.start_service_task = False
            self.service_task_handle = self.start_background_task(self._service_task)

    async def _make_response(
        self, response_dict: dict[str, Any], environ: dict[str, Any]
    ) -> web.Response:
        """The library's answers as the protocol has them, and its errors as ours."""
        status = int(response_dict["status"].split()[0])
        if status >= 400:
            return problem_response(
                AppError(Code.INVALID_REQUEST, "that is not a request of Engine.IO 4, or too late")
            )
        body = response_dict["response"]
        return web.Response(
            status=status,
            body=b"ok" if body == b"OK" else body,
            headers=response_dict["headers"],
        )

    async def _service_task(self) -> None:
        """Close who answers no ping. The library's own holds on to closed sockets meanwhile."""
        while True:
            await asyncio.sleep(self.ping_timeout / 2)
            for sid in list(self.sockets):
                if (socket := self.sockets.get(sid)) and not socket.closing:
                    await socket.check_ping_timeout()
            socket = None

    def forget(self, socket: "EngineSocket") -> None:
        """Let go of a closed socket; its place is free for another."""
        if self.sockets.pop(socket.sid, None):
            self.gate.leave(socket.address)

    def malformed(self, error: BaseException) -> None:
        """Count a packet that is not of the protocol."""
        self.metrics.rejected.labels("malformed_packet").inc()
        fields = {"error": type(error).__name__}
        log.info("malformed_packet", extra={"fields": fields})

    async def shut_all(self, code: Code) -> None:
        """Close every connection at transport level, so that official clients come back."""
        if self.service_task_handle:
            self.service_task_handle.cancel()
        await asyncio.gather(*(socket.shut(code) for socket in list(self.sockets.values())))


class EngineSocket(async_socket.AsyncSocket):
    """One Engine.IO connection, over polling, a WebSocket, or first one and then the other."""

    server: Engine

    def __init__(self, server: Engine, sid: str, address: str) -> None:
        super().__init__(server, sid)
        self.address = address
        self._websocket: EngineWebSocket | None = None
        self.flood = Flood()
        self._is_posting = False
        self._is_polling = False
        self._unsent: list[packet.Packet] = []
        self._pinging: asyncio.Task[None] | None = None

    def schedule_ping(self) -> None:
        """Ping after the interval, unless the connection ends before."""
        if self.last_ping:
            self.last_ping = None  # type: ignore[assignment]  # the library's "no ping is due"
            self._pinging = self.server.start_background_task(self._send_ping)

    async def poll(self) -> list[packet.Packet]:
        """The next packets to send, once there are any."""
        packets = self._unsent or await super().poll()
        self._unsent = packets[MAX_POLL_PACKETS:]
        return packets[:MAX_POLL_PACKETS]

    async def receive(self, pkt: packet.Packet) -> None:
        """Take one packet from the client.

        Raises:
            exceptions.UnknownPacketError: It is of a type that clients do not send.
        """
        self.server.metrics.bytes_in.inc(len(pkt.data) if isinstance(pkt.data, str | bytes) else 0)
        if self.closed:
            return
        if self.server.gate.is_flood(self.flood, asyncio.get_running_loop().time()):
            await self.shut(Code.RATE_LIMITED)
            return
        if pkt.packet_type == packet.NOOP:
            return
        if pkt.packet_type not in _FROM_CLIENTS:
            error = exceptions.UnknownPacketError()
            self.server.malformed(error)
            await self.shut(Code.INVALID_REQUEST)
            raise error
        await super().receive(pkt)
        if pkt.packet_type == packet.CLOSE:
            if self._websocket:
                await self._websocket.close()
            else:
                self.queue.put_nowait(packet.Packet(packet.NOOP))  # answers a waiting poll

    async def handle_get_request(self, environ: dict[str, Any]) -> Any:
        if _asks_for_upgrade(environ):
            return await super().handle_get_request(environ)
        if self._is_polling:
            raise OverlapError
        self._is_polling = True
        try:
            return await super().handle_get_request(environ)
        finally:
            self._is_polling = False

    async def handle_post_request(self, environ: dict[str, Any]) -> None:
        """Take all packets of one POST, in order.

        Raises:
            exceptions.EngineIOError: The connection is to be closed.
        """
        if self._is_posting:
            raise OverlapError
        self._is_posting = True
        try:
            body = await self._read_body(environ["aiohttp.request"])
            for number, one in enumerate(body.split(_SEPARATOR)):
                if self.closed:
                    break
                await self.receive(packet.Packet(encoded_packet=one))
                if number % _PACKETS_A_TURN == 0:
                    await asyncio.sleep(0)  # others have their turn
        except (*MALFORMED, *BROKEN_BODY) as error:
            self.server.malformed(error)
            raise exceptions.UnknownPacketError from None
        finally:
            self._is_posting = False

    async def _read_body(self, request: web.Request) -> str:
        limit = self.server.max_http_buffer_size
        if (request.content_length or 0) > limit:
            raise exceptions.ContentTooLongError
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_LIMIT_S):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > limit:
                        raise exceptions.ContentTooLongError
        except TimeoutError:
            raise exceptions.UnknownPacketError from None
        return body.decode()

    async def _websocket_handler(self, ws: "EngineWebSocket") -> None:
        is_upgrade = self.connected
        self._websocket = ws
        loop = asyncio.get_running_loop()
        deadline = loop.call_later(UPGRADE_LIMIT_S, self._end_slow_upgrade, ws)
        try:
            await super()._websocket_handler(ws)
        except (*MALFORMED, OSError) as error:
            self.server.malformed(error)
            await ws.close(CLOSE_CODE[Code.INVALID_REQUEST])
        finally:
            deadline.cancel()
            if self.upgraded or not is_upgrade:
                self.queue.put_nowait(None)  # ends the library's writer
                await self.close(abort=True, reason=self.server.reason.TRANSPORT_ERROR)
            else:
                # The probe failed: the connection goes on polling.
                self._websocket = None
                self.upgrading = False

    def _end_slow_upgrade(self, ws: "EngineWebSocket") -> None:
        if not self.upgraded:
            self.server.start_background_task(ws.close)

    async def close(
        self, wait: bool = False, abort: bool = False, reason: str | None = None
    ) -> None:
        """End the connection; never waits for a client to fetch what is left (`wait`)."""
        await super().close(wait=False, abort=abort, reason=reason)
        if self.closed:
            self.server.forget(self)
            if self._pinging and self._pinging is not asyncio.current_task():
                self._pinging.cancel()  # else it would keep this socket for an interval
            if self._websocket and not self.upgraded:
                await self._websocket.close()  # an upgrade that had not come to its end

    async def shut(self, code: Code) -> None:
        """Close the transport with the close code of `code`; a waiting poll hears of it."""
        if not self.upgraded:
            self.queue.put_nowait(packet.Packet(packet.CLOSE))
        self.server.metrics.rejected.labels(code.word).inc()
        await self.close(abort=True, reason=self.server.reason.SERVER_DISCONNECT)
        if self._websocket:
            await self._websocket.close(CLOSE_CODE[code])


def _asks_for_upgrade(environ: dict[str, Any]) -> bool:
    wishes = [wish.strip() for wish in environ["HTTP_CONNECTION"].lower().split(",")]
    return "upgrade" in wishes and environ["HTTP_UPGRADE"].lower() == "websocket"


class OverlapError(exceptions.EngineIOError):
    """Two polls, or two posts, at the same time: their order would be chance."""


class EngineWebSocket:
    """aiohttp's WebSocket as the library's driver wants it: uncompressed, with close codes."""

    def __init__(self, handler: Callable[[Any], Awaitable[None]], server: Engine) -> None:
        self._handler = handler
        self._socket = web.WebSocketResponse(
            max_msg_size=server.max_http_buffer_size, compress=False, timeout=CLOSE_LIMIT_S
        )

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        try:
            await self._socket.prepare(environ["aiohttp.request"])
        except ValueError:  # headers of bytes that are no text
            raise web.HTTPBadRequest from None
        await self._handler(self)
        return self._socket

    async def send(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            await self._socket.send_bytes(message)
        else:
            await self._socket.send_str(message)

    async def wait(self) -> str | bytes:
        """The next message.

        Raises:
            OSError: The connection has ended.
        """
        message = await self._socket.receive()
        if message.type in (web.WSMsgType.TEXT, web.WSMsgType.BINARY):
            data: str | bytes = message.data
            return data
        raise ConnectionError

    async def close(self, code: int = 1000) -> None:
        await self._socket.close(code=code)
