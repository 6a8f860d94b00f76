"""From an event on the wire to a handler of an API, and back to its acknowledgement."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from socketio import exceptions

from server.core.chat import Chat
from server.core.clock import Clock
from server.core.errors import AppError, Code
from server.core.events import (
    ConnectionEvent,
    SignedIn,
    SignedOut,
    SignInEnded,
    SignInExpired,
)
from server.core.identity import User
from server.core.limits import Rate
from server.core.rates import Meter
from server.logs import request_id
from server.transports.api import Access, Action, Answer, Api, Caller
from server.transports.decode import Decoder
from server.transports.errors import error_body, word
from server.transports.http import bearer_in
from server.transports.metrics import Metrics
from server.transports.socketio.outgoing import Outgoing
from server.transports.socketio.plain import Reply
from server.transports.socketio.session import EngineSocket

log = logging.getLogger("hushwire.socketio")

MAX_REFUSALS = 200
"""Events over the rate, one after the other, after which a connection is cut."""

Claim = tuple[Api, Action]
Step = Callable[[EngineSocket, Caller, Action, Any], Awaitable[None] | None]
Encode = Callable[[Iterable[tuple[str, Any]]], tuple[Outgoing, ...]]


def _nothing(*_: object) -> None:
    """Is to be done."""


class Means(Struct, frozen=True, kw_only=True):
    """What actions are run by, in whichever namespace.

    Attributes:
        rate: Of all events of one line; None for no limit.
    """

    chat: Chat
    decoder: Decoder
    metrics: Metrics
    clock: Clock
    rate: Rate | None


class Acting:
    """Runs the actions of a namespace. Whatever an event is, it is answered.

    Args:
        apis: Those that are in the namespace, one or more; an event that there is not is refused
            in the words of the first.
        encode: Makes the packets of events for one connection.
        before: Called with each request that is about to be handled.
        after: Called with each result that is about to be acknowledged.
    """

    def __init__(
        self,
        apis: Sequence[Api],
        means: Means,
        encode: Encode,
        before: Step = _nothing,
        after: Step = _nothing,
    ) -> None:
        self._actions, self._choices = _claims(apis)
        self._unknown: tuple[Api, None] = (apis[0], None)
        self._before = before
        self._after = after
        self._encode = encode
        self._chat = means.chat
        self._decoder = means.decoder
        self._metrics = means.metrics
        self._clock = means.clock
        self._rate = means.rate

    # --- at the door ---

    async def admit(self, line: EngineSocket, auth: Any) -> User | None:
        """Let a client into the namespace: the first time on a line, then at the rate of events.

        Returns:
            Whom the handshake's token names, which may have run out; None without a token.

        Raises:
            AppError: RATE_LIMITED; UNAVAILABLE. What is told then is in `refusal_of`.
            ConnectionRefusedError: It showed a token that is not good, or is gone already.
        """
        if line.meter:
            line.meter.spend()
        elif self._rate:
            line.meter = Meter(self._rate, self._clock)
        user = await self._user_of(_shown(line, auth))
        if line.is_closed:
            raise exceptions.ConnectionRefusedError
        return user

    async def _user_of(self, token: Any) -> User | None:
        if token is None:
            return None
        try:
            if isinstance(token, str):
                return await self._chat.tokens.read(token)
            raise AppError(Code.UNAUTHENTICATED, "auth.token must be text, or absent")
        except AppError as error:
            if error.code is Code.UNAVAILABLE:
                raise
            self._metrics.refused(error.code)
            raise exceptions.ConnectionRefusedError(
                error.message, {"code": word(error.code)}
            ) from None

    def refusal_of(self, line: EngineSocket, error: AppError) -> exceptions.ConnectionRefusedError:
        """What a client is told that may not come in for this."""
        self._metrics.refused(error.code)
        if error.code is Code.UNAVAILABLE:
            # Official clients come back by themselves after this, not after a refusal.
            line.shut(error.code)
        return exceptions.ConnectionRefusedError()

    # --- events ---

    async def run(self, line: EngineSocket, caller: Caller | None, data: Sequence[Any]) -> Reply:
        """Run an action; whatever comes, there is an answer. Only the first argument counts.

        Args:
            caller: None if the connection is just closing.
        """
        started = time.perf_counter()
        event, payload = data[0], data[1] if len(data) > 1 else None
        api, action = self._actions.get(event, self._unknown)
        if event in self._choices:
            api, action = self._chosen(event, payload)
        code: Code | None = None
        try:
            if line.meter:
                line.meter.spend()
            if action is None:
                raise AppError(Code.UNKNOWN_EVENT, "there is no such event")
            caller = _checked(caller, action.access)
            caller.wants_answer = line.wants_answer
            request = self._decoder.request(action.request, payload)
            if waiting := self._before(line, caller, action, request):
                await waiting
            result = await action.handler(self._chat, caller, request)
            if waiting := self._after(line, caller, action, result):
                await waiting
            answer = action.render(request, result)
        except AppError as error:
            code = error.code
            answer = _refusal(api, error, line)
        except Exception:  # the outermost frame: whatever it is, the client gets an answer
            log.exception("internal_error")
            code = Code.INTERNAL
            report = f"something went wrong here; report it as {request_id()}"
            answer = _refusal(api, AppError(Code.INTERNAL, report), line)
        events = () if line.is_closed else self._encode(answer.emits)
        if code or line.refusals:
            self._cut_if_flooding(line, code)
        self._observe(event if action else "unknown", code, time.perf_counter() - started)
        return Reply(events, answer.ack)

    def _chosen(self, event: str, payload: Any) -> Claim:
        """Whose event it is, by what its payload has."""
        said = payload if isinstance(payload, dict) else {}
        for api, action in self._choices[event]:
            if any(field in said for field in action.if_field):
                return api, action
        return self._actions[event]

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


def _claims(apis: Sequence[Api]) -> tuple[dict[str, Claim], Mapping[str, Sequence[Claim]]]:
    """Whose each event is, and of those that several claim, whose it is by its payload.

    Raises:
        ValueError: Nothing tells whose an event is.
    """
    plain: dict[str, Claim] = {}
    choices: dict[str, list[Claim]] = {}
    for api in apis:
        for name, action in api.actions.items():
            if action.if_field:
                choices.setdefault(name, []).append((api, action))
            elif name in plain:
                raise ValueError(f"{name} is claimed by {plain[name][0].name} and {api.name}")
            else:
                plain[name] = api, action
    actions = {name: some[0] for name, some in choices.items()} | plain
    # Who alone claims an event hears of it whatever is in it, and says what is missing.
    return actions, {name: some for name, some in choices.items() if actions[name] != some[-1]}


def _checked(caller: Caller | None, access: Access) -> Caller:
    if caller is None:
        raise AppError(Code.UNAVAILABLE, "this connection is closing")
    if access is not Access.OPEN:
        caller.check(access)
    return caller


def _shown(line: EngineSocket, auth: Any) -> Any:
    """The token that a client shows: as such or as a header has it, or in the header itself."""
    token = auth.get("token") if isinstance(auth, dict) else None
    if isinstance(token, str):
        bare = bearer_in(token)
        token = token if bare is None else bare
    if token is None or token == "":
        token = line.bearer or None
    return token


def _refusal(api: Api, error: AppError, line: EngineSocket) -> Answer[dict[str, Any]]:
    body = error_body(error, api.words)
    told = (api.error_event, None if line.wants_answer else api.unasked_event)
    return Answer({"success": False, **body}, tuple((name, body) for name in told if name))


async def or_log(doing: Awaitable[None]) -> None:
    """At the outermost frame: whatever fails, what comes after it is done all the same."""
    try:
        await doing
    except AppError as error:  # the store is away, and will be told again
        log.warning("not_told_yet", extra={"fields": {"code": error.code.word}})
    except Exception:
        log.exception("internal_error")


def sign(caller: Caller, line: EngineSocket, event: ConnectionEvent) -> None:
    """Have a caller speak for whom its sign-in says; where that has ended, so does the line."""
    if isinstance(event, SignedIn):
        caller.user, caller.has_run_out = event.user, False
    elif isinstance(event, SignInExpired):
        caller.user, caller.has_run_out = None, True
    elif isinstance(event, SignedOut):
        caller.user = None
    elif isinstance(event, SignInEnded):
        caller.user = None
        # The transport, and not the connection: so clients ask again, and are told why.
        line.shut(Code.UNAUTHENTICATED)
