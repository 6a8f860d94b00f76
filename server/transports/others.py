"""The other processes that serve the same clients, and all ways to them and from them."""

import socket
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, field

from server.core.ids import new_node_id
from server.core.ports import Peers
from server.transports.door import Door
from server.transports.doorkeeper import Doorkeeper
from server.transports.forward import Forwarder
from server.transports.gathering import Gathering
from server.transports.handover import HandOver
from server.transports.metrics import Metrics
from server.transports.neighbours import Neighbours
from server.transports.passes import Passes
from server.transports.proxies import Proxies
from server.transports.routes import Routes

MakeDoor = Callable[[Doorkeeper, bytes], Door]
"""Makes a door, of which so much was read before."""


class Seat(Struct, frozen=True):
    """The place of one process among others.

    Attributes:
        node_id: Its own, in front of the ids of its connections.
        sockets: Bound for it to the port that it shares with others of its machine; none if
            it is alone, and binds one itself.
        folder: Where the processes of its machine have their Unix sockets.
    """

    node_id: str = field(default_factory=new_node_id)
    sockets: tuple[socket.socket, ...] = ()
    folder: Path | None = None


class Others:
    """The others, as one process knows them.

    Args:
        peers: On other machines; None if there are none to forward to.
        passes: By which the others believe who a client is.
        limit_s: For a request that is forwarded.
        token: Of the operators.

    Attributes:
        routes: Where each is.
        forwarder: Has them answer.
        hand_over: Gives them connections, if there are some on this machine.
        gathering: Has their metrics, if so.
    """

    def __init__(
        self,
        seat: Seat,
        peers: Peers | None,
        passes: Passes,
        metrics: Metrics,
        *,
        limit_s: float,
        token: str,
    ) -> None:
        self._seat = seat
        self._neighbours: Neighbours | None = None
        self.routes = Routes(seat.node_id, seat.folder, peers)
        self.forwarder = Forwarder(passes, metrics, limit_s)
        self.hand_over = HandOver(self.routes, metrics) if seat.folder else None
        self.gathering = Gathering(seat.folder, seat.node_id, token) if seat.folder else None

    async def listen(
        self, make_door: MakeDoor, keeper: Doorkeeper, metrics: Metrics, max_connections: int
    ) -> None:
        """Take what the others of this machine have for this process.

        Args:
            keeper: Of clients, whose connections they hand over.

        Raises:
            OSError: That cannot be.
        """
        if self._seat.folder is None:
            return
        # The others have counted whose requests they forward.
        of_others = Doorkeeper(Proxies(), metrics, max_connections, max_per_address=None)
        self._neighbours = await Neighbours.open(
            self._seat.folder,
            self._seat.node_id,
            take_connection=lambda read: make_door(keeper, read),
            take_requests=lambda: make_door(of_others, b""),
        )

    def part(self) -> None:
        """Take nothing more of them, and give them nothing."""
        if self._neighbours:
            self._neighbours.close()
        if self.hand_over:
            self.hand_over.close()
