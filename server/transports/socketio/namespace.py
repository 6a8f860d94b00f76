"""From an event on the wire to a handler of an API, and back to its acknowledgement."""

import logging
import time
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

from socketio import exceptions

from server.core.chat import Chat
from server.core.clock import Clock
from server.core.errors import AppError, Code
from server.core.events import MessageSent
from server.core.identity import User
from server.core.ids import ConnectionId, MessageId
from server.core.limits import Rate
from server.core.rates import Meter
from server.logs import request_id
from server.transports.api import Access, Action, Answer, Api, Caller
from server.transports.decode import Decoder
from server.transports.errors import error_body, word
from server.transports.metrics import Metrics
from server.transports.socketio.fanout import NAMESPACE, Hub
from server.transports.socketio.plain import Reply
from server.transports.socketio.recovery import Recovery, Returned
from server.transports.socketio.server import PlainNamespace, SocketServer
from server.transports.socketio.session import EngineSocket
from server.transports.websocket import ABNORMAL

log = logging.getLogger("hushwire.socketio")

MAX_REFUSALS = 200
"""Events over the rate, one after the other, after which a connection is cut."""


class ApiNamespace(PlainNamespace):
    """Runs the actions of the APIs. Whatever an event is, it is answered.

    Args:
        recovery: Restores connections after a drop.
        rate: Of all events of one connection; None for no limit.
    """

    server: SocketServer

    def __init__(
        self,
        apis: Iterable[Api],
        *,
        chat: Chat,
        hub: Hub,
        recovery: Recovery,
        decoder: Decoder,
        metrics: Metrics,
        clock: Clock,
        rate: Rate | None,
    ) -> None:
        super().__init__(NAMESPACE)
        self._actions: dict[str, tuple[Api, Action]] = {
            name: (api, action) for api in apis for name, action in api.actions.items()
        }
        self._unknown: tuple[Api, None] = (next(iter(apis)), None)
        self._chat = chat
        self._hub = hub
        self._recovery = recovery
        self._recoveries = chat.recoveries
        self._recoveries.subscribe(self._superseded)
        self._decoder = decoder
        self._metrics = metrics
        self._clock = clock
        self._rate = rate
        self._arriving: dict[ConnectionId, User] = {}  # until they have their CONNECT

    async def trigger_event(self, event: str, *args: Any) -> Any:
        """Called by the library for every event of a client, and for its going."""
        connection_id = ConnectionId(args[0])
        if event == "disconnect":
            return await self._disconnected(connection_id, args[1])
        line = self._hub.line_of(connection_id)
        if line is None:
            return self.server.not_handled
        reply = await self.act(line, (event, *args[1:]))
        if reply.events:
            line.answer(*reply.events)
        return reply.ack

    async def admit(self, line: EngineSocket, auth: Any) -> dict[str, str]:
        """Let a client in: once on each line, then at the rate of events.

        Raises:
            ConnectionRefusedError: It is over its rate, or showed a token that is not good.
        """
        try:
            if line.meter:
                line.meter.spend()
            elif self._rate:
                line.meter = Meter(self._rate, self._clock)
            user = await self._user_of(auth, line)
            if line.is_closed:
                raise exceptions.ConnectionRefusedError
            returned = await self._recovery.restore(auth, user, line)
        except AppError as error:
            self._metrics.refused(error.code)
            if error.code is Code.UNAVAILABLE:
                # Official clients come back by themselves after this, not after a refusal.
                line.shut(error.code)
            raise exceptions.ConnectionRefusedError from None
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

    async def _user_of(self, auth: Any, line: EngineSocket) -> User | None:
        """Whom the handshake's token names, which may have run out; None without a token."""
        token = auth.get("token") if isinstance(auth, dict) else None
        if token is None or token == "":
            return None
        try:
            if isinstance(token, str):
                return await self._chat.tokens.read(token)
            raise AppError(Code.UNAUTHENTICATED, "auth.token must be text, or absent")
        except AppError as error:
            self._metrics.refused(error.code)
            if error.code is Code.UNAVAILABLE:
                # Official clients come back by themselves after this, not after a refusal.
                line.shut(error.code)
                return None
            raise exceptions.ConnectionRefusedError(
                error.message, {"code": word(error.code)}
            ) from None

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

    async def _disconnected(self, connection_id: ConnectionId, reason: str) -> None:
        log.debug("disconnected", extra={"fields": {"reason": reason}})
        is_lost = reason != self.server.reason.CLIENT_DISCONNECT
        rooms = self._chat.rooms
        try:
            # If it goes on in another process, the stores leave it there, and forget it here.
            is_lost = not await self._has_ended(connection_id, is_lost=is_lost) or is_lost
            await _or_log(rooms.lose(connection_id) if is_lost else rooms.leave_all(connection_id))
            await _or_log(self._chat.sign_ins.depart(connection_id, is_lost=is_lost))
        finally:
            self._arriving.pop(connection_id, None)
            self._hub.unregister(connection_id)

    async def _has_ended(self, connection_id: ConnectionId, *, is_lost: bool) -> bool:
        """Whether a connection has ended with its line; else it goes on in another process."""
        try:
            return await self._recoveries.end(connection_id, is_lost=is_lost)
        except AppError:  # better lost twice than a ghost for ever
            return True

    async def act(self, line: EngineSocket, data: Sequence[Any]) -> Reply:
        """Run an action; whatever comes, there is an answer. Only the first argument counts."""
        started = time.perf_counter()
        event, payload = data[0], data[1] if len(data) > 1 else None
        api, action = self._actions.get(event, self._unknown)
        code: Code | None = None
        try:
            if line.meter:
                line.meter.spend()
            if action is None:
                raise AppError(Code.UNKNOWN_EVENT, "there is no such event")
            caller = _caller(line, action.access)
            request = self._decoder.request(action.request, payload)
            if caller.behind:
                await self._hub.catching_up.caught_up(caller)
            may_repeat = line.unsure or line.said
            caller.repeated = _repeated(line, action, request) if may_repeat else None
            result = await action.handler(self._chat, caller, request)
            if action.repeats:
                _note_said(line, result)
            if caller.connection_id in self._recoveries.stale:
                # Before the answer: what the client knows must survive this process.
                with self._hub.catching_up.held(caller):
                    await self._recoveries.save(caller.connection_id)
            answer = action.render(request, result)
        except AppError as error:
            code = error.code
            answer = _refusal(api, error)
        except Exception:  # the outermost frame: whatever it is, the client gets an answer
            log.exception("internal_error")
            code = Code.INTERNAL
            report = f"something went wrong here; report it as {request_id()}"
            answer = _refusal(api, AppError(Code.INTERNAL, report))
        events = () if line.is_closed else self._hub.encode(answer.emits)
        if code or line.refusals:
            self._cut_if_flooding(line, code)
        self._observe(event if action else "unknown", code, time.perf_counter() - started)
        return Reply(events, answer.ack)

    def _cut_if_flooding(self, line: EngineSocket, code: Code | None) -> None:
        """Cut a connection that goes on and on over its rate."""
        line.refusals = line.refusals + 1 if code is Code.RATE_LIMITED else 0
        if line.refusals >= MAX_REFUSALS:
            line.shut(Code.RATE_LIMITED)

    def _observe(self, event: str, code: Code | None, seconds: float) -> None:
        self._metrics.traffic.handled(event, seconds)
        if code:
            self._metrics.refused(code)
        # Metrics tell of refusals: a line for each would let a client fill the disk.
        if log.isEnabledFor(logging.DEBUG):
            word = code.word if code else "ok"
            fields = {"name": event, "code": word, "ms": round(seconds * 1000, 2)}
            log.debug("socket_event", extra={"fields": fields})


def _caller(line: EngineSocket, access: Access) -> Caller:
    if line.caller is None:
        raise AppError(Code.UNAVAILABLE, "this connection is closing")
    if access is not Access.OPEN:
        line.caller.check(access)
    return line.caller


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


async def _or_log(doing: Awaitable[None]) -> None:
    """At the outermost frame: whatever fails, what comes after it is done all the same."""
    try:
        await doing
    except AppError as error:  # the store is away, and will be told again
        log.warning("not_told_yet", extra={"fields": {"code": error.code.word}})
    except Exception:
        log.exception("internal_error")


def _refusal(api: Api, error: AppError) -> Answer[dict[str, Any]]:
    body = error_body(error, api.words)
    emits = ((api.error_event, body),) if api.error_event else ()
    return Answer({"success": False, **body}, emits)
