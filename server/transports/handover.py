"""Handing a TCP connection over to another process of this machine, which then has it for good.

Between accepting a connection and answering its first request, nothing of it is in this
process but the bytes that were read. They go with it.
"""

import array
import asyncio
import contextlib
import logging
import re
import socket
from collections.abc import Callable
from pathlib import Path

from server.transports.metrics import Metrics
from server.transports.routes import CONNECTIONS, Routes

log = logging.getLogger("hushwire.http")

MAX_BYTES = 64 * 1024
"""That were read of a connection which is handed over; with more it stays."""

TAKEN_A_TURN = 64

_SID = re.compile(rb"(?:GET|POST) /socket\.io/\?(?:[^ \r\n]*&)?sid=([0-9]{1,3}n[0-9a-f]{12}\.)")


class HandOver:
    """Gives connections away whose first request is for another process."""

    def __init__(self, routes: Routes, metrics: Metrics) -> None:
        self._routes = routes
        self._metrics = metrics
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def give(self, read: bytes, transport: asyncio.Transport) -> bool:
        """Whether the connection is another's now; if so, this process has let go of it.

        Args:
            read: All that was read of it, the head of its first request at least.
        """
        found = _SID.match(read)
        node_id = found and self._routes.stranger(found[1].decode())
        # What TLS knows of a connection cannot be handed over.
        if not node_id or len(read) > MAX_BYTES or transport.get_extra_info("sslcontext"):
            return False
        path = self._routes.neighbour(node_id, CONNECTIONS)
        if path is None:
            return False
        descriptor = array.array("i", [transport.get_extra_info("socket").fileno()])
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptor)
        try:
            self._socket.sendmsg([read], [rights], 0, str(path))
        except OSError:
            return False  # it is full, or gone: the request is forwarded, or refused
        self._metrics.forwarded.labels("connection").inc()
        transport.abort()  # closes our descriptor of it; the connection stays open
        return True

    def close(self) -> None:
        self._socket.close()


class TakeOver:
    """Takes the connections that other processes hand over.

    Args:
        path: Of the socket by which they come.
        make: Makes a protocol of the bytes that were read of a connection.
    """

    def __init__(self, path: Path, make: Callable[[bytes], asyncio.Protocol]) -> None:
        self._path = path
        self._make = make
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(path))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._take)
        self._opening: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        if self._socket.fileno() < 0:
            return
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _take(self) -> None:
        for _ in range(TAKEN_A_TURN):
            try:
                read, descriptors, _, _ = socket.recv_fds(
                    self._socket, MAX_BYTES, 1, socket.MSG_CMSG_CLOEXEC
                )
            except BlockingIOError:
                return
            except OSError:
                log.exception("cannot_take_over")
                return
            for descriptor in descriptors:
                task = self._loop.create_task(self._open(read, descriptor))
                self._opening.add(task)
                task.add_done_callback(self._opening.discard)

    async def _open(self, read: bytes, descriptor: int) -> None:
        with contextlib.suppress(OSError):  # it may be gone by now
            connection = socket.socket(fileno=descriptor)
            connection.setblocking(False)
            await self._loop.connect_accepted_socket(lambda: self._make(read), connection)
