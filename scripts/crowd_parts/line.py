"""One connection of a user over a WebSocket: asks, and hears events."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import aiohttp
from msgspec import Struct, json

ANSWER_LIMIT_S = 30


class Papers(Struct, frozen=True):
    """Who somebody is to the server, and from where."""

    token: str
    address: str

    @property
    def headers(self) -> dict[str, str]:
        """Over HTTP, as a proxy sends them on."""
        return {"Authorization": f"Bearer {self.token}", "X-Forwarded-For": self.address}


class LostError(Exception):
    """The connection ended before the answer came."""


class Line:
    """A connection in a namespace of Socket.IO.

    Args:
        hear: Called with each event and its data, in order; an answer is the event `ack`.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        papers: Papers,
        hear: Callable[[str, Any], None],
        namespace: str = "/",
    ) -> None:
        self._where = "" if namespace == "/" else f"{namespace},"
        self._http = http
        self._papers = papers
        self._hear = hear
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._open = asyncio.get_running_loop().create_future()
        self._reading: asyncio.Task[None] | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def connect(self) -> "Line":
        path, headers = "/socket.io/?EIO=4&transport=websocket", self._papers.headers
        self._socket = await self._http.ws_connect(path, headers=headers)
        self._reading = asyncio.create_task(self._read(self._socket))
        await self._socket.send_str(f"40{self._where}{_text({'token': self._papers.token})}")
        await asyncio.wait_for(self._open, ANSWER_LIMIT_S)
        return self

    async def ask(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Emit an event; its acknowledgement.

        Raises:
            LostError: The connection was lost.
        """
        assert self._socket
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(f"42{self._where}{number}{_text([event, payload])}")
        answer: dict[str, Any] = await asyncio.wait_for(self._waiting[number], ANSWER_LIMIT_S)
        return answer

    async def crash(self) -> None:
        """End without a word."""
        assert self._socket
        transport = self._socket.get_extra_info("transport")
        if transport:
            transport.abort()
        await self._socket.close()
        if self._reading:
            await self._reading

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                await self._take(socket, message.data)
        for waiting in (self._open, *self._waiting.values()):
            if not waiting.done():
                waiting.set_exception(LostError())
                waiting.exception()  # somebody may have stopped waiting

    async def _take(self, socket: aiohttp.ClientWebSocketResponse, packet: str) -> None:
        if packet == "2":
            await socket.send_str("3")
        elif packet.startswith("40"):
            self._open.set_result(None)
        elif packet.startswith("42"):
            event, data = json.decode(packet[2:].removeprefix(self._where))
            self._hear(event, data)
        elif packet.startswith("43"):
            number, _, arguments = packet[2:].removeprefix(self._where).partition("[")
            (answer,) = json.decode("[" + arguments)
            self._hear("ack", answer)
            self._waiting.pop(int(number)).set_result(answer)


def _text(value: Any) -> str:
    return json.encode(value).decode()
