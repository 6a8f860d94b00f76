"""One raw WebSocket: what it is told and what it says, its pings and its end."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from server.core.errors import Code
from server.core.identity import User
from server.core.limits import BYTES_AN_EVENT
from server.core.rates import Meter
from server.core.user_events import MailWaits, UserEvent
from server.transports.api import Api, Caller
from server.transports.errors import CLOSE_CODE
from server.transports.frames import PING_OPCODE, frame
from server.transports.raw.mailbox import Mailbox
from server.transports.raw.pump import Pump
from server.transports.socketio.inbox import Inbox
from server.transports.websocket import ABNORMAL, HIGH_WATER_BYTES, NORMAL, WebSocket

log = logging.getLogger("hushwire.raw")

MAX_WAITING = 8
"""Frames of one client that wait while one before them is handled, before no more are read."""

MAX_ASIDE = 256
"""Acknowledgements of one client that are under way."""

NO_PONG = 1011

_PING = frame(PING_OPCODE, b"")


class Lines(Protocol):
    """What has all lines; nothing here raises but `begin` and `hear`.

    Attributes:
        ping_interval_s, ping_timeout_s: As the settings have it.
    """

    ping_interval_s: float
    ping_timeout_s: float

    def admit(self, line: "RawLine") -> None:
        """It has opened."""

    def due(self, line: "RawLine", delay_s: float) -> None:
        """Have `on_time` called after a delay."""

    async def begin(self, line: "RawLine") -> None:
        """Sign it in, and tell it what waits."""

    async def hear(self, line: "RawLine", message: str | bytes) -> None:
        """Handle what the client said."""

    def forget(self, line: "RawLine", close_code: int) -> None:
        """It has closed."""

    async def depart(self, line: "RawLine") -> None:
        """All that it said is handled, and it has closed."""

    def refused(self, code: Code) -> None:
        """Count what it is closed for."""

    def sent(self, size_bytes: int) -> None:
        """Count what is written to one alone."""


class RawLine:
    """A client of a raw WebSocket: one device of one user.

    Attributes:
        api: Whose words it speaks.
        user: By its last good token: always the same device of the same user.
        meter: Of what it asks for; None for no limit.
        refusals: Of its last frames, one after the other, for their rate.
        mailbox: What it is told of its mail; set by whoever has all lines.
        is_muted: Its token has run out: it is told nothing until it shows another.
        wakes: Events after which there may be something that it was not told.
        turn: The wheel's.
    """

    __slots__ = (
        "_asides",
        "_awaits_pong",
        "_connection",
        "_has_room",
        "_is_holding",
        "_lines",
        "_pongs",
        "_waiting_bytes",
        "address",
        "api",
        "caller",
        "inbox",
        "is_closed",
        "is_muted",
        "mailbox",
        "meter",
        "refusals",
        "turn",
        "user",
        "wakes",
    )

    def __init__(
        self,
        lines: Lines,
        api: Api,
        caller: Caller,
        user: User,
        meter: Meter | None,
    ) -> None:
        self._lines = lines
        self.api = api
        self.address = caller.address
        self.user = user
        self.caller = caller
        self.meter = meter
        self.refusals = 0
        self.mailbox: Mailbox | Pump
        wakes = api.socket.wakes if api.socket else ()
        self.wakes: tuple[type[UserEvent], ...] = (MailWaits, *wakes)
        self.inbox = Inbox(self._failed)
        self.is_muted = False
        self.is_closed = False
        self._asides: set[asyncio.Task[None]] = set()
        self.turn: int | None = None
        self._connection: WebSocket | None = None
        self._awaits_pong = False
        self._pongs = 0
        self._waiting_bytes = 0  # of what its client sent
        self._is_holding = False  # the WebSocket, until its frames are handled
        self._has_room: asyncio.Event | None = None

    # --- opening ---

    def opened(self, connection: WebSocket) -> None:
        self._connection = connection
        self._lines.admit(self)
        self._lines.due(self, self._lines.ping_interval_s)
        self.inbox.put(self._lines.begin, self)

    # --- sending ---

    def send(self, frames: bytes) -> None:
        """Send what others caused; a reader that is too slow for it is cut off."""
        if self._connection:
            self._connection.write(frames)

    def answer(self, frames: Sequence[bytes]) -> None:
        """Send what the client asked for; nothing more of it is handled until it took that."""
        size_bytes = sum(map(len, frames))
        self._lines.sent(size_bytes)
        if size_bytes >= BYTES_AN_EVENT and self.meter:
            self.meter.charge(size_bytes)
        if self._connection and frames:
            self._connection.answer(b"".join(frames))
            if self._connection.is_full:
                self.inbox.hold()
                self._connection.hold()

    def tell(self, frames: bytes) -> None:
        """Send what waited for the client, as much as that is: call `has_room` before more."""
        if self._connection:
            self._connection.answer(frames)

    async def has_room(self) -> None:
        """Wait until the client has taken most of what was sent, or is gone."""
        while self._connection and self._connection.is_full:
            self._has_room = self._has_room or asyncio.Event()
            await self._has_room.wait()

    def drained(self) -> None:
        if self._awaits_pong:
            # The ping has left only now.
            self._lines.due(self, self._lines.ping_timeout_s)
        self._let_on()
        self.inbox.release()
        if self._connection and not self._is_holding:
            self._connection.release()

    def _let_on(self) -> None:
        if self._has_room:
            self._has_room.set()
            self._has_room = None

    # --- receiving ---

    def received(self, message: str | bytes) -> None:
        if self.is_closed:
            return
        self._waiting_bytes += len(message)
        self.inbox.put(self._hear, message)
        is_much = self.inbox.waiting() >= MAX_WAITING or self._waiting_bytes > HIGH_WATER_BYTES
        if is_much and self._connection and not self._is_holding and not self.inbox.is_idle:
            self._is_holding = True
            self._connection.hold()
            self.inbox.put(self._read_on)

    async def _hear(self, message: str | bytes) -> None:
        try:
            await self._lines.hear(self, message)
        finally:
            self._waiting_bytes -= len(message)

    async def aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something done beside what comes after it; wait only if there is too much of it."""
        while len(self._asides) >= MAX_ASIDE:
            await asyncio.wait(self._asides, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)

    async def _read_on(self) -> None:
        """What was read before is handled."""
        self._is_holding = False
        if self._connection:
            self._connection.release()

    def _failed(self, error: BaseException) -> None:
        """A fault of ours ends the line that it happened to, and no other."""
        log.error("internal_error", exc_info=error)
        self.shut(Code.INTERNAL)

    # --- pings ---

    def on_time(self) -> None:
        """Ping, or give up a client that did not answer the last one."""
        connection, lines = self._connection, self._lines
        if connection is None:
            return
        if not self._awaits_pong:
            self._awaits_pong = True
            self._pongs = connection.pongs
            connection.write(_PING)
            lines.due(self, lines.ping_timeout_s)
        elif connection.pongs > self._pongs:
            self._awaits_pong = False
            lines.due(self, max(0.0, lines.ping_interval_s - lines.ping_timeout_s))
        elif connection.is_full:
            # The ping may not have left yet; whether anything leaves, the connection sees to.
            lines.due(self, lines.ping_timeout_s)
        else:
            self._end(NO_PONG, "no answer to a ping")

    # --- the end ---

    def lost(self, code: int) -> None:
        self._end(code)

    def shut(self, code: Code, reason: str = "") -> None:
        """Close with the close code of `code`; what the client still sent is dropped."""
        if not self.is_closed:
            self._lines.refused(code)
            self.inbox.drop()
            self._end(CLOSE_CODE.get(code, NORMAL), reason)

    def retire(self) -> None:
        """Have the client come back elsewhere, once what it sent is handled and answered."""
        self.inbox.put(self._retire)

    async def _retire(self) -> None:
        self.shut(Code.UNAVAILABLE, "this process is stopping; connect again")

    def _end(self, close_code: int, reason: str = "") -> None:
        if self.is_closed:
            return
        self.is_closed = True
        connection, self._connection = self._connection, None
        self._lines.forget(self, close_code if connection else ABNORMAL)
        if connection:
            connection.close(close_code, reason)
        self._let_on()
        self.inbox.release()
        self.inbox.put(self._lines.depart, self)


class TurnedAway:
    """A client whose handshake is answered, to be told in its close frame why it may not stay.

    Browsers show pages no answer to a handshake that is refused.
    """

    __slots__ = ("_code", "_reason")

    def __init__(self, code: Code, reason: str) -> None:
        self._code = code
        self._reason = reason

    def opened(self, connection: WebSocket) -> None:
        connection.close(CLOSE_CODE[self._code], self._reason)

    def received(self, message: str | bytes) -> None:
        """It is not heard."""

    def drained(self) -> None:
        """There is no more to send."""

    def lost(self, code: int) -> None:
        """It was never here."""
