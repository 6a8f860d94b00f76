"""Hushwire with the handlers of the protocols' conformance suites instead of its own.

`python -m tests.conformance.app --port N` serves Socket.IO on port N, and an echo of bare Engine.IO
messages on port N + 1, both under `/socket.io/`.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import socketio
import uvloop

from server.app import App
from tests.servers import RunningServer, running

SUITES: dict[str, Any] = {
    "RATE_LIMITS": "off",
    "PING_INTERVAL_S": 0.3,
    "PING_TIMEOUT_S": 0.2,
    "MAX_PAYLOAD_BYTES": 1_000_000,
}
"""Settings that the suites are written for."""

NAMESPACES = ("/", "/custom")
CLOSED_NAMESPACE = "/closed"


class Echo(socketio.AsyncNamespace):
    """Answers each event with what it brought.

    Attributes:
        heard: The names of all events that came here, "connect" and "disconnect" among them.
        reasons: Of the disconnects.
    """

    server: socketio.AsyncServer

    def __init__(self, namespace: str) -> None:
        super().__init__(namespace)
        self.heard: list[str] = []
        self.reasons: list[str] = []
        self._answers: dict[str, Callable[..., Awaitable[Any]]] = {
            "connect": self._greet,
            "disconnect": self._note,
            "message": self._send_back,
            "message-with-ack": self._acknowledge,
            "ask-me": self._ask,
            "throw-me-out": self.disconnect,
        }

    async def trigger_event(self, event: str, *args: Any) -> Any:
        self.heard.append(event)
        if answer := self._answers.get(event):
            return await answer(*args)
        return None

    async def _greet(self, sid: str, environ: object, auth: object = None) -> None:
        # Only after the answer to CONNECT, which leaves once this has returned.
        self.server.start_background_task(self.emit, "auth", auth or {}, to=sid)

    async def _note(self, sid: str, reason: str) -> None:
        self.reasons.append(reason)

    async def _send_back(self, sid: str, *data: Any) -> None:
        await self.emit("message-back", data, to=sid)

    async def _acknowledge(self, sid: str, *data: Any) -> tuple[Any, ...]:
        return data

    async def _ask(self, sid: str, *question: Any) -> None:
        async def answered(*answer: Any) -> None:
            await self.emit("answered", answer, to=sid)

        await self.emit("question", question, to=sid, callback=answered)


class Closed(socketio.AsyncNamespace):
    """Lets nobody in, and says why to who asks."""

    async def on_connect(self, sid: str, environ: object, auth: dict[str, Any] | None) -> None:
        reasons = [auth] if auth else []
        raise socketio.exceptions.ConnectionRefusedError("members only", *reasons)


class EchoServer:
    """A server with the handlers of the Socket.IO suite.

    Attributes:
        main: What happens in the main namespace.
        custom: What happens in `/custom`.
    """

    def __init__(self, server: RunningServer) -> None:
        self.url = server.url
        self.app = server.app
        self.main, self.custom = (Echo(name) for name in NAMESPACES)
        for handlers in (self.main, self.custom, Closed(CLOSED_NAMESPACE)):
            sockets_of(server.app).register_namespace(handlers)


def sockets_of(app: App) -> Any:
    """python-socketio's server in the composition root."""
    return app.sockets


def echo_engine_messages(app: App) -> None:
    """Send every Engine.IO message back, instead of reading it as Socket.IO."""
    engine = sockets_of(app).eio

    async def send_back(eio_sid: str, data: str | bytes) -> None:
        await engine.send(eio_sid, data)

    engine.on("message", send_back)


@asynccontextmanager
async def socketio_echo(**settings: Any) -> AsyncIterator[EchoServer]:
    async with running(**(SUITES | settings)) as server:
        yield EchoServer(server)


@asynccontextmanager
async def engineio_echo(**settings: Any) -> AsyncIterator[RunningServer]:
    async with running(**(SUITES | settings)) as server:
        echo_engine_messages(server.app)
        yield server


async def serve(port: int) -> None:
    async with socketio_echo(PORT=port), engineio_echo(PORT=port + 1):
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))
