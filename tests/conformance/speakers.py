"""Socket.IO clients on the raw wire, over either transport, for the echoing servers."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from tests.conformance.frames import WebSocket, websocket
from tests.conformance.polling import Session, open_session, unpacked


class Speaker(Protocol):
    """Sends and reads Engine.IO packets, one way or the other."""

    async def send(self, *packets: str | bytes) -> None: ...

    async def read(self) -> str | bytes: ...

    async def read_many(self, count: int) -> list[str | bytes]: ...


class Poller:
    """Speaks by polling: what is sent at once goes in one request."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._heard: list[str | bytes] = []

    async def send(self, *packets: str | bytes) -> None:
        assert (await self.session.post(*packets)).status == 200

    async def read(self) -> str | bytes:
        while not self._heard:
            self._heard += unpacked(await self.session.poll())
        return self._heard.pop(0)

    async def read_many(self, count: int) -> list[str | bytes]:
        return [await self.read() for _ in range(count)]


@asynccontextmanager
async def by_polling(url: str) -> AsyncIterator[Poller]:
    """A session without any namespace."""
    yield Poller(await open_session(url))


@asynccontextmanager
async def by_websocket(url: str) -> AsyncIterator[WebSocket]:
    """A session without any namespace."""
    async with websocket(url) as line:
        assert str(await line.read())[0] == "0"
        yield line


@asynccontextmanager
async def by_upgrade(url: str) -> AsyncIterator[WebSocket]:
    """A session without any namespace, which began by polling."""
    session = await open_session(url)
    async with session.second_line() as line:
        await line.send("2probe")
        assert await line.read() == "3probe"
        assert await session.poll() == ["6"]
        await line.send("5")
        yield line


Transport = Callable[[str], AbstractAsyncContextManager[Speaker]]

TRANSPORTS: dict[str, Transport] = {
    "polling": by_polling,
    "websocket": by_websocket,
    "upgrade": by_upgrade,
}


async def enter(speaker: Speaker, namespace: str = "") -> str:
    """Connect to a namespace, "" for the main one; returns the id that the server gives."""
    await speaker.send(f"40{namespace}," if namespace else "40")
    answer, greeting = await speaker.read_many(2)
    opening = f"40{namespace}," if namespace else "40"
    assert str(answer).startswith(opening), answer
    assert str(greeting).startswith("42"), greeting
    sid: str = json.loads(str(answer).removeprefix(opening))["sid"]
    return sid


async def check_lives(speaker: Speaker) -> None:
    """What was sent last has been answered, or has no answer; the connection goes on."""
    await speaker.send('42["message","still here"]')
    assert await speaker.read() == '42["message-back","still here"]'
