"""Which connections of Socket.IO here are told of what concerns people, wherever they talk."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from server.core.events import ConnectionEvent
from server.core.ids import ConnectionId
from server.transports.api import Api, Caller
from server.transports.metrics import Traffic
from server.transports.socketio.acting import sign
from server.transports.socketio.outgoing import Encoded, Outgoing
from server.transports.socketio.session import EngineSocket


class PersonLine(NamedTuple):
    """A connection here: who it is, and the line that it is reached by."""

    caller: Caller
    line: EngineSocket


class PeopleLines:
    """The connections of a namespace, and how their events reach them.

    Args:
        apis: Those that are in the namespace.
        encode: Makes the packets of an event of the namespace.
    """

    def __init__(
        self, apis: Sequence[Api], traffic: Traffic, encode: Callable[[str, Any], Encoded]
    ) -> None:
        self._traffic = traffic
        self._encode = encode
        self._lines: dict[ConnectionId, PersonLine] = {}
        self._own_renders: Mapping[type[ConnectionEvent], Any] = {
            kind: render for api in apis for kind, render in api.connection_events.items()
        }

    def register(self, caller: Caller, line: EngineSocket) -> None:
        self._lines[caller.connection_id] = PersonLine(caller, line)

    def unregister(self, connection_id: ConnectionId) -> PersonLine | None:
        return self._lines.pop(connection_id, None)

    def line_of(self, connection_id: ConnectionId) -> EngineSocket | None:
        """The line of a registered connection, which may just have closed."""
        known = self._lines.get(connection_id)
        return known.line if known else None

    def encode(self, emits: Iterable[tuple[str, Any]]) -> tuple[Outgoing, ...]:
        """Make the packets of events for one connection."""
        made = []
        for name, data in emits:
            made.append(self._encode(name, data).packets())
            self._traffic.delivered(name, 1)
        return tuple(made)

    def notify(self, event: ConnectionEvent) -> None:
        """Tell one connection of its own; never waits."""
        known = self._lines.get(event.connection_id)
        if known is None:
            return
        sign(known.caller, known.line, event)
        if render := self._own_renders.get(type(event)):
            (packets,) = self.encode((render(event),))
            known.line.send(packets)
            self._traffic.bytes_out += packets.size_bytes
