"""One WebSocket connection: messages in, frames out, its bounds and its end.

aiohttp's compiled parser reads the frames; it checks lengths, fragments, reserved bits and
UTF-8. Every byte that goes out passes `_write`: two ways would reorder.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

from aiohttp import WSMsgType

from server.core.errors import Code
from server.transports.errors import CLOSE_CODE
from server.transports.flood import Flood
from server.transports.frames import (
    CLOSE_OPCODE,
    PONG_OPCODE,
    MaskCheck,
    close_frame,
    frame,
    is_close_code,
)
from server.transports.inner import MessageQueue, WebSocketError, frame_parser
from server.transports.stall import StallWatch

log = logging.getLogger("hushwire.socketio")

TEXT, BINARY = WSMsgType.TEXT, WSMsgType.BINARY
PING, PONG, CLOSE = WSMsgType.PING, WSMsgType.PONG, WSMsgType.CLOSE

HIGH_WATER_BYTES = 64 * 1024
"""Unsent bytes from which on a connection is full: its reader is slower than we are."""

CLOSE_LIMIT_S = 1.0
"""For the other side to take what is unsent and to answer our close frame."""

BYTES_A_TURN = 4 * 1024
"""Read of one connection before others have their turn."""

CONTROL_FRAME_WEIGHT = 50
"""Of a ping, in frames: no client needs more than a hundred a second."""

NORMAL = 1000
PROTOCOL_ERROR = 1002
NO_CODE = 1005
ABNORMAL = 1006


class User(Protocol):
    """Who uses a connection. Nothing here waits, and nothing here raises."""

    def opened(self, connection: "WebSocket") -> None:
        """The handshake is done."""

    def received(self, message: str | bytes) -> None:
        """A whole message arrived, text or binary."""

    def drained(self) -> None:
        """All is sent, after the connection was full."""

    def lost(self, code: int) -> None:
        """Somebody else than the user closed it; called once, with the close code."""


class Flusher:
    """Has all that a connection is sent within one turn of the event loop leave in one write."""

    __slots__ = ("_connections", "_loop")

    def __init__(self) -> None:
        # Asking for the running loop is a call of the system, each time.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connections: list[WebSocket] = []

    def add(self, connection: "WebSocket") -> None:
        """Flush a connection at the end of this turn."""
        if not self._connections:
            self._loop = self._loop or asyncio.get_running_loop()
            self._loop.call_soon(self._flush)
        self._connections.append(connection)

    def _flush(self) -> None:
        connections, self._connections = self._connections, []
        for connection in connections:
            try:
                connection.flush()
            except Exception:  # the outermost frame: the others are to hear of it all the same
                log.exception("internal_error")


class WebSocket(asyncio.Protocol):
    """One connection, after its handshake.

    Args:
        flusher: Of this event loop.
        max_message_bytes: Of one message from the client.
        max_unsent_bytes: Who has more unsent, answers apart, is cut off.
        on_cut: Called when it is cut off, with the reason.
        has_rates: Whether too many frames a second end it.
        on_end: Called when the TCP connection is gone.

    Attributes:
        user: Who hears of what happens; may change, as when a probe succeeds.
        is_full: Bytes are unsent, and there were `HIGH_WATER_BYTES` of them.
        pongs: How many have come.
    """

    __slots__ = (
        "_allowance",
        "_flood",
        "_flusher",
        "_is_closing",
        "_is_held",
        "_masks",
        "_max_unsent_bytes",
        "_on_cut",
        "_on_end",
        "_parser",
        "_pending",
        "_pending_answers",
        "_pending_bytes",
        "_stall",
        "_timer",
        "_transport",
        "_unread",
        "is_full",
        "pongs",
        "user",
    )

    def __init__(
        self,
        user: User,
        *,
        flusher: Flusher,
        max_message_bytes: int,
        max_unsent_bytes: int,
        on_cut: Callable[[Code], None],
        has_rates: bool,
        on_end: Callable[["WebSocket"], None],
    ) -> None:
        self.user: User | None = user
        self.is_full = False
        self.pongs = 0
        self._flusher = flusher
        self._on_cut = on_cut
        self._on_end = on_end
        self._max_unsent_bytes = max_unsent_bytes
        self._parser: Any = frame_parser(_Messages(self), max_message_bytes)
        self._masks = MaskCheck()
        self._flood = Flood() if has_rates else None
        self._transport: Any = None
        self._unread = b""
        self._is_held = False
        self._is_closing = False
        self._stall: StallWatch | None = None  # while the connection is full
        self._timer: asyncio.TimerHandle | None = None  # of the end, once that has begun
        self._pending: list[bytes] = []  # written in this turn
        self._pending_bytes = 0
        self._pending_answers = 0
        self._allowance = 0  # unsent bytes of answers, at most

    # --- what the user does ---

    def write(self, frames: bytes) -> None:
        """Send whole frames, or cut the reader off if too much is unsent."""
        self._write(frames)
        if self.is_full and not self._is_closing and self._is_too_much():
            self._cut(Code.SLOW_READER, "too slow; reconnect")

    def answer(self, frames: bytes) -> None:
        """Send what the client asked for: outside the bound, so hold it if then `is_full`."""
        self._pending_answers += len(frames)
        self._write(frames)

    def flush(self) -> None:
        """Write what was sent in this turn."""
        pending, self._pending = self._pending, []
        self._pending_bytes = 0
        if pending and self._transport:
            if self._allowance:
                unsent_bytes = self._transport.get_write_buffer_size()
                self._allowance = min(self._allowance, unsent_bytes) if unsent_bytes else 0
            if self._pending_answers:
                self._allowance += self._pending_answers
                self._pending_answers = 0
            frames = b"".join(pending)
            if self._stall:
                self._stall.wrote(len(frames))
            self._transport.write(frames)

    def hold(self) -> None:
        """Read no more until `release`."""
        self._is_held = True
        self._pause()

    def release(self) -> None:
        self._is_held = False
        if self._unread:
            asyncio.get_running_loop().call_soon(self._read_on)
        else:
            self._resume()

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close in order; the user hears nothing more of it."""
        self.user = None
        self._shut(close_frame(code, reason))

    # --- what the event loop calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.set_write_buffer_limits(high=HIGH_WATER_BYTES, low=0)

    def begin(self, handshake: bytes) -> None:
        """Answer the handshake, in one write with the first frames."""
        self._write(handshake)
        if self.user:
            self.user.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._is_held or self._unread:
            self._unread += data
            self._pause()
        else:
            self._read(data)

    def pause_writing(self) -> None:
        self.is_full = True
        self._stall = StallWatch(self._transport, self._stalled)
        self._stall.begin()

    def resume_writing(self) -> None:
        self.is_full = False
        self._allowance = 0
        self._end_stall()
        if self.user:
            self.user.drained()

    def connection_lost(self, error: Exception | None) -> None:
        self._is_closing = True
        self._transport = self._parser = None
        self._unread = b""
        self._pending.clear()
        self._end_stall()
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._on_end(self)
        self._tell_lost(ABNORMAL)

    # --- reading ---

    def _read(self, data: bytes) -> None:
        if len(data) > BYTES_A_TURN:
            self._unread = data[BYTES_A_TURN:]
            data = data[:BYTES_A_TURN]
            self._pause()
            asyncio.get_running_loop().call_soon(self._read_on)
        if self._parser is None:
            return
        if not self._masks.passes(data):
            self._fail(PROTOCOL_ERROR, "frames of clients are masked")
        elif self._flood and self._flood.is_over(self._masks.begun, time.monotonic()):
            self._cut(Code.RATE_LIMITED, "too many frames")
        else:
            self._parser.feed_data(data)

    def _read_on(self) -> None:
        if self._is_held or not self._unread:
            return
        data, self._unread = self._unread, b""
        self._read(data)
        if not self._unread and not self._is_held:
            self._resume()

    def _pause(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()

    def take(self, kind: WSMsgType, data: Any) -> None:
        """Called by the parser for each message and control frame."""
        if self._is_closing and kind is not CLOSE:
            return
        if kind is TEXT or kind is BINARY:
            if self.user:
                self.user.received(data)
        elif kind is PING:
            self._count_control_frame()
            self.write(frame(PONG_OPCODE, data))
        elif kind is PONG:
            self.pongs += 1
        elif kind is CLOSE:
            self._closed_by_client(data)

    def _count_control_frame(self) -> None:
        if self._flood and self._flood.is_over(CONTROL_FRAME_WEIGHT, time.monotonic()):
            self._cut(Code.RATE_LIMITED, "too many pings")

    def fail(self, error: BaseException) -> None:
        """Called by the parser at bytes that are no frames of clients."""
        self._parser = None
        code = error.code if isinstance(error, WebSocketError) else PROTOCOL_ERROR
        self._fail(code, "")

    # --- the end ---

    def _closed_by_client(self, code: int) -> None:
        if code and not is_close_code(code):
            self._fail(PROTOCOL_ERROR, "no such close code")
            return
        self._shut(close_frame(code) if code else frame(CLOSE_OPCODE, b""))
        if self._transport:
            self._transport.close()
        self._tell_lost(code or NO_CODE)

    def _fail(self, code: int, reason: str) -> None:
        """Close without regard for what the client still sends."""
        self._shut(close_frame(code, reason))
        if self._transport and self._transport.can_write_eof():
            # The other side sees the end at once. To close at once would take the close
            # frame from it, if more bytes of it are under way.
            self._transport.write_eof()
        # Later: whoever is writing to many must not meet what follows in the middle.
        asyncio.get_running_loop().call_soon(self._tell_lost, code)

    def _shut(self, last_frame: bytes) -> None:
        """Say the last word, and give the other side a while to answer it."""
        if self._is_closing:
            return
        self._write(last_frame)
        self.flush()
        self._is_closing = True
        self._is_held = False
        self._unread = b""
        self._resume()  # for its close frame
        self._end_stall()
        self._timer = asyncio.get_running_loop().call_later(CLOSE_LIMIT_S, self.abort)

    def _tell_lost(self, code: int) -> None:
        user, self.user = self.user, None
        if user:
            user.lost(code)

    def abort(self) -> None:
        """Be gone without a word."""
        if self._transport:
            self._transport.abort()

    # --- writing ---

    def _write(self, frames: bytes) -> None:
        if self._is_closing:
            return
        if not self._pending:
            self._flusher.add(self)
        self._pending.append(frames)
        self._pending_bytes += len(frames)
        if self.is_full or self._pending_bytes > HIGH_WATER_BYTES:
            self.flush()

    def _unsent_bytes(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport else 0

    def _is_too_much(self) -> bool:
        return self._unsent_bytes() > self._max_unsent_bytes + self._allowance

    def _end_stall(self) -> None:
        if self._stall:
            self._stall.end()
            self._stall = None

    def _stalled(self) -> None:
        self._cut(Code.SLOW_READER, "stalled; reconnect")

    def _cut(self, code: Code, reason: str) -> None:
        self._on_cut(code)
        self._fail(CLOSE_CODE[code], reason)


class _Messages(MessageQueue):
    """Where the parser puts what it has read: nothing is queued, and never is it full."""

    __slots__ = ("_connection",)

    def __init__(self, connection: WebSocket) -> None:
        self._connection = connection

    def feed_data(self, data: Any, size: int) -> None:
        self._connection.take(data[0], data[1])

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        self._connection.fail(exc)
