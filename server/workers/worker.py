"""One worker process, as its supervisor sees it."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Sequence

from msgspec import structs

from server.transports.listener import close_all
from server.workers.orders import Orders, encode


class Worker:
    """A process that was started.

    Attributes:
        node_id: Its own.
    """

    def __init__(
        self,
        node_id: str,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.node_id = node_id
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, orders: Orders, sockets: Sequence[socket.socket]) -> "Worker":
        """Start one with these sockets, which are its own from now on.

        Raises:
            OSError: The system has no room for it.
        """
        ours, theirs = socket.socketpair()
        descriptors = tuple(sock.fileno() for sock in sockets)
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "server.workers", str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *descriptors),
                # What is typed at a terminal is for the supervisor, which tells the workers.
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            close_all([theirs, *sockets])
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        writer.write(encode(structs.replace(orders, sockets=descriptors)))
        return cls(orders.node_id, process, reader, writer)

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    async def is_ready(self) -> bool:
        """Wait until it is, or has ended."""
        with contextlib.suppress(ConnectionError):
            return bool(await self._reader.readline())
        return False

    def tell(self, word: str) -> None:
        self._writer.write(word.encode() + b"\n")

    def signal(self, signum: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signum)

    async def ended(self) -> int:
        """Wait for its end; returns the exit status, negative if it was a signal."""
        status = await self._process.wait()
        self._writer.close()
        return status
