"""The Socket.IO server: python-socketio's, which does not trust its packets."""

import asyncio
from collections.abc import Callable
from typing import Any

import socketio
from socketio import packet

from server.core.errors import Code
from server.transports.socketio.engine import Engine
from server.transports.socketio.fanout import NAMESPACE
from server.transports.socketio.packets import MALFORMED, StrictPacket
from server.transports.socketio.plain import (
    RESERVED_EVENTS,
    PlainEvent,
    Reply,
    plain_ack,
    plain_event,
)
from server.transports.socketio.plain_namespace import PlainNamespace
from server.transports.socketio.session import EngineSocket

JOIN_LIMIT_S = 45
"""For a new connection to open a namespace; as in Node's server."""

ATTACHMENTS_LIMIT_S = 20
"""For all attachments of a packet to arrive."""


class SocketServer(socketio.AsyncServer):
    """A Socket.IO server that hears plain events by a short way, and the rest by the library's.

    Args:
        engine: The lines that it stands on.
        options: As for `socketio.AsyncServer`.
    """

    eio: Engine
    packet_class: type[StrictPacket]

    def __init__(self, engine: Engine, **options: Any) -> None:
        self._engine = engine
        self._unopened: set[str] = set()  # lines without a namespace until now
        self._loop: asyncio.AbstractEventLoop | None = None
        self._plain: dict[str, PlainNamespace] = {}
        self._deadlines: dict[str, asyncio.TimerHandle] = {}
        # One client's events are handled in order, each to its end.
        super().__init__(async_handlers=False, **options)
        engine.hear = self.hear

    def _engineio_server_class(self) -> Callable[..., Engine]:
        return lambda **_: self._engine

    def register_namespace(self, namespace_handler: Any) -> None:
        """Have a class handle a namespace; a plain one has the short way."""
        super().register_namespace(namespace_handler)
        self._plain.pop(namespace_handler.namespace, None)
        if isinstance(namespace_handler, PlainNamespace):
            self._plain[namespace_handler.namespace] = namespace_handler

    def line_of(self, connection_id: str, namespace: str = NAMESPACE) -> EngineSocket | None:
        """The open line under a connection."""
        return self.eio.sockets.get(self.manager.eio_sid_from_sid(connection_id, namespace) or "")

    async def _handle_eio_connect(  # type: ignore[override]  # as of the asyncio server
        self, eio_sid: str, environ: dict[str, Any]
    ) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        self._unopened.add(eio_sid)
        self._set_deadline(eio_sid, JOIN_LIMIT_S)

    async def hear(self, line: EngineSocket, data: str | bytes) -> None:
        """Handle a message of a client: plain events here, all else by the library."""
        try:
            found = self._read(line.sid, data)
        except MALFORMED as error:
            self.eio.malformed(error)
            line.shut(Code.INVALID_REQUEST)
            return
        # Whatever is raised from here on is a fault of ours, and no concern of the client's.
        if isinstance(found, PlainEvent):
            plain = self._plain.get(found.namespace)
            if plain is None:
                await self._handle_event(line.sid, found.namespace, found.ack_id, found.data)
            elif plain.caller_on(line):
                line.wants_answer = found.ack_id is not None
                reply = await plain.act(line, found.data)
                if not _answer(line, reply, found.ack_id, plain.ack_head):
                    await self._acknowledge(line.sid, found, reply.ack)
        elif found:
            await self._handle_packet(line.sid, found)

    # --- from bytes to packets ---

    def _read(self, eio_sid: str, data: str | bytes) -> PlainEvent | StrictPacket | None:
        """The packet that is whole now, if there is one: attachments may still be to come.

        Raises:
            ValueError: This client may not send that, or not now; or another of `MALFORMED`.
        """
        begun = self._binary_packet.get(eio_sid)
        if begun:
            return self._attach(eio_sid, begun, data)
        if not (data and isinstance(data, str)):
            raise ValueError("an empty message, or an attachment that nobody announced")
        found = plain_event(data) or self.packet_class(encoded_packet=data)
        if eio_sid in self._unopened and not _may_be_first(found):
            raise ValueError("CONNECT comes first")
        if isinstance(found, PlainEvent) or not found.attachment_count:
            return found
        if not self.manager.sid_from_eio_sid(eio_sid, found.namespace or NAMESPACE):
            raise ValueError("attachments in a namespace that is not open")
        self._binary_packet[eio_sid] = found
        self._set_deadline(eio_sid, ATTACHMENTS_LIMIT_S)
        return None

    def _attach(self, eio_sid: str, begun: StrictPacket, data: str | bytes) -> StrictPacket | None:
        if not begun.add_attachment(data):
            return None
        del self._binary_packet[eio_sid]
        self._clear_deadline(eio_sid)
        return begun

    # --- from packets to handlers ---

    async def _handle_packet(self, eio_sid: str, found: StrictPacket) -> None:
        match found.packet_type:
            case packet.CONNECT:
                await self._handle_connect(eio_sid, found.namespace, found.data)
            case packet.DISCONNECT:
                reason = self.reason.CLIENT_DISCONNECT
                await self._handle_disconnect(eio_sid, found.namespace, reason)
            case packet.EVENT | packet.BINARY_EVENT:
                await self._handle_event(eio_sid, found.namespace, found.id, found.data)
            case _:
                await self._handle_ack(eio_sid, found.namespace, found.id, found.data)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        name = namespace or NAMESPACE
        if name not in self.handlers and name not in self.namespace_handlers:
            # As Node's server says it; the library's bare text breaks official clients.
            refusal = {"message": "Invalid namespace"}
            error = self.packet_class(packet.CONNECT_ERROR, data=refusal, namespace=namespace)
            await self._send_packet(eio_sid, error)
            return
        if self.manager.sid_from_eio_sid(eio_sid, name):
            return  # it is connected already
        self._unopened.discard(eio_sid)
        self._clear_deadline(eio_sid)
        line = self.eio.sockets.get(eio_sid)
        if plain := self._plain.get(name):
            if line:
                await self._open(plain, line, data)
        else:
            await super()._handle_connect(eio_sid, namespace, data)
        if eio_sid in self.eio.sockets and not self._is_in_any(eio_sid):
            self._set_deadline(eio_sid, JOIN_LIMIT_S)  # refused: it may try again, or go

    async def _open(self, plain: PlainNamespace, line: EngineSocket, auth: Any) -> None:
        name = plain.namespace
        try:
            welcome = await plain.admit(line, auth)
        except socketio.exceptions.ConnectionRefusedError as refusal:
            told = refusal.error_args
            error = self.packet_class(packet.CONNECT_ERROR, data=told, namespace=name)
            await self._send_packet(line.sid, error)
            return
        self.manager.enter(welcome["sid"], name, line.sid)
        if not line.is_closed:
            connect = self.packet_class(packet.CONNECT, data=welcome, namespace=name)
            await self._send_packet(line.sid, connect)
            await plain.opened(line)

    def _is_in_any(self, eio_sid: str) -> bool:
        names = self.manager.get_namespaces()
        return any(self.manager.sid_from_eio_sid(eio_sid, name) for name in names)

    async def _acknowledge(self, eio_sid: str, event: PlainEvent, argument: Any) -> None:
        """Answer an event with binary."""
        ack = self.packet_class(
            packet.ACK, id=event.ack_id, data=[argument], namespace=event.namespace
        )
        await self._send_packet(eio_sid, ack)

    async def _handle_event(
        self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]
    ) -> None:
        if data[0] in RESERVED_EVENTS:
            # Its name would reach the handlers of the connection itself.
            data = ["", *data[1:]]
        if line := self.eio.sockets.get(eio_sid):
            line.wants_answer = id is not None
        await super()._handle_event(eio_sid, namespace, id, data)

    async def _handle_ack(
        self, eio_sid: str, namespace: str | None, id: int | None, data: Any
    ) -> None:
        if id != 0:  # where the library keeps its counter
            await super()._handle_ack(eio_sid, namespace, id, data)

    # --- the end, and what must come in time ---

    async def _handle_eio_disconnect(  # type: ignore[override]
        self, eio_sid: str, reason: str
    ) -> None:
        self._unopened.discard(eio_sid)
        self._clear_deadline(eio_sid)
        if reason == self.reason.CLIENT_DISCONNECT:
            # An Engine.IO close alone, without a DISCONNECT, is a lost connection.
            reason = self.reason.TRANSPORT_CLOSE
        await super()._handle_eio_disconnect(eio_sid, reason)
        self._binary_packet.pop(eio_sid, None)

    def _set_deadline(self, eio_sid: str, limit_s: float) -> None:
        self._loop = self._loop or asyncio.get_running_loop()
        self._deadlines[eio_sid] = self._loop.call_later(limit_s, self._miss_deadline, eio_sid)

    def _clear_deadline(self, eio_sid: str) -> None:
        if timer := self._deadlines.pop(eio_sid, None):
            timer.cancel()

    def _miss_deadline(self, eio_sid: str) -> None:
        self._deadlines.pop(eio_sid, None)
        if line := self.eio.sockets.get(eio_sid):
            line.shut(Code.INVALID_REQUEST)


def _may_be_first(found: PlainEvent | StrictPacket) -> bool:
    """Whoever has opened no namespace yet has nothing else to say."""
    return isinstance(found, StrictPacket) and found.packet_type in (
        packet.CONNECT,
        packet.DISCONNECT,
    )


def _answer(line: EngineSocket, reply: Reply, ack_id: int | None, head: bytes) -> bool:
    """Send a reply in one write; False if the acknowledgement, with binary, is still to go."""
    ack = None if ack_id is None else plain_ack(head, ack_id, reply.ack)
    packets = (*reply.events, ack) if ack else reply.events
    if packets and not line.is_closed:
        line.answer(*packets)
    return ack is not None or ack_id is None


def strict_packets(max_bytes: int) -> type[StrictPacket]:
    """The packet class of a server whose payloads are bounded so."""
    return type("StrictPacket", (StrictPacket,), {"max_bytes": max_bytes})
