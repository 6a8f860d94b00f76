"""People who use Socket.IO with python-socketio's client; most of them the session relay."""

from typing import Any

import socketio
from socketio.packet import DISCONNECT, Packet

from server.transports.api import MAIN
from tests.servers import RunningServer, until

ANSWER_LIMIT_S = 15
"""A busy machine may stand still for some seconds."""


class Person:
    """One connection, which remembers every event that it was sent, in order."""

    def __init__(
        self, server: RunningServer, transport: str = "websocket", namespace: str = MAIN
    ) -> None:
        self.server = server
        self._transport = transport
        self._namespace = namespace
        self._socket = socketio.AsyncClient(reconnection=False)
        self._socket.on("*", self._hear, namespace=namespace)
        self.heard: list[tuple[str, Any]] = []

    async def connect(self, **options: Any) -> "Person":
        await self._socket.connect(
            self.server.url,
            transports=[self._transport],
            namespaces=[self._namespace],
            wait_timeout=ANSWER_LIMIT_S,
            **options,
        )
        return self

    async def ask(self, event: str, *payload: Any) -> dict[str, Any]:
        """Emit an event and return its acknowledgement."""
        data = payload[0] if len(payload) == 1 else payload
        answer: dict[str, Any] = await self._socket.call(
            event, data, namespace=self._namespace, timeout=ANSWER_LIMIT_S
        )
        return answer

    async def tell(self, event: str, *payload: Any) -> None:
        """Emit an event without asking for an acknowledgement."""
        data = payload[0] if len(payload) == 1 else payload
        await self._socket.emit(event, data, namespace=self._namespace)

    async def join(self, session_id: str, user_id: str | int, **more: Any) -> dict[str, Any]:
        return await self.ask("join-session", {"sessionId": session_id, "userId": user_id, **more})

    async def next(self, event: str, nth: int = 1) -> Any:
        """The data of the nth event of that name, once it has been heard."""
        await until(lambda: len(self.all(event)) >= nth)
        return self.all(event)[nth - 1]

    def all(self, event: str) -> list[Any]:
        return [data for name, data in self.heard if name == event]

    async def leave(self) -> None:
        """Disconnect as a page does that says goodbye.

        python-socketio's own `disconnect` closes a WebSocket before DISCONNECT is written.
        """
        await self._socket._send_packet(Packet(DISCONNECT, namespace=self._namespace))
        await self._socket.eio.queue.join()
        await self.vanish()

    async def vanish(self) -> None:
        """Lose the connection without a word."""
        await self._socket.eio.disconnect(abort=True)

    async def _hear(self, event: str, data: Any = None) -> None:
        self.heard.append((event, data))


async def catch_up(*people: Person) -> None:
    """Wait until these people have heard all that was caused by what was answered so far."""
    for server in {person.server for person in people}:
        await server.settle()
    for person in people:
        await person.ask("did-i-miss-something")
        told = next(one for one in reversed(person.heard) if one[0] == "session-error")
        person.heard.remove(told)
