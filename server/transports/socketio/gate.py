"""Who may open a Socket.IO connection, and how many at a time."""

from collections import Counter

from server.core.clock import Clock
from server.core.errors import AppError, Code
from server.core.limits import Rate
from server.core.ports import RateLimiter
from server.core.rates import spend
from server.transports.flood import Flood


class Gate:
    """Admits connections by address; the address is the client's, also behind proxies.

    Args:
        max_per_address: Connections of one address at the same time; None for no bound.
        rate: How often one address may connect; None for no limit.

    Attributes:
        is_closed: Set while the process drains: nobody new comes in.
    """

    def __init__(
        self,
        *,
        limiter: RateLimiter,
        clock: Clock,
        max_per_address: int | None,
        rate: Rate | None,
    ) -> None:
        self._limiter = limiter
        self._clock = clock
        self._max_per_address = max_per_address
        self._rate = rate
        self._by_address: Counter[str] = Counter()
        self.is_closed = False

    @property
    def connections(self) -> int:
        return self._by_address.total()

    async def enter(self, address: str) -> None:
        """Count a connection until `leave`.

        Raises:
            AppError: UNAVAILABLE, RATE_LIMITED or TOO_MANY_CONNECTIONS; then nothing was counted.
        """
        if self.is_closed:
            raise AppError(Code.UNAVAILABLE, "this process is stopping; connect again")
        self._check_place(address)
        await spend(self._limiter, "connect", address, self._rate, self._clock.now_ms())
        self._check_place(address)  # others may have come while a store was asked
        self._by_address[address] += 1

    def _check_place(self, address: str) -> None:
        limit = self._max_per_address
        if limit is not None and self._by_address[address] >= limit:
            raise AppError(
                Code.TOO_MANY_CONNECTIONS, f"one address may have {limit} connections", 5_000
            )

    def is_flood(self, flood: Flood, now_s: float) -> bool:
        """Count a packet; whether there were too many of them. Nothing is where rates are off."""
        return self._rate is not None and flood.is_over(1, now_s)

    def leave(self, address: str) -> None:
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
