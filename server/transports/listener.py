"""Accepting connections, many at a time.

uvloop's own server accepts one connection in each turn of the event loop, so that a busy loop
keeps all others waiting at the door: with 2,000 of them, for half a minute.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

log = logging.getLogger("hushwire.http")

BACKLOG = 4096
ACCEPTS_A_TURN = 128
PAUSE_S = 0.5
"""Until the next try when the system gives us no more sockets."""

MAX_TLS_HANDSHAKES = 2000
MAX_ADDRESS_TLS_HANDSHAKES = 64
"""At the same time, in all and of one address."""

TLS_HANDSHAKE_LIMIT_S = 10
TLS_SHUTDOWN_LIMIT_S = 1


class Listener:
    """Listens on one address, and makes a protocol for each connection.

    Attributes:
        tls: For the next connections; None for plain TCP.
    """

    def __init__(
        self,
        sock: socket.socket,
        make: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._socket = sock
        self._make = make
        self.tls = tls
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._shaking_hands: Counter[str] = Counter()
        self._loop.add_reader(sock.fileno(), self._accept)
        self.port: int = sock.getsockname()[1]

    def close_after_last(self) -> None:
        """Accept nobody any more but those who are connected already, and wait for that."""
        if self._socket.fileno() >= 0:
            self._accept()
        self.close()

    def close(self) -> None:
        """Accept nobody any more."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _accept(self) -> None:
        for _ in range(ACCEPTS_A_TURN):
            try:
                connection, peer = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                log.exception("cannot_accept")
                self._pause()
                return
            if self.tls and not self._may_shake_hands(peer[0]):
                connection.close()
                continue
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._shaking_hands[peer[0]] += 1
            task = self._loop.create_task(self._open(connection, peer[0]))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def _pause(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._loop.call_later(PAUSE_S, self._go_on)

    def _go_on(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket.fileno(), self._accept)

    def _may_shake_hands(self, peer: str) -> bool:
        """The door counts whoever has shaken hands; until then the places are counted here."""
        return (
            len(self._opening) < MAX_TLS_HANDSHAKES
            and self._shaking_hands[peer] < MAX_ADDRESS_TLS_HANDSHAKES
        )

    async def _open(self, connection: socket.socket, peer: str) -> None:
        try:
            await self._connect(connection)
        finally:
            self._shaking_hands[peer] -= 1
            if not self._shaking_hands[peer]:
                del self._shaking_hands[peer]

    async def _connect(self, connection: socket.socket) -> None:
        # It may be gone again by now, or speak no TLS; an SSLError is an OSError.
        with contextlib.suppress(OSError):
            await self._loop.connect_accepted_socket(
                self._make,
                connection,
                ssl=self.tls,
                ssl_handshake_timeout=TLS_HANDSHAKE_LIMIT_S if self.tls else None,
                ssl_shutdown_timeout=TLS_SHUTDOWN_LIMIT_S if self.tls else None,
            )


class Address(NamedTuple):
    """Where a socket may listen."""

    family: int
    kind: int
    protocol: int
    place: tuple[Any, ...]


async def addresses_of(host: str, port: int) -> list[Address]:
    """All addresses of a host.

    Raises:
        OSError: There is no such host.
    """
    try:
        # What is an address already needs no thread to be looked up in.
        numeric = socket.AI_PASSIVE | socket.AI_NUMERICHOST
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=numeric)
    except socket.gaierror:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    places = ((family, kind, protocol, place) for family, kind, protocol, _, place in found)
    return [Address(*place) for place in dict.fromkeys(places)]


def bind(addresses: Iterable[Address], *, is_shared: bool = False) -> list[socket.socket]:
    """Sockets on these addresses, which do not listen yet.

    Args:
        is_shared: Others may listen there, too, if they ask for the same: the system then
            spreads connections evenly over all.

    Raises:
        OSError: An address cannot be had.
    """
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, place in addresses:
            sock = socket.socket(family, kind, protocol)
            sockets.append(sock)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if is_shared:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(place)
    except OSError:
        close_all(sockets)
        raise
    return sockets


def listen(
    sockets: Sequence[socket.socket],
    make: Callable[[], asyncio.Protocol],
    tls: ssl.SSLContext | None = None,
) -> list[Listener]:
    """Listen on all of these sockets, which are the listeners' from now on.

    Raises:
        OSError: Somebody else does; then they are closed.
    """
    try:
        for sock in sockets:
            sock.listen(BACKLOG)
    except OSError:
        close_all(sockets)
        raise
    return [Listener(sock, make, tls) for sock in sockets]


def close_all(sockets: Iterable[socket.socket]) -> None:
    for sock in sockets:
        sock.close()
