"""Engine.IO over single HTTP requests, each on a TCP connection of its own."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.conformance.frames import WebSocket, websocket
from tests.transports.wire import POLLING, Reply, connected, exchange, head

SEPARATOR = "\x1e"


class Session:
    """One Engine.IO session, opened by polling.

    Attributes:
        opened: What the server said in the open packet.
    """

    def __init__(self, url: str, opened: dict[str, Any]) -> None:
        self.url = url
        self.opened = opened
        self.target = f"{POLLING}&sid={opened['sid']}"

    async def get(self) -> Reply:
        """Poll."""
        return await exchange(self.url, head("GET", self.target))

    async def poll(self) -> list[str]:
        """The packets that the next poll brings."""
        reply = await self.get()
        assert reply.status == 200, reply
        return reply.body.decode().split(SEPARATOR)

    async def post(self, *packets: str | bytes) -> Reply:
        """Send packets in one request; binary as a message."""
        return await self.post_body(payload(*packets))

    async def post_body(self, body: bytes) -> Reply:
        sizes = {"Content-Length": str(len(body)), "Content-Type": "text/plain;charset=UTF-8"}
        return await exchange(self.url, head("POST", self.target, sizes) + body)

    @asynccontextmanager
    async def waiting_poll(self) -> AsyncIterator[asyncio.StreamReader]:
        """A poll that the server has taken and not answered, as there is nothing to say."""
        async with connected(self.url) as (reader, writer):
            writer.write(head("GET", self.target))
            # Another request answered means that the one before has been read.
            await exchange(self.url, head("GET", "/health"))
            yield reader

    @asynccontextmanager
    async def second_line(self, first: bytes = b"") -> AsyncIterator[WebSocket]:
        """A WebSocket for this session, before its probe."""
        target = self.target.replace("polling", "websocket")
        async with websocket(self.url, target, first) as line:
            yield line

    async def is_closed(self) -> bool:
        """Whether the session is gone; takes away what a poll would get."""
        return (await self.get()).status == 400


async def open_session(url: str) -> Session:
    reply = await exchange(url, head("GET", POLLING))
    assert reply.status == 200, reply
    assert reply.body[:1] == b"0", reply
    return Session(url, json.loads(reply.body[1:]))


def payload(*packets: str | bytes) -> bytes:
    return SEPARATOR.join(map(_as_text, packets)).encode()


def _as_text(packet: str | bytes) -> str:
    return packet if isinstance(packet, str) else "b" + base64.b64encode(packet).decode()


def unpacked(packets: list[str]) -> list[str | bytes]:
    """Packets of a poll as a WebSocket would have brought them."""
    return [base64.b64decode(one[1:]) if one[:1] == "b" else one for one in packets]
