"""From an HTTP request to a WebSocket: the handshake of RFC 6455, section 4.2.

A connection comes here from the door, if the upgrade is its first request, or from aiohttp,
if others went before it. Either way it leaves as a `WebSocket`.
"""

import asyncio
import base64
import binascii
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from msgspec import Struct
from multidict import CIMultiDictProxy
from yarl import URL

from server.core.errors import AppError, Code
from server.core.patience import Patience
from server.transports.errors import CLOSE_CODE
from server.transports.forward import Forwarder
from server.transports.front import DEFAULT_HEADERS, Front, Peer
from server.transports.heads import head
from server.transports.http_connection import HttpConnection
from server.transports.inner import bytes_after_upgrade
from server.transports.metrics import Metrics
from server.transports.routes import Place, Routes
from server.transports.tunnel import TunnelEnd
from server.transports.websocket import ABNORMAL, Flusher, User, WebSocket

_VERSION = "13"
_KEY_BYTES = 16
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # section 1.3

_ONE_SEGMENT = "{}"

Open = Callable[[Mapping[str, str], str, Mapping[str, str]], Awaitable[User]]
"""Admits a connection: gets the query, the client's address, the headers; raises AppError.

What the path names stands in the query too.
"""


class Entrance(Struct, frozen=True):
    """A path that has WebSockets.

    Attributes:
        named: What its last segment is called in the query; None if it has a fixed one.
        subprotocol: With which a client is answered that offers it.
        has_lines: A `sid` in the query may be of a line that another process has.
    """

    open: Open
    named: str | None = None
    subprotocol: str | None = None
    has_lines: bool = False

    def query(self, url: URL) -> Mapping[str, str]:
        return {**url.query, self.named: url.name} if self.named else url.query


class Wish(Struct, frozen=True):
    """A request for an upgrade, from whichever parser.

    Attributes:
        raw_path: Path and query as they were sent.
        version: Of HTTP, such as (1, 1).
        tail: Bytes that came after its head.
    """

    method: str
    raw_path: str
    version: tuple[int, int]
    url: URL
    headers: CIMultiDictProxy[str]
    tail: bytes


class Upgrades:
    """Makes WebSockets for the paths that have them.

    Args:
        max_message_bytes: Of one message from a client.
        max_unsent_bytes: Waiting for one slow reader.
        has_rates: Whether too many frames a second end a connection.
    """

    def __init__(
        self,
        front: Front,
        metrics: Metrics,
        routes: Routes,
        forwarder: Forwarder,
        *,
        max_message_bytes: int,
        max_unsent_bytes: int,
        has_rates: bool,
    ) -> None:
        self._front = front
        self._metrics = metrics
        self._max_message_bytes = max_message_bytes
        self._max_unsent_bytes = max_unsent_bytes
        self._has_rates = has_rates
        self._flusher = Flusher()
        self._routes = routes
        self._forwarder = forwarder
        self._tunnels: set[TunnelEnd] = set()
        self._entrances: dict[str, Entrance] = {}
        self._all_ended: asyncio.Event | None = None  # while all are being closed
        self._open: dict[WebSocket, Callable[[], None]] = {}  # -> tells the door of its end

    @property
    def tunnels(self) -> int:
        """Connections that lead to other processes."""
        return len(self._tunnels)

    def serve(
        self,
        path: str,
        opener: Open,
        *,
        subprotocol: str | None = None,
        has_lines: bool = False,
    ) -> None:
        """Have connections opened under a path, of which the last segment may be a `{name}`."""
        parent, _, last = path.rpartition("/")
        if last.startswith("{"):
            entrance = Entrance(opener, last.strip("{}"), subprotocol, has_lines)
            self._entrances[f"{parent}/{_ONE_SEGMENT}"] = entrance
        else:
            self._entrances[path] = Entrance(opener, None, subprotocol, has_lines)

    def serves(self, path: str) -> bool:
        return self._find(path) is not None

    def _find(self, path: str) -> Entrance | None:
        parent, _, last = path.rpartition("/")
        by_name = self._entrances.get(f"{parent}/{_ONE_SEGMENT}") if last else None
        return self._entrances.get(path) or by_name

    async def open(
        self, wish: Wish, transport: asyncio.Transport, on_end: Callable[[], None]
    ) -> asyncio.Protocol:
        """Answer the handshake and hand the connection to whoever uses it.

        If that is another process, it answers, and the connection leads there.

        Args:
            on_end: Called when the connection is gone, which has no other protocol then.

        Raises:
            AppError: It is refused; nothing was written.
        """
        accept = _accept(wish)
        peer = self._front.peer(transport, wish)
        self._front.check_origin(peer, wish.headers)
        entrance = self._find(wish.url.path)
        if entrance is None:
            raise AppError(Code.NOT_FOUND, "there are no WebSockets")
        sid = wish.url.query.get("sid", "") if entrance.has_lines else ""
        if place := await self._routes.find(sid, peer.hop):
            return await self._tunnel(wish, transport, on_end, peer, place)
        address = self._front.client_address(peer, wish.headers)
        user = await entrance.open(entrance.query(wish.url), address, wish.headers)
        connection = WebSocket(
            user,
            flusher=self._flusher,
            max_message_bytes=self._max_message_bytes,
            max_unsent_bytes=self._max_unsent_bytes,
            on_cut=self._metrics.refused,
            has_rates=self._has_rates,
            on_end=self._ended,
        )
        if transport.is_closing():
            user.lost(ABNORMAL)
            return connection
        self._open[connection] = on_end
        transport.set_protocol(connection)
        connection.connection_made(transport)
        transport.resume_reading()  # before there is anything to read, which may hold it
        connection.begin(self._answer(wish, peer, accept, entrance.subprotocol))
        if wish.tail:
            connection.data_received(wish.tail)
        return connection

    async def _tunnel(
        self,
        wish: Wish,
        transport: asyncio.Transport,
        on_end: Callable[[], None],
        peer: Peer,
        place: Place,
    ) -> TunnelEnd:
        there = await self._forwarder.tunnel(wish, peer, place)

        def ended(end: TunnelEnd) -> None:
            self._tunnels.discard(end)
            on_end()
            self._tell_if_all_ended()

        here = TunnelEnd(ended)
        there.write(wish.tail)
        if not transport.is_closing():
            self._tunnels.add(here)
            transport.set_protocol(here)
            here.connection_made(transport)
        here.join(there)
        here.release()
        return here

    async def open_after_http(self, request: web.Request) -> web.StreamResponse:
        """The same for a connection that has carried other requests, which aiohttp has.

        Raises:
            AppError: It is refused, and nothing more is read of the connection.
        """
        connection, transport = request.protocol, request.transport
        if not isinstance(connection, HttpConnection) or transport is None:
            raise AppError(Code.INVALID_REQUEST, "the connection was lost")
        tail = bytes_after_upgrade(request)
        wish = Wish(
            request.method,
            request.raw_path,
            request.version,
            request.rel_url,
            request.headers,
            tail,
        )
        try:
            await self.open(wish, transport, connection.leave)
        except AppError:
            connection.end_after_this()
            raise
        connection.let_go()
        return _Answered()

    async def close_all(self, limit_s: float) -> None:
        """Close every connection, and cut off who does not answer within the limit."""
        for connection in list(self._open):
            connection.close(CLOSE_CODE[Code.UNAVAILABLE])
        if self._open or self._tunnels:
            self._all_ended = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with Patience(limit_s):
                    await self._all_ended.wait()
        for connection in list(self._open):
            connection.abort()
        for tunnel in list(self._tunnels):
            tunnel.abort()
        await asyncio.sleep(0)  # for them to hear of it

    def _answer(self, wish: Wish, peer: Peer, accept: str, subprotocol: str | None) -> bytes:
        accepted = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
        headers = accepted | DEFAULT_HEADERS | self._front.headers(peer, wish.headers)
        offered = wish.headers.get("Sec-WebSocket-Protocol", "").split(",")
        if subprotocol and subprotocol in (one.strip() for one in offered):
            headers["Sec-WebSocket-Protocol"] = subprotocol
        return head(101, "Switching Protocols", headers)

    def _ended(self, connection: WebSocket) -> None:
        self._open.pop(connection)()
        self._tell_if_all_ended()

    def _tell_if_all_ended(self) -> None:
        if self._all_ended and not self._open and not self._tunnels:
            self._all_ended.set()


def is_wanted(headers: Mapping[str, str]) -> bool:
    """Whether a request asks for a WebSocket."""
    wishes = headers.get("Connection", "").lower().split(",")
    return (
        "upgrade" in (wish.strip() for wish in wishes)
        and headers.get("Upgrade", "").lower() == "websocket"
    )


def _accept(wish: Wish) -> str:
    """The proof that the handshake was read.

    Raises:
        AppError: INVALID_REQUEST.
    """
    if wish.method != "GET" or wish.version < (1, 1) or not is_wanted(wish.headers):
        raise AppError(Code.INVALID_REQUEST, "that does not ask for a WebSocket")
    if wish.headers.get("Sec-WebSocket-Version") != _VERSION:
        raise AppError(Code.INVALID_REQUEST, "use version 13 of WebSockets")
    key = wish.headers.get("Sec-WebSocket-Key", "")
    try:
        is_key = len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        is_key = False
    if not is_key:
        raise AppError(Code.INVALID_REQUEST, "Sec-WebSocket-Key is 16 bytes in Base64")
    # Not a secret: SHA-1 is what the protocol has.
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


class _Answered(web.StreamResponse):
    """For aiohttp, which asks for a response to a request that has had its answer."""

    def __init__(self) -> None:
        super().__init__(status=101)

    async def prepare(self, request: web.BaseRequest) -> None:
        """There is nothing to write."""

    async def write_eof(self, data: bytes = b"") -> None:
        """There is nothing to write."""
