"""Clients of raw WebSockets: aiohttp's, with what they have heard."""

import asyncio
import contextlib
import json
import time
from typing import Any, Self

import aiohttp

from server.core.clock import Clock
from server.core.ids import new_id
from server.core.jws import sign
from tests.servers import until

JWT_SECRET = "the secret of the tokens of the tests"


def token(
    user: str, device: str | None = None, *, life_s: int = 900, clock: Clock | None = None
) -> str:
    """A token of another system that names users and their devices."""
    now_s = clock.now_ms() // 1000 if clock else int(time.time())
    claims: dict[str, Any] = {
        "sub": user,
        "iat": now_s,
        "exp": now_s + life_s,
    }
    if device:
        claims["deviceId"] = device
    return sign(claims, JWT_SECRET.encode())


class Client:
    """One WebSocket.

    Attributes:
        heard: All frames, in order.
        close_code: The server's; None while it is open.
    """

    def __init__(self, url: str, path: str = "/letters") -> None:
        self._url = url + path
        self._http = aiohttp.ClientSession()
        self._reading: asyncio.Task[None] | None = None
        self.heard: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self.close_reason = ""
        self.socket: aiohttp.ClientWebSocketResponse

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def open(self, token: str | None = None, **options: Any) -> Self:
        """Connect; a token goes into the query."""
        query = {"token": token} if token else {}
        self.socket = await self._http.ws_connect(self._url, params=query, **options)
        self._reading = asyncio.create_task(self._read())
        return self

    async def _read(self) -> None:
        async for message in self.socket:
            assert message.type is aiohttp.WSMsgType.TEXT
            self.heard.append(json.loads(message.data))
        self.close_code = self.socket.close_code

    async def send(self, kind: str, payload: Any = None, **beside: Any) -> None:
        with_payload = {} if payload is None else {"payload": payload}
        await self.socket.send_str(json.dumps({"type": kind, **with_payload, **beside}))

    async def ask(self, kind: str, **payload: Any) -> dict[str, Any]:
        """Send a frame and return its answer."""
        ref = new_id()
        await self.send(kind, payload, ref=ref)
        await until(lambda: self.answers(ref) or self.is_ended)
        return self.answers(ref)[0]

    async def beat(self) -> None:
        """Be answered, so that all before is handled."""
        assert (await self.ask("heartbeat"))["type"] == "heartbeat_ack"

    def answers(self, ref: Any) -> list[dict[str, Any]]:
        return [one for one in self.heard if one.get("ref") == ref]

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.heard if one.get("type") == kind]

    def letters(self, room: str = "tea") -> list[str]:
        return [one["text"] for one in self.all("letter") if one["room"] == room]

    async def hears(self, *texts: str, room: str = "tea") -> None:
        """Wait until these letters have come, and no others, in this order."""
        await until(lambda: len(self.letters(room)) >= len(texts))
        assert self.letters(room) == list(texts)

    @property
    def is_ended(self) -> bool:
        return self.close_code is not None

    async def ended(self) -> int:
        await until(lambda: self.is_ended)
        assert self.close_code is not None
        return self.close_code

    async def leave(self) -> None:
        if self._reading:
            await self.socket.close()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        await self._http.close()
