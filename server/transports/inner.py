"""Inner parts of the libraries that the transport builds on, in one place.

They are no promises of their authors: pyproject.toml pins the versions, and what is not
there fails here, when the process starts, and not in the middle of a message.
"""

import asyncio
from typing import Any

import socketio
from aiohttp import WebSocketError, web
from aiohttp._websocket.reader import WebSocketDataQueue as MessageQueue
from aiohttp._websocket.reader import WebSocketReader
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage

__all__ = [
    "HttpProcessingError",
    "MessageQueue",
    "RawRequestMessage",
    "WebSocketError",
    "WholeRequests",
    "bytes_after_upgrade",
    "forget_bytes_after_upgrade",
    "frame_parser",
    "parse_head",
]

_OF_SOCKETIO = (
    "_engineio_server_class",
    "_handle_ack",
    "_handle_connect",
    "_handle_disconnect",
    "_handle_eio_connect",
    "_handle_eio_disconnect",
    "_handle_event",
    "_send_packet",
)
_missing = [name for name in _OF_SOCKETIO if not hasattr(socketio.AsyncServer, name)]
if _missing or not hasattr(web.RequestHandler, "_message_tail"):
    raise ImportError(f"not the python-socketio or aiohttp that this builds on: {_missing}")


def frame_parser(queue: MessageQueue, max_message_bytes: int) -> WebSocketReader:
    """aiohttp's reader of frames, which calls `queue.feed_data` and `queue.set_exception`.

    The queue need not be initialised, which would cost each connection a kilobyte. The
    reader refuses a message as soon as its length is known, and one of just the limit too.
    """
    return WebSocketReader(queue, max_message_bytes + 1, compress=False, decode_text=True)


def parse_head(data: bytes) -> tuple[RawRequestMessage, bytes] | None:
    """The first request in the data, if it asks for an upgrade, and the bytes after it.

    Raises:
        HttpProcessingError: It is not HTTP.
    """
    protocol: Any = None  # asked only for requests with a body
    parser = HttpRequestParser(protocol, asyncio.get_running_loop(), 2**16)
    messages, is_upgrade, tail = parser.feed_data(data)
    return (messages[0][0], tail) if len(messages) == 1 and is_upgrade else None


class WholeRequests:
    """Reads requests of one connection that come whole, each in one piece.

    Bounds and strictness are those of aiohttp's own connections.
    """

    __slots__ = ("_parser",)

    MAX_BYTES = 2**16

    def __init__(self) -> None:
        flow: Any = _NO_FLOW
        loop = asyncio.get_running_loop()
        self._parser = HttpRequestParser(flow, loop, self.MAX_BYTES, auto_decompress=False)

    def read(self, data: bytes) -> tuple[RawRequestMessage, bytes] | None:
        """The request that the data is, and its body.

        Returns:
            None if it is not just one whole request; then nothing more can be read here.
        """
        if len(data) > self.MAX_BYTES:
            return None
        try:
            messages, _, tail = self._parser.feed_data(data)
        except HttpProcessingError:
            return None
        if len(messages) != 1 or tail:
            return None
        message, payload = messages[0]
        if not payload.is_eof() or message.upgrade or message.chunked or message.compression:
            return None
        return message, payload.read_nowait()


class _NoFlow:
    """For a reader of bodies that are there already: it never has to wait."""

    def pause_reading(self) -> None:
        """It has all of them."""

    def resume_reading(self, *, resume_parser: bool = True) -> None:
        """There was no pause."""


_NO_FLOW = _NoFlow()


def bytes_after_upgrade(request: web.Request) -> bytes:
    """What aiohttp has read after the head of a request that asks for an upgrade."""
    tail: bytes = request.protocol._message_tail  # noqa: SLF001
    return tail


def forget_bytes_after_upgrade(connection: web.RequestHandler) -> None:
    """Have aiohttp not read them as the next request, if the upgrade is refused."""
    connection._message_tail = b""  # noqa: SLF001
