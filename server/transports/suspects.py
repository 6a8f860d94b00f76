"""Addresses from which bad tokens come: so many are looked at, and then no more for a while.

To see that a token is bad may take a look into the database, which must not be free.
"""

from typing import Final

from server.core.clock import Clock
from server.core.errors import AppError, Code
from server.core.limits import Rate
from server.core.ports import RateLimiter
from server.core.rates import refusal

MAX_REMEMBERED: Final = 10_000

_BAD = frozenset((Code.UNAUTHENTICATED, Code.TOKEN_EXPIRED, Code.FORBIDDEN))


class Suspects:
    """Counts bad tokens, for all processes together; good ones cost nothing.

    Args:
        rate: Of one address; None for no limit.
    """

    def __init__(self, limiter: RateLimiter, clock: Clock, rate: Rate | None) -> None:
        self._limiter = limiter
        self._clock = clock
        self._rate = rate
        self._until_ms: dict[str, int] = {}

    def check(self, address: str) -> None:
        """Refuse what comes from an address that has sent too many.

        Raises:
            AppError: RATE_LIMITED.
        """
        if until_ms := self._until_ms.get(address):
            wait_ms = until_ms - self._clock.now_ms()
            if wait_ms > 0:
                raise refusal(wait_ms)
            del self._until_ms[address]

    async def note(self, address: str, error: AppError) -> None:
        """Count a token that was refused, if that was its own fault.

        If nobody can count now, it is not counted: it is refused all the same.
        """
        if self._rate is None or error.code not in _BAD:
            return
        now_ms = self._clock.now_ms()
        try:
            wait_ms = await self._limiter.take(f"bad token from:{address}", self._rate, 1, now_ms)
        except AppError as failure:
            if failure.code is not Code.UNAVAILABLE:
                raise
            return
        if wait_ms:
            if len(self._until_ms) >= MAX_REMEMBERED:
                self._until_ms.clear()  # they are noted anew as they go on
            self._until_ms[address] = now_ms + wait_ms
