"""The namespace `/chat`: who comes and goes. Nothing of a live room is in it."""

import logging
from collections.abc import Awaitable, Sequence
from typing import Any

from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import ConnectionId
from server.core.signins import SignIns
from server.transports.api import CHAT, Api, Caller
from server.transports.socketio.acting import Acting, Means, or_log
from server.transports.socketio.people import PeopleLines
from server.transports.socketio.plain import Reply
from server.transports.socketio.plain_namespace import PlainNamespace
from server.transports.socketio.server import SocketServer
from server.transports.socketio.session import EngineSocket

log = logging.getLogger("hushwire.socketio")


class ChatNamespace(PlainNamespace):
    """People in workspaces. A connection that drops is not restored: its client joins again.

    Args:
        apis: Those that are in it, one or more.
        people: Its connections.
        sign_ins: Of these connections.
    """

    server: SocketServer

    def __init__(
        self, apis: Sequence[Api], *, people: PeopleLines, sign_ins: SignIns, means: Means
    ) -> None:
        super().__init__(CHAT)
        self._acting = Acting(apis, means, people.encode)
        self._people = people
        self._sign_ins = sign_ins
        self._callers: dict[str, Caller] = {}  # by the ids of their lines
        self._arriving: dict[ConnectionId, User] = {}  # until they have their CONNECT

    async def admit(self, line: EngineSocket, auth: Any) -> dict[str, str]:
        """Let a client in.

        Raises:
            ConnectionRefusedError: It is over its rate, or showed a token that is not good.
        """
        try:
            user = await self._acting.admit(line, auth)
        except AppError as error:
            raise self._acting.refusal_of(line, error) from None
        caller = Caller(line.address, ConnectionId(self.server.eio.generate_id()))
        self._callers[line.sid] = caller
        self._people.register(caller, line)
        if user:
            self._arriving[caller.connection_id] = user
        return {"sid": caller.connection_id}

    async def opened(self, line: EngineSocket) -> None:
        """Sign the client in by its handshake's token, or tell it that the token has run out.

        Whom the store cannot note now has to come back.
        """
        caller = self._callers.get(line.sid)
        user = self._arriving.pop(caller.connection_id, None) if caller else None
        try:
            if caller and user:
                await self._sign_ins.open(user, caller.connection_id)
        except AppError:
            line.shut(Code.UNAVAILABLE)

    def line_of(self, connection_id: ConnectionId) -> EngineSocket | None:
        """The line of a client who is in this namespace, which may just have closed."""
        return self._people.line_of(connection_id)

    def caller_on(self, line: EngineSocket) -> Caller | None:
        """Who is in this namespace by a line."""
        return self._callers.get(line.sid)

    def act(self, line: EngineSocket, data: Sequence[Any]) -> Awaitable[Reply]:
        """Run an action; whatever comes, there is an answer."""
        return self._acting.run(line, self._callers.get(line.sid), data)

    async def gone(self, connection_id: ConnectionId, reason: str) -> None:
        log.debug("disconnected", extra={"fields": {"reason": reason}})
        is_lost = reason != self.server.reason.CLIENT_DISCONNECT
        try:
            await or_log(self._sign_ins.depart(connection_id, is_lost=is_lost))
        finally:
            self._arriving.pop(connection_id, None)
            if known := self._people.unregister(connection_id):
                self._callers.pop(known.line.sid, None)
