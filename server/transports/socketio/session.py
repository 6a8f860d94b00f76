"""One connection of Engine.IO, over polling, over a WebSocket, or first one and then the other."""

import asyncio
import base64
import binascii
import logging
import time
from typing import TYPE_CHECKING, Any, Protocol

from server.core.errors import Code
from server.core.events import MessageSent
from server.core.ids import RoomId
from server.core.limits import BYTES_AN_EVENT
from server.core.rates import Meter
from server.transports.api import Caller
from server.transports.errors import CLOSE_CODE
from server.transports.flood import Flood
from server.transports.socketio import outgoing
from server.transports.socketio.inbox import Inbox
from server.transports.socketio.outgoing import Outgoing
from server.transports.socketio.poller import Poller
from server.transports.websocket import HIGH_WATER_BYTES, NORMAL, WebSocket

if TYPE_CHECKING:
    from server.transports.socketio.engine import Engine
    from server.transports.socketio.probe import Probe


log = logging.getLogger("hushwire.socketio")


MAX_WAITING = 8
"""Messages of one client that wait while one before them is handled, before no more are read."""


class MalformedError(Exception):
    """A packet that is not of the protocol, or not for servers."""


class Pipe(Protocol):
    """What packets leave by.

    Attributes:
        is_full: Its reader is slower than we are.
    """

    is_full: bool


class EngineSocket:
    """What python-socketio's server has of one client: a line that opens and ends.

    Attributes:
        sid: The id that Engine.IO gives it.
        answered_by: The connection that the last packets went to.
        address: The client's, by which limits count.
        bearer: The token in a header of its handshake, for whichever namespace is shown no other.
        caller: Who speaks on it, while the main namespace is open.
        is_javascript: So its client seems to be.
        began_polling: It did, and may have moved since.
        meter: Of what its client asks for, once a namespace was opened; None for no limit.
        refusals: Of its last events, one after the other, for their rate.
        turn: The wheel's.
        wants_answer: Its present event has an acknowledgement.
        said: What its last event said, if another came before the answer; and how many had been
            said with it.
        said_before: When the present event came, which had to wait; None if it had not.
        is_awaited: A POST waits until all before it is handled.
        unsure: Of a client that has returned after a drop, by room: what it said last and has
            perhaps no answer to.
    """

    __slots__ = (
        "_awaits_pong",
        "_engine",
        "_is_holding",
        "_poller",
        "_probe",
        "_websocket",
        "address",
        "answered_by",
        "bearer",
        "began_polling",
        "caller",
        "flood",
        "inbox",
        "is_awaited",
        "is_closed",
        "is_javascript",
        "is_posting",
        "meter",
        "refusals",
        "said",
        "said_before",
        "said_count",
        "sid",
        "turn",
        "unsure",
        "wants_answer",
        "_waiting_bytes",
        "__weakref__",
    )

    def __init__(
        self, engine: "Engine", sid: str, address: str, *, is_javascript: bool = False
    ) -> None:
        self._engine = engine
        self.sid = sid
        self.address = address
        self.is_javascript = is_javascript
        self.bearer: str | None = None
        self.caller: Caller | None = None
        self.meter: Meter | None = None
        self.flood = Flood()
        self.inbox = Inbox(self._failed)
        self.turn: int | None = None
        self.unsure: dict[RoomId, MessageSent] = {}
        self.wants_answer = False
        self.said: MessageSent | None = None
        self.said_count = 0
        self.said_before: int | None = None
        self.is_awaited = False
        self.is_closed = False
        self.answered_by: Pipe | None = None
        self.began_polling = False
        self.refusals = 0
        self.is_posting = False
        self._awaits_pong = False
        self._waiting_bytes = 0  # of what its client sent
        self._is_holding = False  # the WebSocket, until its messages are handled
        self._websocket: WebSocket | None = None
        self._poller: Poller | None = None
        self._probe: Probe | None = None

    @property
    def transport(self) -> str:
        return "websocket" if self._websocket else "polling"

    @property
    def poller(self) -> Poller | None:
        """While the client polls."""
        return self._poller

    # --- opening ---

    def opened(self, connection: WebSocket) -> None:
        """Begin on a WebSocket."""
        self._websocket = self.answered_by = connection
        self._begin()

    def begin_polling(self) -> Poller:
        self._poller = Poller()
        self.began_polling = True
        self._begin()
        return self._poller

    def _begin(self) -> None:
        self._engine.admit(self)
        self.answer(self._engine.handshake(self.sid, can_upgrade=self.began_polling))
        self._handle("connect", {"REMOTE_ADDR": self.address})
        self._engine.wheel.set(self, self._engine.ping_interval_s)

    # --- sending ---

    def send(self, packets: Outgoing) -> None:
        """Send what others caused; a reader that is too slow for it is cut off.

        Whoever sends to many counts its bytes, once for all.
        """
        if self._websocket:
            self._websocket.write(packets.frames)
        elif self._poller and not self._poller.put(packets, self._engine.max_unsent_bytes):
            # Later: whoever is sending to many must not meet what follows in the middle.
            asyncio.get_running_loop().call_soon(self.shut, Code.SLOW_READER)

    def answer(self, *packets: Outgoing) -> None:
        """Send what the client asked for; nothing more of it is handled until it took that."""
        frames, size_bytes = b"", 0
        for one in packets:
            size_bytes += one.size_bytes
            frames += one.frames
        self._engine.traffic.bytes_out += size_bytes
        if len(frames) >= BYTES_AN_EVENT and self.meter:
            # An event and its acknowledgement say the same, which counts once.
            self.meter.charge(max(one.size_bytes for one in packets))
        if self._websocket:
            self._websocket.answer(frames)
            if self._websocket.is_full:
                self._hold(self._websocket)
        elif self._poller:
            for one in packets:
                self._poller.answer(one)
            if self._poller.unsent_bytes > HIGH_WATER_BYTES:
                self.inbox.hold()

    def _hold(self, connection: WebSocket) -> None:
        self.inbox.hold()
        connection.hold()

    def drained(self) -> None:
        if self._awaits_pong:
            # The ping has left only now.
            self._engine.wheel.set(self, self._engine.ping_timeout_s)
        self.inbox.release()
        if self._websocket and not self._is_holding:
            self._websocket.release()

    # --- receiving ---

    def received(self, message: str | bytes) -> None:
        """Take one packet from a WebSocket."""
        try:
            self.receive(message)
        except MalformedError as error:
            self._engine.malformed(error)
            self.shut(Code.INVALID_REQUEST)
        if not self.inbox.is_idle and self._has_much_waiting():
            self._hold_back()

    def _hold_back(self) -> None:
        """Read no more until what was read is handled."""
        if self._websocket and not self._is_holding:
            self._is_holding = True
            self._websocket.hold()
            self.inbox.put(self._read_on)

    def _has_much_waiting(self) -> bool:
        # Some is read, so that it is known what came before the answer to what.
        return self.inbox.waiting() >= MAX_WAITING or self._waiting_bytes > HIGH_WATER_BYTES

    def receive(self, packet: str | bytes, said_before: int | None = None) -> None:
        """Take one packet of any kind.

        Args:
            said_before: How many messages had been said when it came, if it had to wait.

        Raises:
            MalformedError: It is not of the protocol; the connection is to be closed.
        """
        self._engine.traffic.bytes_in += len(packet)
        if self.is_closed:
            return
        match packet[:1]:
            case "4":
                self._put(packet[1:], said_before)
            case bytes():
                self._put(packet, said_before)
            case "3":
                self._awaits_pong = False
                self._engine.wheel.set(self, self._engine.ping_interval_s)
            case "1":
                self._close_by_client()
            case "5" | "6":
                pass
            case _:
                raise MalformedError("a packet that clients do not send")

    def _put(self, message: str | bytes, said_before: int | None) -> None:
        if self.inbox.is_idle and said_before is None:
            self.inbox.put(self._engine.hear, self, message)
            return
        if said_before is None:
            said_before = self.said_count
        self._waiting_bytes += len(message)
        self.inbox.put(self._hear_late, message, said_before)

    async def _hear_late(self, message: str | bytes, said_before: int) -> None:
        self._waiting_bytes -= len(message)
        self.said_before = said_before
        try:
            await self._engine.hear(self, message)
        finally:
            self.said_before = None

    def receive_text(self, packet: str, said_before: int | None = None) -> None:
        """Take one packet of a POST, in which binary is base64.

        Of a WebSocket the frames are counted before; a POST is one request for many packets.

        Raises:
            MalformedError: As `receive`.
        """
        if self._engine.gate.is_flood(self.flood, time.monotonic()):
            self.shut(Code.RATE_LIMITED)
            return
        if not packet.startswith("b"):
            self.receive(packet, said_before)
            return
        try:
            self.receive(base64.b64decode(packet[1:], validate=True), said_before)
        except (binascii.Error, ValueError):
            raise MalformedError("not base64") from None

    def _handle(self, event: str, *arguments: Any) -> None:
        self.inbox.put(self._engine.handlers[event], self.sid, *arguments)

    def _failed(self, error: BaseException) -> None:
        """A fault of ours ends the line that it happened to, and no other."""
        log.error("internal_error", exc_info=error)
        self.shut(Code.INTERNAL)

    async def _read_on(self) -> None:
        """What was read before is handled."""
        self._is_holding = False
        if self._websocket:
            self._websocket.release()

    # --- pings ---

    def on_time(self) -> None:
        """Ping, or give up a client that did not answer the last one."""
        wheel = self._engine.wheel
        if not self._awaits_pong:
            self._awaits_pong = True
            wheel.set(self, self._engine.ping_timeout_s)
            self.answer(outgoing.PING)
        elif self.answered_by is not None and self.answered_by.is_full:
            # The ping may not have left yet; whether anything leaves, the connection sees to.
            wheel.set(self, self._engine.ping_timeout_s)
        else:
            self._end(self._engine.reason.PING_TIMEOUT, NORMAL, outgoing.CLOSE)

    # --- moving from polling to a WebSocket ---

    def begin_probe(self, probe: "Probe") -> bool:
        """Whether a WebSocket may try to take over: one at a time."""
        if self._poller is None or self._probe or self.is_closed:
            return False
        self._probe = probe
        return True

    def end_probe(self) -> None:
        """It failed: the client goes on polling."""
        self._probe = None
        if self._poller:
            self._poller.is_moving = False

    def pause_polling(self) -> None:
        """Let polls end, so that the client can move."""
        if self._poller:
            self._poller.move()

    def move(self, connection: WebSocket) -> None:
        """Go on over the WebSocket, with what was not fetched by polling."""
        poller, self._poller = self._poller, None
        self._probe = None
        self._websocket = self.answered_by = connection
        connection.user = self
        if poller:
            left = poller.take_all()
            poller.close(outgoing.NOOP)
            for packets in left:  # which were counted when they came
                connection.answer(packets.frames)
        self.inbox.release()
        if connection.is_full:
            self._hold(connection)

    # --- the end ---

    def lost(self, code: int) -> None:
        self._end(self._engine.reason.TRANSPORT_CLOSE, NORMAL, outgoing.CLOSE)

    def shut(self, code: Code) -> None:
        """Close the transport with the close code of `code`; what it still sent is dropped."""
        if not self.is_closed:
            self._engine.metrics.refused(code)
            self.inbox.drop()
            self._end(self._engine.reason.SERVER_DISCONNECT, CLOSE_CODE[code], outgoing.CLOSE)

    def retire(self) -> None:
        """Have the client come back elsewhere, once what it sent is handled and answered."""
        self.inbox.put(self._retire)

    async def _retire(self) -> None:
        if self._poller:
            await self._poller.finish(outgoing.CLOSE)
        self.shut(Code.UNAVAILABLE)

    def close(self) -> None:
        """Close in order."""
        self._end(self._engine.reason.SERVER_DISCONNECT, NORMAL, outgoing.CLOSE)

    def _close_by_client(self) -> None:
        self._end(self._engine.reason.CLIENT_DISCONNECT, NORMAL, outgoing.NOOP)

    def _end(self, reason: str, close_code: int, farewell: Outgoing) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        self._engine.forget(self)
        if self._websocket:
            self._websocket.close(close_code)
        if self._probe:
            self._probe.close(close_code)
        if self._poller:
            self._poller.close(farewell)  # the poll that waits has it still
        self.inbox.release()
        self._handle("disconnect", reason)
        self._websocket = self._poller = self._probe = self.answered_by = None
