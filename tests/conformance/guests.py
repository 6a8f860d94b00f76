"""Socket.IO clients on the raw wire, that read all the time and note what they hear in order."""

import asyncio
import itertools
import json
from collections import deque
from contextlib import AsyncExitStack

from msgspec import Struct
from socketio import packet

from tests.conformance.frames import WebSocket, websocket
from tests.conformance.parlour import QUIET_NAMESPACE
from tests.conformance.polling import Session, open_session, unpacked
from tests.transports.wire import exchange, head

WEBSOCKET, POLLING = "websocket", "polling"

LIMIT_S = 20
"""For an answer; a poll may wait for longer."""

PACKETS_A_POST = 16
"""More of them python-engineio refuses."""

_NO_NAMESPACE = ("Unable to connect", {"message": "Invalid namespace"})
"""What stock and Node say of an unknown one; the former is not an error's shape."""

_NOISE = ("2", "6")
"""Pings and noops of Engine.IO: when they come is nobody's matter."""


class Question(Struct, frozen=True):
    """What the server wants answered."""

    namespace: str
    number: int


class Guest:
    """One client, by one line after another.

    Attributes:
        name: By which the handlers know it.
        company: All guests of the scene.
        heard: Each packet as text, without ids of connections.
        questions: Not answered yet.
        namespaces: It has connected to.
        is_gone: There is no line.
        is_polling: It is on polling, and tries no other transport.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self.name = name
        self.company: list[Guest] = []
        self.heard: list[str] = []
        self.questions: deque[Question] = deque()
        self.namespaces: set[str] = set()
        self.is_gone = True
        self._numbers = itertools.count(1_000_000)
        self._answered = asyncio.Event()
        self._awaited: int | None = None
        self._lines = AsyncExitStack()
        self._reading: asyncio.Task[None] | None = None
        self._incomplete: packet.Packet | None = None
        self._websocket: WebSocket | None = None
        self._session: Session | None = None
        self._probe: WebSocket | None = None

    @property
    def is_polling(self) -> bool:
        return not self.is_gone and self._websocket is None and self._probe is None

    @property
    def is_probing(self) -> bool:
        return not self.is_gone and self._probe is not None

    @property
    def company_is_alike(self) -> bool:
        """All who are here are on the same transport, and try no other."""
        here = [guest for guest in self.company if not guest.is_gone]
        return len({guest.is_polling for guest in here}) < 2 and not any(
            guest.is_probing for guest in here
        )

    # --- coming and going ---

    async def come(self, transport: str) -> None:
        """Open a line, and say one's name."""
        self.is_gone = False
        self.namespaces.clear()
        self.questions.clear()
        self._incomplete = None
        if transport == POLLING:
            self._session = await open_session(self._url)
            self._note_opening(json.dumps(self._session.opened))
            self._reading = asyncio.create_task(self._poll())
        else:
            self._websocket = await self._lines.enter_async_context(websocket(self._url))
            self._note_opening(str(await self._websocket.read())[1:])
            self._reading = asyncio.create_task(self._read())
        await self.send(f"40{QUIET_NAMESPACE}," + json.dumps({"name": self.name}))
        await self.sync()

    async def hang_up(self, how: str) -> None:
        """End the line, and return at once.

        Args:
            how: "close" for a close frame, "drop" for TCP without one; pollers say goodbye.
        """
        if self._websocket is None:
            spaces = sorted(self.namespaces)
            await self.send(*(f"41{space}," for space in spaces), f"41{QUIET_NAMESPACE},", "1")
        elif how == "close":
            await self._websocket.close()
            await asyncio.wait([self._reading] if self._reading else [])
        else:
            self._websocket.drop()
        await self.let_go()

    async def let_go(self) -> None:
        """Close what is open here."""
        self.is_gone = True
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._lines.aclose()
        self._websocket = self._probe = self._session = None

    # --- from polling to a WebSocket ---

    async def probe(self) -> None:
        """Begin an upgrade, and stop polling."""
        assert self._session
        assert self._reading
        self._probe = await self._lines.enter_async_context(self._session.second_line())
        await self._probe.send("2probe")
        assert await self._probe.read() == "3probe"
        await self._reading

    async def move(self) -> None:
        """Complete it."""
        assert self._probe
        self._websocket, self._probe, self._session = self._probe, None, None
        await self._websocket.send("5")
        self._reading = asyncio.create_task(self._read())

    # --- speaking ---

    async def send(self, *packets: str | bytes) -> None:
        """Send packets of Engine.IO in one segment, or in as few requests as stock takes."""
        if self._websocket:
            await self._websocket.send(*packets)
            return
        assert self._session
        for start in range(0, len(packets), PACKETS_A_POST):
            reply = await self._session.post(*packets[start : start + PACKETS_A_POST])
            assert reply.status == 200, reply

    async def sync(self) -> None:
        """Wait until all that was sent here is handled, and what that caused is heard here.

        Raises:
            TimeoutError: No answer came.
        """
        self._awaited = next(self._numbers)
        self._answered.clear()
        await self.send(f'42{QUIET_NAMESPACE},{self._awaited}["nothing"]')
        async with asyncio.timeout(LIMIT_S):
            await self._answered.wait()

    # --- hearing ---

    async def _poll(self) -> None:
        assert self._session
        while self._probe is None:
            reply = await exchange(self._url, head("GET", self._session.target), limit_s=300)
            assert reply.status == 200, reply
            for heard in unpacked(reply.body.decode().split("\x1e")):
                self._hear(heard)

    async def _read(self) -> None:
        assert self._websocket
        try:
            while True:
                self._hear(await self._websocket.read())
        except (ConnectionError, EOFError):
            self.heard.append("the line ended")

    def _hear(self, heard: str | bytes) -> None:
        if heard in _NOISE:
            return
        if isinstance(heard, str) and not heard.startswith("4"):
            self.heard.append(f"Engine.IO {heard!r}")
        elif self._incomplete:
            if self._incomplete.add_attachment(heard):
                self._note(self._incomplete)
                self._incomplete = None
        elif isinstance(heard, bytes):
            self.heard.append(f"attachment of nothing: {heard!r}")
        else:
            got = packet.Packet(encoded_packet=heard[1:])
            if got.attachment_count:
                self._incomplete = got
            else:
                self._note(got)

    def _note(self, got: packet.Packet) -> None:
        namespace = got.namespace or "/"
        kind = packet.packet_names[got.packet_type].removeprefix("BINARY_")
        if got.packet_type == packet.ACK and got.id == self._awaited:
            self._answered.set()
            return
        if got.packet_type == packet.CONNECT:
            assert len(got.data.pop("sid")) >= 16
        if got.packet_type in (packet.DISCONNECT, packet.CONNECT_ERROR):
            self.namespaces.discard(namespace)
        if kind == "EVENT" and got.data[0] == "question":
            self.questions.append(Question(namespace, got.id))
        if kind == "CONNECT_ERROR" and got.data in _NO_NAMESPACE:
            got.data = "no such namespace"
        # As Python writes it: 1, 1.0 and True differ, and so does another order of keys.
        self.heard.append(f"{kind} {namespace} id {got.id} {got.data!r}")

    def _note_opening(self, text: str) -> None:
        opened = json.loads(text)
        del opened["sid"]
        self.heard.append(f"opened with {sorted(opened.items())}")
