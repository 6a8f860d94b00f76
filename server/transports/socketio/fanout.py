"""The hub: which connections of this process hear of which rooms, and how events reach them."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

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
)
from server.core.ids import ConnectionId, RoomId
from server.core.kinds import Kind
from server.core.matching import is_group
from server.core.ports import Broker
from server.core.recoveries import MAX_ROOMS, Recoveries
from server.transports.api import MAIN, Api, Caller, Emit
from server.transports.metrics import Traffic
from server.transports.socketio import offsets
from server.transports.socketio.acting import sign
from server.transports.socketio.audience import Audience, Listener, Renders
from server.transports.socketio.backlog import Backlog
from server.transports.socketio.catching_up import CatchingUp
from server.transports.socketio.offsets import Point
from server.transports.socketio.outgoing import Encoded, Outgoing
from server.transports.socketio.rosters import Rosters
from server.transports.socketio.session import EngineSocket

log = logging.getLogger("hushwire.socketio")

NAMESPACE = MAIN

Encode = Callable[[str, Any], Encoded]
"""Encodes an event of that name and data."""

_SAID = (MessageSent, SignalSent)
"""What somebody hears who has to know its sender's key."""

_ENDINGS = (ConnectionDetached, MemberRemoved, RoomExpired)
"""After which some connections hear of the room no longer."""


class Hub:
    """Delivers core events to the connections here that are in the room.

    It follows the events themselves: a connection hears of a room from its
    `ConnectionAttached` on, wherever that was caused.

    Attributes:
        catching_up: Those who have yet to be told what they missed.
    """

    def __init__(
        self,
        apis: Iterable[Api],
        traffic: Traffic,
        encode: Encode,
        broker: Broker,
        recoveries: Recoveries,
    ) -> None:
        self._traffic = traffic
        self._encode = encode
        self._broker = broker
        self._recoveries = recoveries
        self._backlogs: dict[ConnectionId, Mapping[RoomId, Backlog]] = {}
        self._listeners: dict[ConnectionId, Listener] = {}
        self._rooms: dict[RoomId, Audience] = {}
        self._renders: Mapping[Kind, Renders] = {api.kind: api.events for api in apis if api.kind}
        self._own_renders: Mapping[type[ConnectionEvent], Any] = {
            kind: render
            for api in apis
            if NAMESPACE in api.namespaces
            for kind, render in api.connection_events.items()
        }
        self._rosters = Rosters(self._tell)
        self.catching_up = CatchingUp(self._rooms, broker, self._tell_one, self._tell_moment)
        broker.subscribe(self.deliver)

    def register(self, caller: Caller, line: EngineSocket, *, can_return: bool) -> None:
        line.caller = caller
        self._listeners[caller.connection_id] = Listener(caller, line, can_return)

    def expect(self, connection_id: ConnectionId, backlogs: Mapping[RoomId, Backlog]) -> None:
        """Tell a connection of these rooms, once it is attached, nothing before `bring_up`."""
        self._backlogs[connection_id] = backlogs

    def unregister(self, connection_id: ConnectionId) -> None:
        self._backlogs.pop(connection_id, None)
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
            made.append(self._encode(name, data).packets())
            self._traffic.delivered(name, 1)
        return tuple(made)

    def deliver(self, event: RoomEvent, place: int) -> None:
        """Tell everybody here whom the event concerns; never waits."""
        if isinstance(event, _SAID):
            if event.room_id in self._rosters.owed:
                self._rosters.before(event)
            self._tell(event, place)
        elif isinstance(event, ConnectionAttached):
            self._attach(event, place)
        elif isinstance(event, MembersChanged):
            self._tell_list(event, place)
        elif isinstance(event, _ENDINGS):
            # That somebody is there no longer by its own wish is no concern of others.
            only = event.connection_id if isinstance(event, ConnectionDetached) else None
            self._tell(event, place, only)
            for connection_id in self._leavers(event):
                self._note_end(event, connection_id, place)
                self._detach(event.room_id, connection_id)
        else:
            self._tell(event, place)

    def notify(self, event: ConnectionEvent) -> None:
        """Tell one connection of its own; never waits."""
        listener = self._listeners.get(event.connection_id)
        if listener is None:
            return
        sign(listener.caller, listener.line, event)
        if isinstance(event, SignedIn):
            self._recoveries.signed(event.connection_id, event.user.user_id)
        if render := self._own_renders.get(type(event)):
            name, data = render(event)
            packets = self._encode(name, data).packets()
            listener.line.send(packets)
            self._traffic.bytes_out += packets.size_bytes
            self._traffic.delivered(name, 1)

    # --- telling a room ---

    def _tell(self, event: RoomEvent, place: int, only: ConnectionId | None = None) -> None:
        here = self._rooms.get(event.room_id)
        if here is None:
            return
        hearers = here.hearers(event, place)
        if only is not None:
            hearers = [one for one in hearers if one.caller.connection_id == only]
        here.advance(place)
        self._tell_these(hearers, here, event, place)

    def _tell_list(self, event: MembersChanged, place: int) -> None:
        here = self._rooms.get(event.room_id)
        # Of random groups each list counts: clients take a missing one for an attack.
        is_merged = not event.epoch
        listeners = len(here.listeners) if here else 0
        if not (is_merged and self._rosters.holds_back(event, place, listeners)):
            self._tell(event, place)

    def _tell_these(
        self, hearers: Sequence[Listener], here: Audience, event: RoomEvent, place: int
    ) -> None:
        render = here.renders.get(type(event))
        if render is None:
            return
        owes_list = event.room_id in self._rosters.owed
        emits = tuple(render(event))
        for number, emit in enumerate(emits, start=1):
            point = None
            if place and number == len(emits):
                # It may be further on: a list that was held back comes after what happened later.
                point = Point(here.place, 0, owes_list)
            elif place:
                point = Point(place - 1, number, owes_list)
            self._send(hearers, here, event, emit, point)

    def _send(
        self,
        hearers: Sequence[Listener],
        here: Audience,
        event: RoomEvent,
        emit: Emit,
        point: Point | None,
    ) -> None:
        """Send one emit, to who can return with where in the room it then is."""
        encoded: Encoded | None = None
        plain: Outgoing | None = None
        shared: Outgoing | None = None  # of all who are in this room alone
        sent = size_bytes = 0
        for caller, line, can_return in hearers:
            if emit.users is not None and caller.memberships[event.room_id] not in emit.users:
                continue
            encoded = encoded or self._encode(emit.name, emit.data)
            if not (can_return and point):
                its = plain = plain or encoded.packets()
            elif len(caller.memberships) == 1:
                its = shared = shared or encoded.with_last(offsets.entry(here.tag, point))
            else:
                its = self._with_offset(encoded, caller, event.room_id, point)
            line.send(its)
            size_bytes += its.size_bytes
            sent += 1
        if encoded:
            self._traffic.bytes_out += size_bytes
            self._traffic.delivered(emit.name, sent)

    def _with_offset(
        self, encoded: Encoded, caller: Caller, room_id: RoomId, point: Point
    ) -> Outgoing:
        """An event with where a connection then is in all of its rooms."""
        if len(caller.memberships) > MAX_ROOMS:
            return encoded.packets()
        entries = []
        for one in caller.memberships:
            here = self._rooms[one]
            owes_list = one in self._rosters.owed
            known = here.point_of(caller.connection_id, owes_list=owes_list)
            entries.append(offsets.entry(here.tag, point if one == room_id else known))
        return encoded.with_last(b".".join(entries))

    # --- who hears of what ---

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

    def _note_end(self, event: RoomEvent, connection_id: ConnectionId, place: int) -> None:
        # From a group another connection of the user may have taken it.
        if type(event) is ConnectionDetached and not is_group(event.room_id):
            self._recoveries.detached(connection_id, event.room_id)
        else:
            self._recoveries.put_out(connection_id, event.room_id, place)

    def _attach(self, event: ConnectionAttached, place: int) -> None:
        connection_id = event.connection_id
        listener = self._listeners.get(connection_id)
        here = self._rooms.get(event.room_id)
        if listener is None:  # its line ended before it was attached
            if here is None:
                self._broker.unheard(event.room_id)
            return
        if here is None:
            here = Audience(event.room_id, self._renders[event.kind], place)
            self._rooms[event.room_id] = here
        is_new = connection_id not in here.listeners
        here.listeners[connection_id] = listener
        listener.caller.memberships[event.room_id] = event.user_id
        backlog = self._backlogs.get(connection_id, {}).get(event.room_id)
        if backlog and is_new:
            backlog.attached_place = place
            here.fall_behind(connection_id, backlog.start)
            return
        self._recoveries.attached(event, place)
        if render := here.renders.get(type(event)):
            for emit in render(event):
                self._send((listener,), here, event, emit, Point(place))
        if place >= here.place:
            # What it is being answered with reaches up to there, if it has joined once more too;
            # and the room may be heard from an earlier place on.
            here.ahead[connection_id] = place
        elif is_new:
            self.catching_up.begin(event.room_id, connection_id, place)

    def _detach(self, room_id: RoomId, connection_id: ConnectionId) -> None:
        here = self._rooms[room_id]
        listener = here.drop(connection_id)
        del listener.caller.memberships[room_id]
        if not here.listeners:
            del self._rooms[room_id]
            self._broker.unheard(room_id)

    # --- what somebody has missed ---

    async def bring_up(self, connection_id: ConnectionId) -> bool:
        """Tell a connection that has returned what it has missed in all of its rooms.

        Returns:
            Whether it is in all of them.
        """
        backlogs = self._backlogs.pop(connection_id, {})
        await self.catching_up.bring_up(connection_id, backlogs)
        listener = self._listeners.get(connection_id)
        return listener is None or backlogs.keys() <= listener.caller.memberships.keys()

    def _tell_moment(self, listener: Listener, here: Audience, event: RoomEvent) -> None:
        self._tell_these((listener,), here, event, 0)

    def _tell_one(self, listener: Listener, here: Audience, event: RoomEvent, place: int) -> None:
        """Tell somebody who is behind of an event, after which it is at that place."""
        caller, line, can_return = listener
        behind = here.behind[caller.connection_id]
        render = here.renders.get(type(event))
        emits = list(render(event)) if render else []
        is_begun = place == behind.place + 1
        for number, emit in enumerate(emits, start=1):
            if is_begun and number <= behind.emits:
                continue
            if emit.users is not None and caller.memberships[event.room_id] not in emit.users:
                continue
            encoded = self._encode(emit.name, emit.data)
            point = Point(place) if number == len(emits) else Point(place - 1, number)
            # It has asked for them, so they may be more than others may cause.
            line.answer(
                self._with_offset(encoded, caller, event.room_id, point)
                if can_return
                else encoded.packets()
            )
            self._traffic.delivered(emit.name, 1)
        behind.place, behind.emits = place, 0
