"""The raw WebSockets of the APIs: who may open one, and from a frame to a handler and back."""

import asyncio
import functools
import logging
import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Literal, TypedDict

from aiohttp import web
from msgspec import Struct

from server.core.chat import Chat
from server.core.clock import Clock, iso_utc
from server.core.errors import AppError, Code
from server.core.events import (
    ConnectionEvent,
    SignedIn,
    SignedOut,
    SignInEnded,
    SignInExpired,
)
from server.core.identity import User
from server.core.ids import ConnectionId, UserId
from server.core.limits import Rate
from server.core.rates import Meter
from server.core.signins import SignIns
from server.logs import request_id
from server.transports.api import (
    Access,
    Api,
    Caller,
    Frame,
    Handler,
    IsoTime,
    RawSocket,
    Token,
    Words,
)
from server.transports.decode import Decoder, to_json_bytes
from server.transports.errors import CLOSE_CODE, frame_error
from server.transports.frames import TEXT_OPCODE, frame
from server.transports.metrics import Metrics
from server.transports.raw.hub import UserHub
from server.transports.raw.line import RawLine, TurnedAway
from server.transports.raw.said import Said, read
from server.transports.raw.tokens import SUBPROTOCOL, cookie_of, token_of
from server.transports.socketio.gate import Gate
from server.transports.upgrade import Upgrades, is_wanted
from server.transports.websocket import User as SocketUser
from server.transports.wheel import Wheel

log = logging.getLogger("hushwire.raw")

MAX_REFUSALS = 200
"""Frames over the rate, one after the other, after which a connection is cut."""

MAX_LINES_OF_USER = 64
"""Open at a time in one process, from whatever addresses: each is told all of its mail."""

RENEW = "auth"
"""The frame `{type: "auth", token}`, of every raw WebSocket, goes on with a newer token."""

EXPIRED = 'the token has run out; send {"type": "auth", "token"} within a minute'


class Renew(Struct, frozen=True):
    token: Token


class Renewed(TypedDict):
    """`expiresAt` is null for a token that never runs out."""

    type: Literal["auth_ok"]
    expiresAt: IsoTime | None


class RawOptions(Struct, frozen=True, kw_only=True):
    """How often clients are pinged, and how many frames one may send; None for no limit."""

    ping_interval_s: float
    ping_timeout_s: float
    rate: Rate | None


class RawSockets:
    """The raw WebSockets of this process.

    Args:
        gate: Counts connections by address, together with those of Socket.IO.

    Attributes:
        open_lines: By the ids of their connections.
    """

    def __init__(
        self,
        *,
        chat: Chat,
        hub: UserHub,
        gate: Gate,
        decoder: Decoder,
        metrics: Metrics,
        clock: Clock,
        options: RawOptions,
    ) -> None:
        self._chat = chat
        self._hub = hub
        self._gate = gate
        self._decoder = decoder
        self._metrics = metrics
        self._clock = clock
        self._rate = options.rate
        self._sign_ins: SignIns = chat.socket_sign_ins
        self._sign_ins.subscribe(self._notify)
        self._sign_ins.watch(self)
        self.ping_interval_s = options.ping_interval_s
        self.ping_timeout_s = options.ping_timeout_s
        self._wheel = Wheel(max(0.001, min(self.ping_interval_s, self.ping_timeout_s) / 100))
        self.open_lines: dict[ConnectionId, RawLine] = {}
        self._renewals: dict[str, Frame] = {}

    def serve(self, apis: Iterable[Api], upgrades: Upgrades, router: web.UrlDispatcher) -> None:
        """Have the sockets of these APIs opened."""

        async def after_http(request: web.Request) -> web.StreamResponse:
            if not is_wanted(request.headers):
                raise AppError(Code.INVALID_REQUEST, "open a WebSocket here")
            return await upgrades.open_after_http(request)

        for api in apis:
            if api.socket:
                self._renewals[api.socket.path] = renewal(self._renewed, api.socket)
                opener = functools.partial(self.open, api)
                upgrades.serve(api.socket.path, opener, subprotocol=SUBPROTOCOL)
                router.add_get(api.socket.path, after_http)

    # --- opening ---

    async def open(
        self, api: Api, query: Mapping[str, str], address: str, headers: Mapping[str, str]
    ) -> SocketUser:
        """Whoever is to use a WebSocket: a new line, or nobody that may stay.

        Args:
            query: With what the path names.

        Raises:
            AppError: What `Gate.enter` raises.
        """
        await self._gate.enter(address)
        try:
            user = await self._admitted(api, query, headers)
        except AppError as error:
            self._gate.leave(address)
            self._metrics.refused(error.code)
            code = error.code if error.code in CLOSE_CODE else Code.UNAUTHENTICATED
            return TurnedAway(code, error.message)
        except BaseException:
            self._gate.leave(address)
            raise
        connection_id = ConnectionId(f"raw.{secrets.token_urlsafe(16)}")
        meter = Meter(self._rate, self._clock) if self._rate else None
        line = RawLine(self, api, Caller(address, connection_id), user, meter)
        line.mailbox = self._hub.mailbox(line)
        return line

    async def _admitted(
        self, api: Api, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> User:
        user = await self._shown(api, query, headers)
        if user.is_guest:
            raise AppError(Code.FORBIDDEN, "guests have nothing here; sign in with an account")
        if api.socket and api.socket.is_for_accounts and not user.is_account:
            raise AppError(Code.FORBIDDEN, "sign in with an account of this server")
        if query.get("user_id", user.user_id) != user.user_id:
            raise AppError(Code.FORBIDDEN, "the token is another user's")
        return user

    async def _shown(self, api: Api, query: Mapping[str, str], headers: Mapping[str, str]) -> User:
        """Whose token a handshake shows."""
        if token := token_of(query, headers):
            return await self._chat.tokens.verify(token)
        if api.socket and (token := cookie_of(api.socket.cookie, headers)):
            return await self._chat.tokens.verify_socket(token)
        raise AppError(Code.UNAUTHENTICATED, "connect with a token")

    # --- for the lines ---

    def admit(self, line: RawLine) -> None:
        self.open_lines[line.caller.connection_id] = line

    def due(self, line: RawLine, delay_s: float) -> None:
        self._wheel.set(line, delay_s)

    async def begin(self, line: RawLine) -> None:
        try:
            await self._sign_ins.open(line.user, line.caller.connection_id)
            if line.is_muted:  # just now
                raise AppError(Code.TOKEN_EXPIRED, "the token has run out")
            self._check_place(line.user.user_id)
            if line.is_closed:
                return
            await self._hub.add(line)
            if not (line.is_closed or line.is_muted):
                line.mailbox.resume()
                await self._hub.tell_standing(line)
        except AppError as error:
            line.shut(error.code, error.message)

    def _check_place(self, user_id: UserId) -> None:
        if self._hub.lines_of(user_id) >= MAX_LINES_OF_USER:
            message = f"one user may have {MAX_LINES_OF_USER} connections"
            raise AppError(Code.TOO_MANY_CONNECTIONS, message)

    def forget(self, line: RawLine, close_code: int) -> None:
        self._wheel.drop(line)
        self._hub.remove(line)
        self._gate.leave(line.address)
        if self.open_lines.pop(line.caller.connection_id, None):
            self._metrics.raw_closed(close_code)

    async def depart(self, line: RawLine) -> None:
        await self._sign_ins.depart(line.caller.connection_id, is_lost=True)

    def refused(self, code: Code) -> None:
        self._metrics.refused(code)

    def sent(self, size_bytes: int) -> None:
        self._metrics.traffic.bytes_out += size_bytes

    async def hear(self, line: RawLine, message: str | bytes) -> None:
        """Handle one frame; whatever it is, there is an answer."""
        self._metrics.traffic.bytes_in += len(message)
        said = read(message)
        known = self._frame_of(line.api, said.name)
        if known and known.acknowledges:
            await line.aside(self._handle(line, said, known))
        else:
            await self._handle(line, said, known)

    async def _handle(self, line: RawLine, said: Said, known: Frame | None) -> None:
        started = time.perf_counter()
        code: Code | None = None
        words: tuple[Words, ...]
        try:
            words = await self._answer(line, said, known)
        except AppError as error:
            code = error.code
            words = (frame_error(error, line.api.words),)
        except Exception:  # the outermost frame: whatever it is, the client gets an answer
            log.exception("internal_error")
            code = Code.INTERNAL
            report = f"something went wrong here; report it as {request_id()}"
            words = (frame_error(AppError(code, report), line.api.words),)
        line.answer([_encoded(one, said.ref) for one in words])
        self._cut_if_flooding(line, code)
        self._observe(line.api, said.name if known else "unknown", code, started)

    async def _answer(self, line: RawLine, said: Said, known: Frame | None) -> tuple[Words, ...]:
        is_owed = (
            known is not None and known.acknowledges is not None and line.mailbox.spend_credit()
        )
        if line.meter and not is_owed:
            line.meter.spend()
        if said.problem:
            raise said.problem
        if known is None:
            raise AppError(Code.UNKNOWN_EVENT, "there is no such type of frame")
        if said.name != RENEW:
            self._check_token(line)
            line.caller.check(Access.USER)
        request = self._decoder.request(known.request, said.payload)
        result = await known.handler(self._chat, line.caller, request)
        if known.acknowledges:
            line.mailbox.settle(known.acknowledges(request))
        if known.acknowledges and said.ref is None:
            return ()
        return known.render(request, result)

    def _check_token(self, line: RawLine) -> None:
        """See that it has not run out: sign-ins look at that only now and then.

        Raises:
            AppError: TOKEN_EXPIRED.
        """
        if line.user.is_expired(self._clock.now_ms()):
            raise AppError(Code.TOKEN_EXPIRED, EXPIRED)

    def _frame_of(self, api: Api, name: str) -> Frame | None:
        if api.socket is None:
            return None
        return self._renewals[api.socket.path] if name == RENEW else api.socket.frames.get(name)

    def _cut_if_flooding(self, line: RawLine, code: Code | None) -> None:
        """Cut a connection that goes on and on over its rate."""
        line.refusals = line.refusals + 1 if code is Code.RATE_LIMITED else 0
        if line.refusals >= MAX_REFUSALS:
            line.shut(Code.RATE_LIMITED, "too many frames")

    def _observe(self, api: Api, name: str, code: Code | None, started: float) -> None:
        self._metrics.traffic.handled(f"{api.name}:{name}", time.perf_counter() - started)
        if code:
            self._metrics.refused(code)

    # --- signing in ---

    async def _renewed(self, chat: Chat, caller: Caller, request: Renew) -> User:
        line = self.open_lines.get(caller.connection_id)
        if line is None:
            raise AppError(Code.UNAVAILABLE, "this connection is closing")
        user = await self._chat.tokens.verify(request.token)
        if user.device_id != line.user.device_id:
            raise AppError(Code.FORBIDDEN, "the token is another device's")
        await self._sign_ins.renew(user, caller.connection_id)
        return user

    def _notify(self, event: ConnectionEvent) -> None:
        line = self.open_lines.get(event.connection_id)
        if line is None:
            return
        if isinstance(event, SignInEnded):
            line.shut(Code.UNAUTHENTICATED, event.reason)
        elif isinstance(event, SignedIn):
            line.caller.user = line.user = event.user
            if line.is_muted:
                line.is_muted = False
                line.mailbox.resume()
        elif isinstance(event, SignedOut | SignInExpired):
            line.caller.user = None
            line.is_muted = True
            line.mailbox.pause()
            if isinstance(event, SignInExpired):
                error = AppError(Code.TOKEN_EXPIRED, EXPIRED)
                line.answer([_encoded(frame_error(error, line.api.words))])

    async def arrived(self, user: User, connection_id: ConnectionId) -> None:
        """It hears of its user as soon as it is added to the hub."""

    async def lapsed(self, user_id: UserId, connection_id: ConnectionId) -> None:
        """Its token was not renewed in time."""
        if line := self.open_lines.get(connection_id):
            line.shut(Code.TOKEN_EXPIRED, "the token has run out; connect with a new one")

    async def departed(
        self, user_id: UserId, connection_id: ConnectionId, *, is_lost: bool
    ) -> None:
        """It was forgotten when it closed."""

    # --- the end ---

    async def close_all(self, code: Code) -> None:
        """Close every connection so that clients come back."""
        lines = list(self.open_lines.values())
        for line in lines:
            line.shut(code, "connect again")
        await asyncio.gather(*(line.inbox.idle() for line in lines))

    async def shut_all(self, code: Code) -> None:
        """The same for good."""
        await self.close_all(code)
        self._wheel.stop()


def _encoded(words: Words, ref: str | int | None = None) -> bytes:
    with_ref = words if ref is None else {**words, "ref": ref}
    return frame(TEXT_OPCODE, to_json_bytes(with_ref))


def renewal(handler: Handler, socket: RawSocket) -> Frame:
    """The frame by which clients of a raw WebSocket go on with a newer token."""
    return Frame(
        Renew,
        handler,
        socket.renewed or renewed_words,
        "Go on with a newer token of the same device",
        refusals=(Code.FORBIDDEN,),
        example={"token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"},
    )


def renewed_words(_: object, user: User) -> tuple[Renewed]:
    expiry = None if user.expires_ms is None else iso_utc(user.expires_ms)
    return ({"type": "auth_ok", "expiresAt": expiry},)
