"""Having another process answer a request, which is for a line that it has."""

import asyncio
import contextlib
import ssl
from collections import OrderedDict
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from server.core.errors import AppError, Code
from server.core.patience import Patience
from server.transports.front import Peer
from server.transports.http_connection import HttpConnection
from server.transports.metrics import Metrics
from server.transports.passes import HEADER, Asked, Hop, Pass, Passes
from server.transports.routes import Place
from server.transports.tunnel import TunnelEnd

CONNECT_LIMIT_S = 5.0
CLOSE_LIMIT_S = 0.5
MAX_PLACES = 256
"""With connections kept open to them; the least used of more are closed."""

MAX_WHOLE_BYTES = 64 * 1024
"""Of an answer that is passed on in one piece."""

_HOP_BY_HOP = frozenset(
    ("connection", "content-length", "expect", "keep-alive", "te", "transfer-encoding", "upgrade")
)
_ANSWERED = ("Content-Type", "Content-Encoding", "Retry-After")

_BROKEN = (aiohttp.ClientError, OSError, TimeoutError)
"""What is raised when the other process does not answer, or not to the end."""


class Forwarder:
    """Asks other processes on behalf of clients.

    Args:
        limit_s: For one request; a poll waits for long.
    """

    def __init__(self, passes: Passes, metrics: Metrics, limit_s: float) -> None:
        self._passes = passes
        self._metrics = metrics
        self._limit_s = limit_s
        self._sessions: OrderedDict[str, aiohttp.ClientSession] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    async def request(
        self, request: web.Request, peer: Peer, place: Place, body: bytes
    ) -> web.StreamResponse:
        """Pass a request on, and its answer back.

        Raises:
            AppError: INVALID_REQUEST: the process is gone, and the line with it.
        """
        self._metrics.forwarded.labels("request").inc()
        connection = request.protocol
        assert isinstance(connection, HttpConnection)
        asking = asyncio.create_task(self._ask(request, peer, place, body))
        # The other process is to hear that the client has gone.
        connection.on_lost = lambda: _cancel(asking)
        try:
            return await asking
        except _BROKEN:
            raise _gone() from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task and task.cancelling():
                asking.cancel()
                raise
            raise _gone() from None
        finally:
            connection.on_lost = None

    async def _ask(
        self, request: web.Request, peer: Peer, place: Place, body: bytes
    ) -> web.StreamResponse:
        url = URL(_url(place) + request.rel_url.raw_path_qs, encoded=True)
        headers = self._headers(request, url.raw_path_qs, peer, place)
        session = self._session(place)
        async with session.request(
            request.method, url, headers=headers, data=body or None, allow_redirects=False
        ) as answer:
            told = {name: answer.headers[name] for name in _ANSWERED if name in answer.headers}
            if (answer.content_length or 0) <= MAX_WHOLE_BYTES:
                return web.Response(status=answer.status, headers=told, body=await answer.read())
            response = web.StreamResponse(status=answer.status, headers=told)
            response.content_length = answer.content_length
            await response.prepare(request)
            await _pass_on(answer, response, request)
            return response

    async def tunnel(self, asked: Asked, peer: Peer, place: Place) -> TunnelEnd:
        """A connection to the other process on which the head of this request was written.

        Raises:
            AppError: INVALID_REQUEST: the process is gone, and the line with it.
        """
        self._metrics.forwarded.labels("websocket").inc()
        end = TunnelEnd()
        try:
            # As a task: it may run where there is none yet, and a time limit needs one.
            await asyncio.create_task(_connect(end, place))
        except (OSError, TimeoutError):
            raise _gone() from None
        lines = [f"{asked.method} {asked.raw_path} HTTP/1.1"]
        lines += [
            f"{name}: {value}"
            for name, value in asked.headers.items()
            if name.lower() != HEADER.lower()
        ]
        written = self._pass(peer, place, asked.method, asked.raw_path)
        lines += [f"{HEADER}: {written}", "", ""]
        end.write("\r\n".join(lines).encode("utf-8", "surrogateescape"))
        return end

    async def close(self) -> None:
        """Close the connections to all others, and wait for that within a limit."""
        for session in self._sessions.values():
            self._close(session)
        self._sessions.clear()
        if self._closing:
            with contextlib.suppress(TimeoutError):
                async with Patience(CLOSE_LIMIT_S):
                    await asyncio.wait(self._closing)
            for late in self._closing:
                late.cancel()

    def _headers(
        self, request: web.Request, raw_path: str, peer: Peer, place: Place
    ) -> CIMultiDict[str]:
        """Of some there may be several lines, of proxies one after the other."""
        kept = CIMultiDict(
            (name, value)
            for name, value in request.headers.items()
            if name.lower() not in _HOP_BY_HOP
        )
        kept[HEADER] = self._pass(peer, place, request.method, raw_path)
        return kept

    def _pass(self, peer: Peer, place: Place, method: str, raw_path: str) -> str:
        one = Pass(place.hop, peer.address, peer.is_secure)
        return self._passes.write(one, method, raw_path)

    def _session(self, place: Place) -> aiohttp.ClientSession:
        session = self._sessions.pop(place.address, None) or _session(place, self._limit_s)
        self._sessions[place.address] = session
        if len(self._sessions) > MAX_PLACES:
            _, unused = self._sessions.popitem(last=False)
            self._close(unused)
        return session

    def _close(self, session: aiohttp.ClientSession) -> None:
        task = asyncio.create_task(session.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _session(place: Place, limit_s: float) -> aiohttp.ClientSession:
    # There are no more of them at a time than clients have connections here.
    connector: aiohttp.BaseConnector = (
        aiohttp.UnixConnector(place.address, limit=0)
        if place.hop is Hop.SOCKET
        else aiohttp.TCPConnector(limit=0)
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept", "Content-Type"),
        timeout=aiohttp.ClientTimeout(total=limit_s, connect=CONNECT_LIMIT_S),
    )


def _url(place: Place) -> str:
    return "http://socket" if place.hop is Hop.SOCKET else place.address


async def _connect(end: TunnelEnd, place: Place) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(CONNECT_LIMIT_S):
        if place.hop is Hop.SOCKET:
            await loop.create_unix_connection(lambda: end, place.address)
            return
        url = urlsplit(place.address)
        is_secure = url.scheme == "https"
        tls = ssl.create_default_context() if is_secure else None
        port = url.port or (443 if is_secure else 80)
        await loop.create_connection(lambda: end, url.hostname or "", port, ssl=tls)


async def _pass_on(
    answer: aiohttp.ClientResponse, response: web.StreamResponse, request: web.Request
) -> None:
    """Pass on the body of an answer whose head has gone to the client already."""
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
    except _BROKEN:
        # Whatever came now, the client would take for the rest of it.
        if request.transport:
            request.transport.abort()


def _cancel(task: asyncio.Task[web.StreamResponse]) -> None:
    task.cancel()


def _gone() -> AppError:
    return AppError(Code.INVALID_REQUEST, "no connection with that sid polls")
