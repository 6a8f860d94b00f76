"""Engine.IO 4: the part of python-engineio's server that python-socketio needs, on our connections.

Protocol: github.com/socketio/socket.io/blob/main/docs/engine.io-protocol/v4-current.md
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import engineio
from msgspec import Struct

from server.core.errors import AppError, Code
from server.transports.decode import to_json
from server.transports.http import bearer_of
from server.transports.metrics import Metrics
from server.transports.socketio import outgoing
from server.transports.socketio.agents import speaks_javascript
from server.transports.socketio.gate import Gate
from server.transports.socketio.outgoing import Outgoing
from server.transports.socketio.probe import Probe
from server.transports.socketio.session import EngineSocket
from server.transports.websocket import User
from server.transports.wheel import Wheel

log = logging.getLogger("hushwire.socketio")

VERSION = "4"


class EngineOptions(Struct, frozen=True, kw_only=True):
    """What the handshake tells clients, and the bound on what one of them leaves unread."""

    ping_interval_s: float
    ping_timeout_s: float
    max_payload_bytes: int
    max_unsent_bytes: int


class Engine:
    """The lines of all clients.

    Args:
        gate: Admits handshakes.
        node_id: Of this process; it stands in front of the ids of its lines.

    Attributes:
        handlers: Of `connect`, `message` and `disconnect`, by these names.
        hear: Handles a message; who sets it gets the line, and else the handler its id.
        sockets: The open lines, by their ids.
    """

    async_mode = "asyncio"
    reason = engineio.AsyncServer.reason

    def __init__(self, options: EngineOptions, gate: Gate, metrics: Metrics, node_id: str) -> None:
        self.metrics = metrics
        self._node_id = node_id
        self.hear: Callable[[EngineSocket, str | bytes], Coroutine[Any, Any, None]]
        self.handlers: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {}
        self._sessions: dict[str, dict[str, Any]] = {}
        self.traffic = metrics.traffic
        self.gate = gate
        self.sockets: dict[str, EngineSocket] = {}
        # Clients keep to the times that they were told; a hundredth is not noticed.
        grain_s = min(options.ping_interval_s, options.ping_timeout_s) / 100
        self.wheel = Wheel(max(0.001, grain_s))
        self.ping_interval_s = options.ping_interval_s
        self.ping_timeout_s = options.ping_timeout_s
        self.max_unsent_bytes = options.max_unsent_bytes
        self.max_payload_bytes = options.max_payload_bytes

    # --- for python-socketio ---

    def on(self, event: str, handler: Callable[..., Coroutine[Any, Any, None]]) -> None:
        """Have `connect`, `message` or `disconnect` handled."""
        self.handlers[event] = handler
        if event == "message":
            self.hear = lambda line, data: handler(line.sid, data)

    async def send(self, sid: str, data: str | bytes) -> None:
        """Send one message to one client."""
        if socket := self.sockets.get(sid):
            socket.answer(outgoing.message(data))

    async def send_packet(self, sid: str, packet: Any) -> None:
        """Send a message that python-socketio has made a packet of."""
        await self.send(sid, packet.data)

    async def disconnect(self, sid: str) -> None:
        if socket := self.sockets.get(sid):
            socket.close()

    def transport(self, sid: str) -> str:
        return self.sockets[sid].transport

    async def get_session(self, sid: str) -> dict[str, Any]:
        """What an application keeps for a line."""
        return self._sessions.setdefault(sid, {}) if sid in self.sockets else {}

    def generate_id(self) -> str:
        """Of a connection of Socket.IO, which others may see."""
        return secrets.token_urlsafe(16)

    def _new_sid(self) -> str:
        """Of a line, from which every process can tell whose it is."""
        return f"{self._node_id}.{secrets.token_urlsafe(16)}"

    def create_event(self) -> asyncio.Event:
        return asyncio.Event()

    def start_background_task(
        self, target: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any, **options: Any
    ) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(target(*arguments, **options))

    async def sleep(self, seconds: float = 0) -> None:
        await asyncio.sleep(seconds)

    async def shutdown(self) -> None:
        await self.shut_all(Code.UNAVAILABLE)

    # --- opening ---

    async def open_websocket(
        self, query: Mapping[str, str], address: str, headers: Mapping[str, str]
    ) -> User:
        """Whoever is to use a WebSocket: a new line, or one that polled until now.

        Raises:
            AppError: INVALID_REQUEST, and what `Gate.enter` raises.
        """
        self.check_version(query)
        if query.get("transport") != "websocket":
            raise AppError(Code.INVALID_REQUEST, "that transport is no WebSocket")
        if sid := query.get("sid"):
            socket = self.sockets.get(sid)
            if socket is None or not socket.began_polling:
                raise AppError(Code.INVALID_REQUEST, "no connection with that sid polls")
            return Probe(socket)
        return await self._open(query, address, headers)

    async def open_polling(
        self, query: Mapping[str, str], address: str, headers: Mapping[str, str]
    ) -> EngineSocket:
        """A new line that polls.

        Raises:
            AppError: What `Gate.enter` raises.
        """
        socket = await self._open(query, address, headers)
        socket.begin_polling()
        return socket

    async def _open(
        self, query: Mapping[str, str], address: str, headers: Mapping[str, str]
    ) -> EngineSocket:
        await self.gate.enter(address)
        is_javascript = speaks_javascript(headers, query)
        line = EngineSocket(self, self._new_sid(), address, is_javascript=is_javascript)
        line.bearer = bearer_of(headers)
        return line

    def check_version(self, query: Mapping[str, str]) -> None:
        """Refuse other protocols.

        Raises:
            AppError: INVALID_REQUEST.
        """
        if query.get("EIO") != VERSION:
            raise AppError(Code.INVALID_REQUEST, "use version 4 of Engine.IO")

    def polling_socket(self, sid: str) -> EngineSocket:
        """The line with this id, if it polls.

        Raises:
            AppError: INVALID_REQUEST.
        """
        socket = self.sockets.get(sid)
        if socket is None or socket.poller is None:
            raise AppError(Code.INVALID_REQUEST, "no connection with that sid polls")
        return socket

    # --- for the lines ---

    def admit(self, socket: EngineSocket) -> None:
        self.sockets[socket.sid] = socket

    def handshake(self, sid: str, *, can_upgrade: bool) -> Outgoing:
        told = {
            "sid": sid,
            "upgrades": ["websocket"] if can_upgrade else [],
            "pingInterval": round(self.ping_interval_s * 1000),
            "pingTimeout": round(self.ping_timeout_s * 1000),
            "maxPayload": self.max_payload_bytes,
        }
        return outgoing.pack(b"0" + to_json(told).encode())

    def forget(self, socket: EngineSocket) -> None:
        """Let go of a closed line; its place is free for another."""
        self.wheel.drop(socket)
        self._sessions.pop(socket.sid, None)
        self.sockets.pop(socket.sid, None)
        self.gate.leave(socket.address)

    def malformed(self, error: BaseException) -> None:
        """Count and note a packet that is not of the protocol."""
        self.metrics.malformed()
        fields = {"error": type(error).__name__}
        log.info("malformed_packet", extra={"fields": fields})

    # --- the end ---

    async def close_all(self, code: Code) -> None:
        """Close every connection at transport level, so that official clients come back."""
        sockets = list(self.sockets.values())
        for socket in sockets:
            socket.shut(code)
        await asyncio.gather(*(socket.inbox.idle() for socket in sockets))

    async def shut_all(self, code: Code) -> None:
        """The same for good."""
        await self.close_all(code)
        self.wheel.stop()
