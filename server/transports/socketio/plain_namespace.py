"""What python-socketio and the short way have in common: a namespace with one method for events."""

from collections.abc import Awaitable, Sequence
from typing import Any

import socketio
from socketio import packet

from server.core.ids import ConnectionId
from server.transports.api import Caller
from server.transports.socketio.plain import Reply, head_of
from server.transports.socketio.session import EngineSocket


class PlainNamespace(socketio.AsyncNamespace):
    """A namespace with one method for all events.

    Its answers hold binary in `Opaque` values only, so that nobody has to look.

    Attributes:
        ack_head: What the packets begin with that answer its events.
    """

    server: socketio.AsyncServer

    def __init__(self, namespace: str) -> None:
        super().__init__(namespace)
        self.ack_head = head_of(packet.ACK, namespace)

    async def trigger_event(self, event: str, *args: Any) -> Any:
        """Called by the library for what the short way leaves, and for the going of a client."""
        connection_id = ConnectionId(args[0])
        if event == "disconnect":
            return await self.gone(connection_id, args[1])
        line = self.line_of(connection_id)
        if line is None:
            return self.server.not_handled
        reply = await self.act(line, (event, *args[1:]))
        if reply.events:
            line.answer(*reply.events)
        return reply.ack

    async def admit(self, line: EngineSocket, auth: Any) -> dict[str, str]:
        """Let a client in that wants to connect.

        Returns:
            What CONNECT's answer holds: `sid`, and what else the client is to know.

        Raises:
            ConnectionRefusedError: It may not connect, and is told why.
        """
        raise NotImplementedError

    async def opened(self, line: EngineSocket) -> None:
        """A client has its CONNECT; from here on events reach it."""

    async def gone(self, connection_id: ConnectionId, reason: str) -> None:
        """A client has gone, or was lost."""
        raise NotImplementedError

    def line_of(self, connection_id: ConnectionId) -> EngineSocket | None:
        """The line of a client who is in this namespace, which may just have closed."""
        raise NotImplementedError

    def caller_on(self, line: EngineSocket) -> Caller | None:
        """Who is in this namespace by a line."""
        raise NotImplementedError

    def act(self, line: EngineSocket, data: Sequence[Any]) -> Awaitable[Reply]:
        """Handle an event of a client, who is in this namespace.

        Args:
            data: Its name, and what comes with it.
        """
        raise NotImplementedError
