"""Which connections of Socket.IO here are told of what concerns people, wherever they talk."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from server.core.chat import Chat
from server.core.events import ConnectionEvent
from server.core.ids import ConnectionId
from server.core.workspaces.events import WorkspaceEvent
from server.transports.api import CHAT, MAIN, Api, Caller
from server.transports.metrics import Traffic
from server.transports.socketio.acting import sign
from server.transports.socketio.outgoing import Encoded, Outgoing
from server.transports.socketio.session import EngineSocket

log = logging.getLogger("hushwire.socketio")

Encode = Callable[[str, Any], Encoded]
Render = Callable[[Chat, Any], tuple[str, Any]]


class PersonLine(NamedTuple):
    """A connection here: who it is, and the line that it is reached by."""

    caller: Caller
    line: EngineSocket


class PeopleLines:
    """The connections of `/chat`, and how events reach them and those of `/` that have joined.

    Args:
        apis: Those that are in `/chat`.
        encoders: Make the packets of an event, by the namespace.
        main_line_of: Finds the line of a connection in `/`.
    """

    def __init__(
        self,
        apis: Sequence[Api],
        chat: Chat,
        traffic: Traffic,
        encoders: Mapping[str, Encode],
        main_line_of: Callable[[ConnectionId], EngineSocket | None],
    ) -> None:
        self._chat = chat
        self._traffic = traffic
        self._encode = encoders[CHAT]
        self._encode_in_main = encoders[MAIN]
        self._main_line_of = main_line_of
        self._lines: dict[ConnectionId, PersonLine] = {}
        self._own_renders: Mapping[type[ConnectionEvent], Any] = {
            kind: render for api in apis for kind, render in api.connection_events.items()
        }
        self._renders: Mapping[type[WorkspaceEvent], Render] = {
            kind: render for api in apis for kind, render in api.told.items()
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

    # --- what happens in workspaces ---

    def tell(self, event: WorkspaceEvent, connections: Sequence[ConnectionId]) -> None:
        """Tell connections of either namespace; it is encoded once for each. Never waits."""
        render = self._renders.get(type(event))
        if render is None:
            return
        try:
            name, data = render(self._chat, event)
        except Exception:  # of one event, after which there will be others to hear of
            log.exception("internal_error")
            return
        here = [self._lines[one].line for one in connections if one in self._lines]
        there = [self._main_line_of(one) for one in connections if one not in self._lines]
        self._send(self._encode, name, data, here)
        self._send(self._encode_in_main, name, data, [line for line in there if line])

    def _send(self, encode: Encode, name: str, data: Any, lines: Sequence[EngineSocket]) -> None:
        if not lines:
            return
        packets = encode(name, data).packets()
        for line in lines:
            line.send(packets)
        self._traffic.bytes_out += len(lines) * packets.size_bytes
        self._traffic.delivered(name, len(lines))
