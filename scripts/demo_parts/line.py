"""A connection to the server, and all that was heard on it."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import socketio

LIMIT_S = 10
"""For an answer, or for something to be heard."""


class DemoError(Exception):
    """The story cannot go on; the text says why."""


class RelayError(DemoError):
    """The server refused an event; `word` is its word for it."""

    def __init__(self, event: str, answer: dict[str, Any]) -> None:
        super().__init__(f"{event} was refused: {answer.get('error')}, {answer.get('message')}")
        self.word = str(answer.get("error"))
        self.retry_after_s = float(answer.get("retryAfterMs") or 0) / 1000


class Bell:
    """Wakes all who wait for it to ring."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self) -> None:
        await self._event.wait()


class Line:
    """What one client says and hears.

    Attributes:
        name: For errors.
        heard: Every event, with its data, in order.
        answers: Every acknowledgement, in order.
        seq: The newest place in the session's log of which this client was told.
        token: Of the user for whom the connection speaks; empty for none.
    """

    def __init__(
        self, url: str, name: str, take: Callable[[str, Any], None], namespace: str = "/"
    ) -> None:
        """Begin without a connection.

        Args:
            take: Given each event, with its data, as it is heard.
        """
        self._url = url
        self._namespace = namespace
        self._take = take
        self._client = socketio.AsyncClient()
        self.name = name
        self.heard: list[tuple[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.seq = 0
        self.token = ""
        self.news = Bell()
        self.lost = asyncio.Event()

    async def connect(self, *transports: str) -> str:
        """Connect anew.

        Returns:
            The transport in use, after an upgrade if there was one.
        """
        self._client = socketio.AsyncClient(reconnection=False)
        self._client.on("*", self._hear, namespace=self._namespace)
        self.lost = lost = asyncio.Event()
        self._client.on("disconnect", lambda reason: lost.set(), namespace=self._namespace)
        how = {
            "transports": list(transports),
            "wait_timeout": LIMIT_S,
            "namespaces": [self._namespace],
            "auth": {"token": self.token} if self.token else None,
        }
        try:
            await self._client.connect(self._url, **how)
        except socketio.exceptions.ConnectionError as error:
            raise DemoError(f"{self.name} cannot connect: {error}") from None
        return str(self._client.transport())

    async def lose(self) -> None:
        """Have the TCP connection end without a word of either protocol."""
        self._client.eio.ws.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        async with asyncio.timeout(LIMIT_S):
            await self.lost.wait()

    async def end(self) -> None:
        """End the connection, without waiting for an answer to a last poll."""
        await self._client.eio.disconnect(abort=True)

    async def ask(
        self, event: str, fields: dict[str, Any], take: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        """Emit an event and return its acknowledgement.

        Args:
            take: Is given a good one before anything that comes behind it is heard.

        Raises:
            RelayError: The server said no.
        """
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        def note(answer: dict[str, Any]) -> None:
            self.answers.append(answer)
            self._note_seq(answer)
            if answer["success"]:
                take(answer)
            if not answered.done():
                answered.set_result(answer)

        try:
            await self._client.emit(event, fields, self._namespace, callback=note)
            async with asyncio.timeout(LIMIT_S):
                answer = await answered
        except (socketio.exceptions.SocketIOError, TimeoutError) as error:
            raise DemoError(f"{self.name} got no answer to {event}: {error!r}") from None
        if not answer["success"]:
            raise RelayError(event, answer)
        return answer

    async def hear(self, event: str, fits: Callable[[Any], bool] = lambda data: True) -> Any:
        """The data of the first such event, once it has been heard."""
        await self.until(lambda: self.all_heard(event, fits), event)
        return self.all_heard(event, fits)[0]

    def all_heard(self, event: str, fits: Callable[[Any], bool] = lambda data: True) -> list[Any]:
        return [data for name, data in self.heard if name == event and fits(data)]

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something that becomes true by what is heard.

        Raises:
            DemoError: It did not in time.
        """
        try:
            async with asyncio.timeout(LIMIT_S):
                while not condition():
                    await self.news.wait()
        except TimeoutError:
            raise DemoError(f"{self.name} waited for {what} in vain") from None

    def _hear(self, event: str, data: Any = None) -> None:
        # Not a coroutine: what is heard later must not overtake.
        self.heard.append((event, data))
        self._note_seq(data)
        self._take(event, data)
        self.news.ring()

    def _note_seq(self, data: Any) -> None:
        if isinstance(data, dict):
            self.seq = max(self.seq, data.get("seq", 0))
