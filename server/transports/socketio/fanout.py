"""The hub: which connections of this process hear of which rooms, and how events reach them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from server.core.events import (
    ConnectionAttached,
    ConnectionDetached,
    ConnectionEvent,
    MemberRemoved,
    MembersChanged,
    MessageSent,
    RoomEvent,
    RoomExpired,
    SignalSent,
    SignedIn,
    SignedOut,
    SignInExpired,
)
from server.core.ids import ConnectionId, RoomId
from server.core.kinds import Kind
from server.transports.api import Api, Caller, Emit
from server.transports.metrics import Traffic
from server.transports.socketio.outgoing import Outgoing
from server.transports.socketio.rosters import Rosters
from server.transports.socketio.session import EngineSocket

NAMESPACE = "/"

Renders = Mapping[type[RoomEvent], Callable[[Any], Iterable[Emit]]]

Encode = Callable[[str, Any], Outgoing]
"""Makes an event's packets from its name and its data."""


_ENDINGS = (ConnectionDetached, MemberRemoved, RoomExpired)
"""After which some connections hear of the room no longer."""


class Listener(NamedTuple):
    """A connection here: who it is, and the line that it is reached by."""

    caller: Caller
    line: EngineSocket


class Audience(NamedTuple):
    """The connections here that hear of a room, and the words in which they do."""

    renders: Renders
    listeners: dict[ConnectionId, Listener]


class Hub:
    """Delivers core events to the connections here that are in the room.

    It follows the events themselves: a connection hears of a room from its
    `ConnectionAttached` on, wherever that was caused.
    """

    def __init__(self, apis: Iterable[Api], traffic: Traffic, encode: Encode) -> None:
        self._traffic = traffic
        self._encode = encode
        self._listeners: dict[ConnectionId, Listener] = {}
        self._rooms: dict[RoomId, Audience] = {}
        self._renders: Mapping[Kind, Renders] = {api.kind: api.events for api in apis if api.kind}
        self._own_renders: Mapping[type[ConnectionEvent], Any] = {
            kind: render for api in apis for kind, render in api.connection_events.items()
        }
        self._rosters = Rosters(self._tell)

    def register(self, caller: Caller, line: EngineSocket) -> None:
        line.caller = caller
        self._listeners[caller.connection_id] = Listener(caller, line)

    def unregister(self, connection_id: ConnectionId) -> None:
        listener = self._listeners.pop(connection_id, None)
        if listener is None:
            return
        listener.line.caller = None
        for room_id in list(listener.caller.memberships):
            self._detach(room_id, connection_id)

    def line_of(self, connection_id: ConnectionId) -> EngineSocket | None:
        """The line of a registered connection, which may just have closed."""
        listener = self._listeners.get(connection_id)
        return listener.line if listener else None

    def encode(self, emits: Iterable[tuple[str, Any]]) -> tuple[Outgoing, ...]:
        """Make the packets of events for one connection."""
        made = []
        for name, data in emits:
            made.append(self._encode(name, data))
            self._traffic.delivered(name, 1)
        return tuple(made)

    def deliver(self, event: RoomEvent) -> None:
        """Tell everybody here whom the event concerns; never waits."""
        if isinstance(event, MessageSent):
            self._traffic.messages += 1
            self._rosters.before(event)
        elif isinstance(event, SignalSent):
            self._rosters.before(event)
        elif isinstance(event, ConnectionAttached):
            self._attach(event)
            return
        elif isinstance(event, MembersChanged):
            here = self._rooms.get(event.room_id)
            # Of random groups each list counts: clients take a missing one for an attack.
            is_merged = not event.epoch
            if is_merged and self._rosters.holds_back(event, len(here.listeners) if here else 0):
                return
        self._tell(event)
        if isinstance(event, _ENDINGS):
            for connection_id in self._leavers(event):
                self._detach(event.room_id, connection_id)

    def notify(self, event: ConnectionEvent) -> None:
        """Tell one connection of its own; never waits."""
        listener = self._listeners.get(event.connection_id)
        if listener is None:
            return
        if isinstance(event, SignedIn):
            listener.caller.user = event.user
        elif isinstance(event, SignInExpired | SignedOut):
            listener.caller.user = None
        if render := self._own_renders.get(type(event)):
            name, data = render(event)
            packets = self._encode(name, data)
            listener.line.send(packets)
            self._traffic.bytes_out += packets.size_bytes
            self._traffic.delivered(name, 1)

    def _tell(self, event: RoomEvent) -> None:
        here = self._rooms.get(event.room_id)
        render = here.renders.get(type(event)) if here else None
        if here is None or render is None:
            return
        listeners = here.listeners
        if isinstance(event, ConnectionDetached):  # is nobody else's concern
            its = event.connection_id
            listeners = {its: listeners[its]} if its in listeners else {}
        for emit in render(event):
            self._send(listeners, event, emit)

    def _send(self, here: dict[ConnectionId, Listener], event: RoomEvent, emit: Emit) -> None:
        packets: Outgoing | None = None
        sent = 0
        for connection_id, (caller, line) in here.items():
            if connection_id == event.skip:
                continue
            if emit.users is not None and caller.memberships[event.room_id] not in emit.users:
                continue
            if packets is None:
                packets = self._encode(emit.name, emit.data)
            line.send(packets)
            sent += 1
        if packets:
            self._traffic.bytes_out += packets.size_bytes * sent
            self._traffic.delivered(emit.name, sent)

    def _leavers(
        self, event: ConnectionDetached | MemberRemoved | RoomExpired
    ) -> list[ConnectionId]:
        here = self._rooms[event.room_id].listeners if event.room_id in self._rooms else {}
        match event:
            case ConnectionDetached(connection_id=connection_id):
                return [connection_id] if connection_id in here else []
            case MemberRemoved(user_id=user_id):
                return [
                    connection_id
                    for connection_id, listener in here.items()
                    if listener.caller.memberships[event.room_id] == user_id
                ]
            case RoomExpired():
                return list(here)

    def _attach(self, event: ConnectionAttached) -> None:
        listener = self._listeners.get(event.connection_id)
        if listener is None:
            return
        renders = self._renders[event.kind]
        here = self._rooms.setdefault(event.room_id, Audience(renders, {}))
        here.listeners[event.connection_id] = listener
        listener.caller.memberships[event.room_id] = event.user_id
        if render := renders.get(type(event)):
            for emit in render(event):
                self._send({event.connection_id: listener}, event, emit)

    def _detach(self, room_id: RoomId, connection_id: ConnectionId) -> None:
        here = self._rooms[room_id].listeners
        listener = here.pop(connection_id)
        del listener.caller.memberships[room_id]
        if not here:
            del self._rooms[room_id]
