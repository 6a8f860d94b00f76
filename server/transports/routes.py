"""From the id of a line to the process that has it."""

import re
from pathlib import Path

from msgspec import Struct

from server.core.ports import Peers
from server.transports.passes import Hop

_NODE_OF_SID = re.compile(r"([0-9]{1,3}n[0-9a-f]{12})\.")  # see `new_node_id`


class Place(Struct, frozen=True):
    """Where another process is reached.

    Attributes:
        address: The path of a Unix socket, or a URL.
        hop: By which it is told that a request comes.
    """

    address: str
    hop: Hop


class Routes:
    """Finds other processes, on this machine and on others.

    Args:
        node_id: Of this one.
        folder: Where those of this machine have their Unix sockets; None if it is alone.
        peers: Of other machines; None if this one knows of none.
    """

    def __init__(self, node_id: str, folder: Path | None, peers: Peers | None) -> None:
        self._node_id = node_id
        self._folder = folder
        self._peers = peers

    def stranger(self, sid: str) -> str | None:
        """The process that made the id, if it is not this one."""
        found = _NODE_OF_SID.match(sid)
        return found[1] if found and found[1] != self._node_id else None

    def neighbour(self, node_id: str, kind: str) -> Path | None:
        """A Unix socket of a process on this machine, if it is there."""
        path = self._folder and socket_path(self._folder, node_id, kind)
        return path if path and path.exists() else None

    async def find(self, sid: str, came_by: Hop) -> Place | None:
        """Where a request with this id is to go; None if it stays here, known or unknown.

        Raises:
            AppError: UNAVAILABLE, if that cannot be found out.
        """
        node_id = None if came_by is Hop.SOCKET else self.stranger(sid)
        if node_id is None:
            return None
        if path := self.neighbour(node_id, REQUESTS):
            return Place(str(path), Hop.SOCKET)
        if came_by is Hop.NODE or self._peers is None:
            return None
        url = await self._peers.lookup(node_id)
        return Place(url, Hop.NODE) if url else None


REQUESTS = "sock"
"""The kind of socket that takes forwarded requests."""

CONNECTIONS = "door"
"""The kind of socket that takes whole connections."""


def socket_path(folder: Path, node_id: str, kind: str) -> Path:
    return folder / f"{node_id}.{kind}"
