"""The move of a line from polling to a WebSocket."""

import asyncio

from server.transports.socketio import outgoing
from server.transports.socketio.session import EngineSocket
from server.transports.websocket import NORMAL, WebSocket

UPGRADE_LIMIT_S = 10
"""For a polling client to move to its WebSocket."""


class Probe:
    """A WebSocket by which a polling client wants to go on: `2probe`, `3probe`, `5`."""

    def __init__(self, session: EngineSocket) -> None:
        self._session = session
        self._connection: WebSocket | None = None
        self._is_answered = False
        self._deadline: asyncio.TimerHandle | None = None

    def opened(self, connection: WebSocket) -> None:
        if not self._session.begin_probe(self):
            connection.close()  # and `received` and `lost` are called no more
            return
        self._connection = connection
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(UPGRADE_LIMIT_S, self._fail)

    def received(self, message: str | bytes) -> None:
        assert self._connection
        if message == "2probe" and not self._is_answered:
            self._is_answered = True
            self._connection.answer(outgoing.PONG_TO_PROBE.frames)
            self._session.pause_polling()
        elif message == "5" and self._is_answered:
            self._stop()
            self._session.move(self._connection)
        else:
            self._fail()

    def drained(self) -> None:
        """So little is written that it does not matter."""

    def lost(self, code: int) -> None:
        self._stop()
        if self._connection:
            self._session.end_probe()

    def close(self, code: int) -> None:
        """Close the WebSocket, since the session ends."""
        self._stop()
        if self._connection:
            self._connection.close(code)

    def _fail(self) -> None:
        self._session.end_probe()
        self.close(NORMAL)

    def _stop(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None
