"""The hub: which connections of this process hear of which rooms, and how events reach them."""

from collections.abc import Iterable, Mapping
from typing import Any

import socketio
from engineio import packet as engine_packet
from socketio import packet

from server.core.events import (
    ConnectionAttached,
    ConnectionDetached,
    MemberRemoved,
    MessageSent,
    RoomEvent,
    RoomExpired,
)
from server.core.ids import ConnectionId, RoomId
from server.transports.api import Api, Caller, Emit
from server.transports.metrics import Metrics

NAMESPACE = "/"


class Connections(socketio.AsyncManager):
    """python-socketio's book of connections, which writes to them without a task each."""

    server: Any

    def send(self, connections: Iterable[ConnectionId], name: str, data: Any) -> int:
        """Put an event into the outgoing queue of each connection; encoded once.

        Returns:
            The bytes queued.
        """
        event = self.server.packet_class(packet.EVENT, namespace=NAMESPACE, data=[name, data])
        encoded = event.encode()
        parts: list[str | bytes] = encoded if isinstance(encoded, list) else [encoded]
        shared = _engine_packets(parts)
        size_bytes = sum(map(len, parts))
        sent = 0
        for connection_id in connections:
            socket = self.socket_of(connection_id)
            if socket is None:
                continue
            # A packet remembers its first encoding, and binary has two: raw on a
            # WebSocket, base64 for polling.
            for part in shared if len(parts) == 1 else _engine_packets(parts):
                socket.queue.put_nowait(part)
            sent += size_bytes
        return sent

    def socket_of(self, connection_id: ConnectionId) -> Any:
        """The open Engine.IO socket under a connection, or None."""
        engine_id = self.eio_sid_from_sid(connection_id, NAMESPACE)
        socket = self.server.eio.sockets.get(engine_id)
        return None if socket is None or socket.closed else socket

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """Forget a connection, which is in no room of the library but its own two.

        The library looks through every room of the namespace instead, and there is one for
        each connection.
        """
        self.basic_leave_room(sid, namespace, None)
        self.basic_leave_room(sid, namespace, sid)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)


def _engine_packets(parts: list[str | bytes]) -> list[engine_packet.Packet]:
    return [engine_packet.Packet(engine_packet.MESSAGE, part) for part in parts]


class Hub:
    """Delivers core events to the connections here that are in the room.

    It follows the events themselves: a connection hears of a room from its
    `ConnectionAttached` on, wherever that was caused.
    """

    def __init__(self, connections: Connections, apis: Iterable[Api], metrics: Metrics) -> None:
        self._connections = connections
        self._metrics = metrics
        self._callers: dict[ConnectionId, Caller] = {}
        self._rooms: dict[RoomId, dict[ConnectionId, Caller]] = {}
        self._renders: Mapping[type[RoomEvent], Any] = {
            kind: render for api in apis for kind, render in api.events.items()
        }

    def register(self, caller: Caller) -> None:
        self._callers[caller.connection_id] = caller

    def unregister(self, connection_id: ConnectionId) -> None:
        caller = self._callers.pop(connection_id, None)
        for room_id in list(caller.memberships) if caller else ():
            self._detach(room_id, connection_id)

    def caller(self, connection_id: ConnectionId) -> Caller | None:
        return self._callers.get(connection_id)

    def send(self, connection_id: ConnectionId, name: str, data: Any) -> int:
        """Send an event to one connection; answers its size in bytes."""
        return self._send([connection_id], name, data)

    def deliver(self, event: RoomEvent) -> None:
        """Tell everybody here whom the event concerns; never waits."""
        if isinstance(event, ConnectionAttached):
            self._attach(event)
        if isinstance(event, MessageSent):
            self._metrics.messages.inc()
        render = self._renders.get(type(event))
        if render and event.room_id in self._rooms:
            for emit in render(event):
                self._send(self._audience(event, emit), emit.name, emit.data)
        for connection_id in self._leavers(event):
            self._detach(event.room_id, connection_id)

    def _audience(self, event: RoomEvent, emit: Emit) -> list[ConnectionId]:
        here = self._rooms[event.room_id]
        return [
            connection_id
            for connection_id, caller in here.items()
            if connection_id != event.skip
            and (emit.users is None or caller.memberships[event.room_id] in emit.users)
        ]

    def _leavers(self, event: RoomEvent) -> list[ConnectionId]:
        here = self._rooms.get(event.room_id, {})
        match event:
            case ConnectionDetached(connection_id=connection_id):
                return [connection_id] if connection_id in here else []
            case MemberRemoved(user_id=user_id):
                return [
                    c for c, caller in here.items() if caller.memberships[event.room_id] == user_id
                ]
            case RoomExpired():
                return list(here)
        return []

    def _attach(self, event: ConnectionAttached) -> None:
        caller = self._callers.get(event.connection_id)
        if caller is not None:
            caller.memberships[event.room_id] = event.user_id
            self._rooms.setdefault(event.room_id, {})[event.connection_id] = caller

    def _detach(self, room_id: RoomId, connection_id: ConnectionId) -> None:
        caller = self._rooms[room_id].pop(connection_id)
        del caller.memberships[room_id]
        if not self._rooms[room_id]:
            del self._rooms[room_id]

    def _send(self, connections: list[ConnectionId], name: str, data: Any) -> int:
        if not connections:
            return 0
        sent_bytes = self._connections.send(connections, name, data)
        self._metrics.bytes_out.inc(sent_bytes)
        self._metrics.deliveries.labels(name).inc(len(connections))
        return sent_bytes
