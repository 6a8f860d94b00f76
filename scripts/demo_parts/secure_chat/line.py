"""The WebSocket of a device, and all that was heard on it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp

from scripts.demo_parts.line import LIMIT_S, DemoError

Frame = dict[str, Any]


class Line:
    """One connection.

    Attributes:
        heard: Every frame, as it came.
        close_code: The server's; None while it is open.
    """

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.heard: list[Frame] = []
        self.close_code: int | None = None
        self._http = http
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()

    async def open(self, token: str) -> None:
        """Connect; the token goes into the subprotocols, where no log has it."""
        self.close_code = None
        self._socket = await self._http.ws_connect("/ws", protocols=("bearer", token))
        self._reading = asyncio.create_task(self._read(self._socket))
        await self.ask("heartbeat", {})

    async def close(self) -> None:
        if self._socket and self._reading:
            await self._socket.close()
            await self._reading

    async def ask(self, kind: str, payload: Frame) -> Frame:
        """Send a frame and wait for its answer.

        Raises:
            DemoError: It was refused, or nothing came.
        """
        ref = f"ref-{len(self.heard)}"
        await self.say(kind, payload, ref=ref)
        answer = await self.hear(None, lambda frame: frame.get("ref") == ref)
        if answer["type"] == "error":
            raise DemoError(f"{kind} was refused: {answer['code']}")
        return answer

    async def say(self, kind: str, payload: Frame, **beside: str) -> None:
        """Send a frame to which nothing is answered."""
        assert self._socket
        await self._socket.send_str(json.dumps({"type": kind, "payload": payload, **beside}))

    async def hear(
        self, kind: str | None, matches: Callable[[Frame], bool] = lambda _: True
    ) -> Frame:
        """The newest frame of a kind, once there is one.

        Raises:
            DemoError: None came.
        """
        found = lambda: self.all_heard(kind, matches)  # noqa: E731
        await self._until(found, f"{kind or 'an answer'}")
        return found()[-1]

    async def ended(self) -> int:
        """The code with which the server closes."""
        await self._until(lambda: self.close_code is not None, "the end")
        assert self.close_code is not None
        return self.close_code

    def all_heard(
        self, kind: str | None, matches: Callable[[Frame], bool] = lambda _: True
    ) -> list[Frame]:
        return [one for one in self.heard if kind in (None, one["type"]) and matches(one)]

    async def _until(self, condition: Callable[[], object], what: str) -> None:
        try:
            async with asyncio.timeout(LIMIT_S), self._news:
                await self._news.wait_for(lambda: condition() or self.close_code is not None)
        except TimeoutError:
            raise DemoError(f"{what} did not come") from None
        if not condition():
            raise DemoError(f"closed with {self.close_code} before {what} came")

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            async with self._news:
                self.heard.append(json.loads(message.data))
                self._news.notify_all()
        async with self._news:
            self.close_code = socket.close_code or aiohttp.WSCloseCode.ABNORMAL_CLOSURE
            self._news.notify_all()
