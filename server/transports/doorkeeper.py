"""How many TCP connections there may be, in all and of one address."""

from collections import Counter

from server.core.errors import AppError, Code
from server.transports.metrics import Metrics
from server.transports.proxies import Proxies


class Doorkeeper:
    """Counts open TCP connections, in all and by address.

    Args:
        max_connections: Of all addresses together.
        max_per_address: Of one address; None for no bound. A proxy of ours has none.

    Attributes:
        refused: Counts what is refused or cut off before or below HTTP.
    """

    def __init__(
        self,
        proxies: Proxies,
        metrics: Metrics,
        max_connections: int,
        max_per_address: int | None,
    ) -> None:
        self._proxies = proxies
        self.refused = metrics.refused
        self._max_connections = max_connections
        self._max_per_address = max_per_address
        self._by_peer: Counter[str] = Counter()
        self._count = 0

    def enter(self, peer: str) -> None:
        """Count a connection.

        Raises:
            AppError: TOO_MANY_CONNECTIONS; then it was not counted.
        """
        limit = None if self._proxies.trusts(peer) else self._max_per_address
        if limit is not None and self._by_peer[peer] >= limit:
            raise AppError(Code.TOO_MANY_CONNECTIONS, "too many connections from your address")
        if self._count >= self._max_connections:
            raise AppError(Code.TOO_MANY_CONNECTIONS, "the server has too many connections")
        self._by_peer[peer] += 1
        self._count += 1

    def leave(self, peer: str) -> None:
        self._count -= 1
        self._by_peer[peer] -= 1
        if not self._by_peer[peer]:
            del self._by_peer[peer]
