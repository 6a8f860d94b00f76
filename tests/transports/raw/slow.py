"""A client of a raw WebSocket that reads when a test tells it to."""

import asyncio
import json
import socket
from typing import Any, Self

from tests.transports.slow import RECEIVE_BUFFER_BYTES
from tests.transports.wire import UPGRADE, frame, head


class SlowReader:
    """Takes from the kernel what it is told to.

    Args:
        shown: Its token.

    Attributes:
        heard: Frames that were read.
        close_code: Of the server's close frame; None before.
    """

    def __init__(self, url: str, shown: str, path: str = "/letters") -> None:
        self._url = url
        self._path = path
        self._token = shown
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
        self._socket.setblocking(False)
        self._unparsed = b""
        self.heard: list[dict[str, Any]] = []
        self.close_code: int | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        address, _, port = self._url.removeprefix("http://").partition(":")
        await loop.sock_connect(self._socket, (address, int(port)))
        asked = head("GET", f"{self._path}?token={self._token}", UPGRADE)
        await loop.sock_sendall(self._socket, asked)
        while b"\r\n\r\n" not in self._unparsed:
            self._unparsed += await loop.sock_recv(self._socket, 512)
        self._unparsed = self._unparsed.partition(b"\r\n\r\n")[2]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()

    async def send(self, **said: Any) -> None:
        written = frame(1, json.dumps(said).encode())
        await asyncio.get_running_loop().sock_sendall(self._socket, written)

    async def read(self) -> int:
        """Take some bytes as soon as there are any; 0 at the end."""
        try:
            data = await asyncio.get_running_loop().sock_recv(self._socket, 65_536)
        except ConnectionError:
            return 0
        self._unparsed += data
        self._parse()
        return len(data)

    async def read_to_the_end(self) -> None:
        async with asyncio.timeout(10):
            while await self.read():
                pass

    async def read_until_heard(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                assert await self.read(), self.close_code

    def _parse(self) -> None:
        while (end := self._end_of_frame()) is not None:
            start, stop = end
            opcode, payload = self._unparsed[0] & 0x0F, self._unparsed[start:stop]
            self._unparsed = self._unparsed[stop:]
            if opcode == 1:
                self.heard.append(json.loads(payload))
            elif opcode == 8:
                self.close_code = int.from_bytes(payload[:2])

    def _end_of_frame(self) -> tuple[int, int] | None:
        if len(self._unparsed) < 2:
            return None
        size, start = self._unparsed[1], 2
        if size >= 126:
            start += 2 if size == 126 else 8
            size = int.from_bytes(self._unparsed[2:start])
        return (start, start + size) if len(self._unparsed) >= start + size else None
