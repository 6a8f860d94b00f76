"""How the other processes of this machine reach this one: by Unix sockets in a private folder."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

from server.transports.handover import TakeOver
from server.transports.listener import BACKLOG
from server.transports.routes import CONNECTIONS, REQUESTS, socket_path


class Neighbours:
    """The sockets of one process, open until `close`."""

    def __init__(self, path: Path, server: asyncio.Server, connections: TakeOver) -> None:
        self._path = path
        self._server = server
        self._connections = connections

    @classmethod
    async def open(
        cls,
        folder: Path,
        node_id: str,
        *,
        take_connection: Callable[[bytes], asyncio.Protocol],
        take_requests: Callable[[], asyncio.Protocol],
    ) -> "Neighbours":
        """Listen in a folder that nobody else may look into.

        Args:
            take_connection: Makes the protocol of a client's connection, of which so much
                was read.
            take_requests: Makes the protocol of a connection on which others forward requests.

        Raises:
            OSError: That cannot be.
        """
        path = socket_path(folder, node_id, REQUESTS)
        connections = TakeOver(socket_path(folder, node_id, CONNECTIONS), take_connection)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.bind(str(path))
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(take_requests, sock=sock, backlog=BACKLOG)
        return cls(path, server, connections)

    def close(self) -> None:
        """Take nothing more from others."""
        self._path.unlink(missing_ok=True)
        self._server.close()
        self._connections.close()
