"""A client comes back after a drop and is given its connection again, or honestly not.

Protocol: socket.io's connection state recovery, as clients from 4.6 on do it by themselves.
CONNECT's answer holds a secret `pid`; broadcasts have an offset as their last argument; whoever
comes back shows both.
"""

import logging
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, structs

from server.core.chat import Chat
from server.core.clock import Clock
from server.core.errors import AppError
from server.core.events import MemberJoined, MessageSent
from server.core.identity import User
from server.core.ids import ConnectionId, RoomId
from server.core.kinds import Kind
from server.core.ports import Broker, Session, Standing
from server.transports.api import Caller
from server.transports.metrics import Metrics
from server.transports.socketio import offsets
from server.transports.socketio.backlog import Backlog
from server.transports.socketio.fanout import Hub
from server.transports.socketio.offsets import Point
from server.transports.socketio.session import EngineSocket
from server.transports.websocket import ABNORMAL

log = logging.getLogger("hushwire.socketio")

_MAX_PID_CHARS = 128


class NotRestoredError(Exception):
    """The client must begin anew.

    Attributes:
        outcome: Why, in a word for the metrics.
    """

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Returned(Struct, frozen=True):
    """A connection that is restored but for being told what it has missed.

    Attributes:
        unsure: By room, what it said last and has perhaps no answer to.
    """

    connection_id: ConnectionId
    pid: str
    unsure: dict[RoomId, MessageSent]


class Recovery:
    """Restores connections."""

    def __init__(
        self, chat: Chat, hub: Hub, broker: Broker, metrics: Metrics, clock: Clock
    ) -> None:
        self._chat = chat
        self._hub = hub
        self._broker = broker
        self._metrics = metrics
        self._clock = clock

    def offers(self, auth: Any, line: EngineSocket) -> bool:
        """Whether a new connection is to be told how it can be restored."""
        wish = auth.get("recover") if isinstance(auth, dict) else None
        wants = wish if isinstance(wish, bool) else line.is_javascript
        return wants and self._chat.recoveries.is_on

    async def restore(self, auth: Any, user: User | None, line: EngineSocket) -> Returned | None:
        """Give a client that shows a `pid` its connection again, on this line.

        Raises:
            AppError: UNAVAILABLE; the client may try again with the same `pid`.
        """
        pid = _shown_pid(auth)
        if pid is None or not self._chat.recoveries.is_on:
            return None
        session = await self._chat.recoveries.take(pid, line.sid)
        try:
            if session is None:
                raise NotRestoredError("unknown")
            self._check_user(session, user)
            await self._end_former_line(session.connection_id)
            unsure = await self._return(session, pid, auth.get("offset"), user, line)
        except NotRestoredError as error:
            self._metrics.recoveries.labels(error.outcome).inc()
            if session:
                await self._chat.recoveries.give_up(pid, line.sid)
            return None
        self._metrics.recoveries.labels("restored").inc()
        return Returned(session.connection_id, pid, unsure)

    async def _end_former_line(self, connection_id: ConnectionId) -> None:
        """Its TCP may be half open: the client is gone from there, whatever it looks like."""
        if former := self._hub.line_of(connection_id):
            self._chat.recoveries.drop(connection_id)
            former.lost(ABNORMAL)
            await former.inbox.idle()

    async def _return(
        self, session: Session, pid: str, offset: Any, user: User | None, line: EngineSocket
    ) -> dict[RoomId, MessageSent]:
        """Restore all of a session, or leave nothing of it behind.

        Raises:
            NotRestoredError: Something of it cannot be had again.
        """
        connection_id = session.connection_id
        backlogs = await self._backlogs(session, offsets.read(offset))
        self._hub.register(Caller(line.address, connection_id), line, can_return=True)
        self._hub.expect(connection_id, backlogs)
        try:
            there = [standing for standing in session.rooms if not standing.ended_ms]
            for standing in there:
                await self._enter(connection_id, standing, user, backlogs.get(standing.room_id))
            for backlog in backlogs.values():
                # From here on nothing is accepted of the former line, but until now it was.
                backlog.extend(await self._missed(backlog.room_id, Point(backlog.known_place)))
            rooms = [_moved(one, backlogs.get(one.room_id)) for one in there]
            ours = structs.replace(session, line=line.sid)
            await self._chat.recoveries.resume(pid, ours, rooms)
        except BaseException as error:
            await self._undo(connection_id)
            if isinstance(error, AppError):
                raise NotRestoredError("room_gone") from None
            raise
        said = {
            one.room_id: backlogs[one.room_id].last_said(one.user_id, connection_id)
            for one in session.rooms
            if one.room_id in backlogs
        }
        return {room_id: event for room_id, event in said.items() if event}

    def _check_user(self, session: Session, user: User | None) -> None:
        is_late = user is not None and user.is_expired(self._clock.now_ms())
        if is_late or (user.user_id if user else None) != session.user_id:
            raise NotRestoredError("other_user")

    async def _backlogs(
        self, session: Session, points: Mapping[str, Point]
    ) -> dict[RoomId, Backlog]:
        """What was missed in each room; nothing of a room that the client has never heard of."""
        found = {}
        for standing in session.rooms:
            told = points.get(offsets.tag_of(standing.room_id).decode())
            if standing.ended_ms:
                if told is None or told.place < standing.ended_place:
                    raise NotRestoredError("room_gone")
                continue
            if told is None and not standing.has_asked:
                continue
            start = told if told and told.place >= standing.place else Point(standing.place)
            missed = await self._missed(standing.room_id, start)
            backlog = Backlog(standing.room_id, start, missed)
            if not backlog.is_of_one(standing.user_id, session.connection_id):
                raise NotRestoredError("room_gone")
            found[standing.room_id] = backlog
        return found

    async def _missed(self, room_id: RoomId, start: Point) -> Any:
        try:
            missed = await self._broker.missed(room_id, start.place)
        except AppError:
            missed = None
        if missed is None:
            raise NotRestoredError("forgotten")
        return missed

    async def _enter(
        self,
        connection_id: ConnectionId,
        standing: Standing,
        user: User | None,
        backlog: Backlog | None,
    ) -> None:
        """Be in a room again, where the former line can do nothing from then on."""
        if standing.kind is Kind.RANDOM:
            await self._enter_group(connection_id, standing, user, backlog)
            return
        joined = await self._chat.rooms.come_back(connection_id, standing)
        was_out = any(isinstance(event, MemberJoined) for event in joined.events)
        if backlog and (was_out or backlog.start.owes_list):
            backlog.members = joined.members

    async def _enter_group(
        self,
        connection_id: ConnectionId,
        standing: Standing,
        user: User | None,
        backlog: Backlog | None,
    ) -> None:
        """Be in a group again: its user's connections are, so the user is signed in.

        Who has never heard of it hears of it once it has its CONNECT, when it is signed in anyhow.
        """
        group = await self._chat.groups.current(user) if user else None
        if user is None or group is None or group.room_id != standing.room_id:
            raise NotRestoredError("room_gone")
        if backlog:
            await self._chat.sign_ins.renew(user, connection_id)

    async def _undo(self, connection_id: ConnectionId) -> None:
        self._chat.recoveries.drop(connection_id)
        self._hub.unregister(connection_id)
        sign_ins, rooms = self._chat.sign_ins, self._chat.rooms
        # Its members have their grace, in which the client joins anew.
        for losing in (sign_ins.depart(connection_id, is_lost=True), rooms.lose(connection_id)):
            try:
                await losing
            except AppError:
                log.exception("internal_error")  # the reaper tries again


def _shown_pid(auth: Any) -> str | None:
    pid = auth.get("pid") if isinstance(auth, dict) else None
    if not isinstance(pid, str) or len(pid) > _MAX_PID_CHARS or auth.get("recover") is False:
        return None
    return pid


def _moved(standing: Standing, backlog: Backlog | None) -> Standing:
    """How it stands now: after another drop, nothing before counts."""
    return structs.replace(standing, place=backlog.start.place) if backlog else standing
