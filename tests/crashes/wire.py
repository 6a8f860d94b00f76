"""How clients reach a server that may be gone at any moment: over HTTP, and over its WebSocket."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
from msgspec import Struct

LIMIT_S = 60.0
"""For an answer: longer than the server itself waits for its database."""

AGAIN_S = 0.05
"""Until a client tries again."""


class Answer(Struct, frozen=True):
    """What a server said.

    Attributes:
        problem: The code of an error; None if there was none.
        whole: Also what is not in `data`.
    """

    status: int
    data: dict[str, Any]
    problem: str | None = None
    whole: dict[str, Any] = {}


class Rest:
    """The routes of one of several servers: of the next one, when it is gone."""

    def __init__(
        self, http: aiohttp.ClientSession, urls: list[str], first: int, done: Counter[str]
    ) -> None:
        self.http = http
        self._urls = urls
        self._at = first
        self._done = done

    @property
    def url(self) -> str:
        return self._urls[self._at % len(self._urls)]

    async def move_on(self) -> None:
        """Take the next server, after a moment."""
        self._at += 1
        await asyncio.sleep(AGAIN_S)

    async def call(
        self, method: str, path: str, body: Any = None, token: str | None = None
    ) -> Answer | None:
        """What is answered; None if nobody can know what came of it."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        wish: dict[str, Any] = {"headers": headers, "timeout": aiohttp.ClientTimeout(LIMIT_S)}
        if body is not None:
            wish["json"] = body
        while True:
            try:
                return await self._asked(method, path, wish)
            except aiohttp.ClientConnectorError:  # nothing was asked
                await self.move_on()
            except (aiohttp.ClientError, ConnectionError, TimeoutError, ValueError):
                self._done["requests without an answer"] += 1
                return None

    async def _asked(self, method: str, path: str, wish: dict[str, Any]) -> Answer | None:
        async with self.http.request(method, self.url + path, **wish) as answer:
            found = await answer.json(content_type=None)
        if answer.status == 503:
            self._done["requests refused as unavailable"] += 1
            await asyncio.sleep(AGAIN_S)
            return None
        return Answer(answer.status, found.get("data") or {}, found.get("error"), found)


class Socket:
    """The `/ws` of a device, which is opened again whenever it ends.

    Args:
        token: The access token of the moment.
        opened: Called on each new connection.
        hear: Called with each frame that answers nothing.
    """

    def __init__(
        self,
        rest: Rest,
        token: Callable[[], str],
        opened: Callable[[], None],
        hear: Callable[[dict[str, Any]], None],
        done: Counter[str],
    ) -> None:
        self._rest = rest
        self._token = token
        self._opened = opened
        self._hear = hear
        self._done = done
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._is_open = asyncio.Event()
        self._asked: dict[int, asyncio.Future[dict[str, Any] | None]] = {}
        self._refs = itertools.count(1)

    async def run(self) -> None:
        """Be connected, until it is cancelled."""
        while True:
            with suppress(aiohttp.ClientError, ConnectionError, TimeoutError):
                await self._connect()
            await self._rest.move_on()

    async def _connect(self) -> None:
        headers = {"Authorization": f"Bearer {self._token()}"}
        async with self._rest.http.ws_connect(self._rest.url + "/ws", headers=headers) as socket:
            self._opened()
            self._socket = socket
            self._is_open.set()
            self._done["WebSockets opened"] += 1
            try:
                async for message in socket:
                    self._take(json.loads(message.data))
            finally:
                self._is_open.clear()
                for answer in self._asked.values():
                    if not answer.done():
                        answer.set_result(None)
                self._asked.clear()

    def _take(self, frame: dict[str, Any]) -> None:
        answer = self._asked.pop(frame.get("ref", 0), None)
        if answer is None:
            self._hear(frame)
        elif not answer.done():
            answer.set_result(frame)

    async def ask(self, kind: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to a frame; None if nobody can know what came of it."""
        await self._is_open.wait()
        assert self._socket
        ref = next(self._refs)
        answer = self._asked[ref] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send_json({"type": kind, "payload": payload, "ref": ref})
            found: dict[str, Any] | None = await asyncio.wait_for(answer, LIMIT_S)
        except (ConnectionError, TimeoutError, aiohttp.ClientError):
            found = None
        if found is None:
            self._done["frames without an answer"] += 1
        elif found["type"] == "error" and found["code"] == "unavailable":
            self._done["frames refused as unavailable"] += 1
            await asyncio.sleep(AGAIN_S)
            return None
        return found
