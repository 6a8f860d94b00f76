"""One client's line of Engine.IO: polling, a WebSocket, or first one and then the other."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from tests.talk.wires import PATH, Address, Http, WebSocket, WireError

_SEPARATOR = b"\x1e"
_CLOSE, _PING, _PONG, _UPGRADE, _NOOP = b"1", b"2", b"3", b"5", b"6"


class Line:
    """Sends and hears messages of Socket.IO in order, whatever is under it.

    Args:
        hear: Called with each message, its `4` left out.
        end: Called when the server ends the line.

    Attributes:
        is_polling: It does, and could move.
    """

    def __init__(
        self, address: Address, hear: Callable[[bytes], None], end: Callable[[str], None]
    ) -> None:
        self._address = address
        self._hear = hear
        self._end = end
        self._websocket: WebSocket | None = None
        self._probe: WebSocket | None = None
        self._gets, self._posts = Http(address), Http(address)
        self._target = ""
        self._outbox: list[bytes] = []
        self._is_moving = False
        self._is_dropped = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._polling: asyncio.Task[None] | None = None
        self._posting: asyncio.Task[None] | None = None

    @property
    def is_polling(self) -> bool:
        return self._websocket is None

    async def open_websocket(self) -> None:
        self._websocket = WebSocket(self._take, self._ended)
        await self._websocket.open(self._address, PATH + "websocket")

    async def open_polling(self) -> None:
        await asyncio.gather(self._gets.open(), self._posts.open())
        opened = await self._gets.get(PATH + "polling")
        self._target = f"{PATH}polling&sid={json.loads(opened[1:])['sid']}"
        self._polling = self._start(self._poll())

    def send(self, *messages: bytes) -> None:
        """Send at once on a WebSocket, else with what else waits, in one POST."""
        self._write(*(b"4" + message for message in messages))

    async def move(self) -> None:
        """Go on over a WebSocket; what is sent meanwhile leaves in its order."""
        answered = asyncio.get_running_loop().create_future()
        self._probe = websocket = WebSocket(answered.set_result, self._ended)
        await websocket.open(self._address, self._target.replace("polling", "websocket"))
        websocket.send(b"2probe")
        if await answered != b"3probe":
            raise WireError("no answer to the probe")
        self._is_moving = True
        if self._posting:
            await self._posting
        if self._polling:
            await self._polling
        websocket.hear = self._take
        self._websocket, self._probe = websocket, None
        websocket.send(_UPGRADE, *self._outbox)
        self._outbox.clear()
        self._let_go()

    def drop(self) -> None:
        """End all TCP connections without a word; whoever waits in `move` is to be cancelled."""
        self._is_dropped = True
        for task in self._tasks:
            task.cancel()
        for websocket in (self._websocket, self._probe):
            if websocket:
                websocket.drop()
        self._let_go()

    def _let_go(self) -> None:
        self._gets.drop()
        self._posts.drop()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- out ---

    def _write(self, *packets: bytes) -> None:
        if self._is_dropped:
            return
        if self._websocket:
            self._websocket.send(*packets)
            return
        self._outbox += packets
        if not self._is_moving and (self._posting is None or self._posting.done()):
            self._posting = self._start(self._post())

    async def _post(self) -> None:
        try:
            while self._outbox and not self._is_moving:
                packets, self._outbox = self._outbox, []
                if await self._posts.post(self._target, _SEPARATOR.join(packets)) != b"ok":
                    raise WireError("a POST was not answered with ok")
        except WireError as error:
            self._ended(str(error))

    # --- in ---

    async def _poll(self) -> None:
        try:
            while not self._is_moving:
                body = await self._gets.get(self._target)
                for packet in body.split(_SEPARATOR):
                    self._take(packet)
        except WireError as error:
            self._ended(str(error))

    def _take(self, packet: bytes) -> None:
        if self._is_dropped:
            return
        if packet[:1] == b"4":
            self._hear(packet[1:])
        elif packet == _PING:
            self._write(_PONG)
        elif packet == _CLOSE:
            self._ended("the server closed it")
        elif packet[:1] not in (b"0", _NOOP):
            self._ended(f"an odd packet: {packet[:40]!r}")

    def _ended(self, why: str) -> None:
        if not self._is_dropped:
            self._is_dropped = True
            self._end(why)
