"""The main namespace: who comes, comes back and goes, and what its events need besides."""

import logging
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

from server.core.errors import AppError, Code
from server.core.events import MessageSent
from server.core.identity import User
from server.core.ids import ConnectionId, MessageId
from server.transports.api import Action, Api, Caller
from server.transports.socketio.acting import Acting, Means, or_log
from server.transports.socketio.fanout import NAMESPACE, Hub
from server.transports.socketio.plain import Reply
from server.transports.socketio.plain_namespace import PlainNamespace
from server.transports.socketio.recovery import Recovery, Returned
from server.transports.socketio.server import SocketServer
from server.transports.socketio.session import EngineSocket
from server.transports.websocket import ABNORMAL

log = logging.getLogger("hushwire.socketio")


class ApiNamespace(PlainNamespace):
    """The main namespace, which the APIs share that have live rooms.

    Args:
        recovery: Restores connections after a drop.
    """

    server: SocketServer

    def __init__(self, apis: Iterable[Api], *, hub: Hub, recovery: Recovery, means: Means) -> None:
        super().__init__(NAMESPACE)
        ours = [api for api in apis if NAMESPACE in api.namespaces]
        self._acting = Acting(ours, means, hub.encode, self._before, self._after)
        self._chat = means.chat
        self._hub = hub
        self._recovery = recovery
        self._recoveries = means.chat.recoveries
        self._recoveries.subscribe(self._superseded)
        self._arriving: dict[ConnectionId, User] = {}  # until they have their CONNECT

    async def admit(self, line: EngineSocket, auth: Any) -> dict[str, str]:
        """Let a client in: once on each line, then at the rate of events.

        Raises:
            ConnectionRefusedError: It is over its rate, or showed a token that is not good.
        """
        try:
            user = await self._acting.admit(line, auth)
            returned = await self._recovery.restore(auth, user, line)
        except AppError as error:
            raise self._acting.refusal_of(line, error) from None
        welcome = self._welcome_back(returned, line) if returned else self._begin(auth, line)
        if user:
            self._arriving[ConnectionId(welcome["sid"])] = user
        log.debug("connected")
        return welcome

    def _welcome_back(self, returned: Returned, line: EngineSocket) -> dict[str, str]:
        line.unsure = returned.unsure
        return {"sid": returned.connection_id, "pid": returned.pid}

    def _begin(self, auth: Any, line: EngineSocket) -> dict[str, str]:
        connection_id = ConnectionId(self.server.eio.generate_id())
        can_return = self._recovery.offers(auth, line)
        self._hub.register(Caller(line.address, connection_id), line, can_return=can_return)
        if not can_return:
            return {"sid": connection_id}
        return {"sid": connection_id, "pid": self._recoveries.begin(connection_id, line.sid)}

    async def opened(self, line: EngineSocket) -> None:
        """Sign the client in by its handshake's token, or tell it that the token has run out.

        One that has returned after a drop is then told what it has missed. Whom the store cannot
        note now has to come back.
        """
        if line.caller is None:
            return
        try:
            await self._settle_in(line, line.caller.connection_id)
        except AppError:
            line.shut(Code.UNAVAILABLE)

    async def _settle_in(self, line: EngineSocket, connection_id: ConnectionId) -> None:
        if user := self._arriving.pop(connection_id, None):
            await self._chat.sign_ins.open(user, connection_id)
        if not await self._hub.bring_up(connection_id):
            # It was put out of a group while it returned, and takes itself for a member.
            await self._recoveries.end(connection_id, is_lost=False)
            line.shut(Code.UNAVAILABLE)
        elif connection_id in self._recoveries.stale:
            await self._recoveries.save(connection_id)

    def _superseded(self, connection_id: ConnectionId) -> None:
        """The client has come back to another process: of its former line nothing counts."""
        if line := self._hub.line_of(connection_id):
            line.lost(ABNORMAL)

    async def gone(self, connection_id: ConnectionId, reason: str) -> None:
        log.debug("disconnected", extra={"fields": {"reason": reason}})
        is_lost = reason != self.server.reason.CLIENT_DISCONNECT
        rooms = self._chat.rooms
        try:
            # If it goes on in another process, the stores leave it there, and forget it here.
            is_lost = not await self._has_ended(connection_id, is_lost=is_lost) or is_lost
            await or_log(rooms.lose(connection_id) if is_lost else rooms.leave_all(connection_id))
            await or_log(self._chat.sign_ins.depart(connection_id, is_lost=is_lost))
        finally:
            self._arriving.pop(connection_id, None)
            self._hub.unregister(connection_id)

    async def _has_ended(self, connection_id: ConnectionId, *, is_lost: bool) -> bool:
        """Whether a connection has ended with its line; else it goes on in another process."""
        try:
            return await self._recoveries.end(connection_id, is_lost=is_lost)
        except AppError:  # better lost twice than a ghost for ever
            return True

    def line_of(self, connection_id: ConnectionId) -> EngineSocket | None:
        """The line of a client who is in this namespace, which may just have closed."""
        return self._hub.line_of(connection_id)

    def caller_on(self, line: EngineSocket) -> Caller | None:
        """Who is in this namespace by a line."""
        return line.caller

    def act(self, line: EngineSocket, data: Sequence[Any]) -> Awaitable[Reply]:
        """Run an action; whatever comes, there is an answer."""
        return self._acting.run(line, line.caller, data)

    def _before(
        self, line: EngineSocket, caller: Caller, action: Action, request: Any
    ) -> Awaitable[None] | None:
        may_repeat = line.unsure or line.said
        caller.repeated = _repeated(line, action, request) if may_repeat else None
        if action.ends_recovery:
            return self._end_recovery(caller)
        return self._hub.catching_up.caught_up(caller) if caller.behind else None

    async def _end_recovery(self, caller: Caller) -> None:
        await self._recoveries.end(caller.connection_id, is_lost=False)

    def _after(
        self, line: EngineSocket, caller: Caller, action: Action, result: Any
    ) -> Awaitable[None] | None:
        if action.repeats:
            _note_said(line, result)
        return self._save(caller) if caller.connection_id in self._recoveries.stale else None

    async def _save(self, caller: Caller) -> None:
        # Before the answer: what the client knows must survive this process.
        with self._hub.catching_up.held(caller):
            await self._recoveries.save(caller.connection_id)


def _repeated(line: EngineSocket, action: Action, request: Any) -> MessageId | None:
    """Which message a request says again that may not have been answered when it was made.

    Clients with `retries` say again, byte by byte, what had no answer in time, and first of all
    when they come back after a drop.
    """
    repeats = action.repeats
    if repeats is None:
        return None
    found = [said for said in line.unsure.values() if repeats(request, said)]
    came_before = line.said_before is not None and line.said_count > line.said_before
    if line.said and came_before and repeats(request, line.said):
        found.append(line.said)
    return found[0].message_id if found and line.wants_answer else None


def _note_said(line: EngineSocket, said: MessageSent) -> None:
    if line.unsure:
        line.unsure.pop(said.room_id, None)
    line.said_count += 1
    line.said = said if line.is_awaited or line.inbox.waiting() else None
