"""Spending a rate: one call that refuses with the time to wait."""

from server.core.errors import AppError, Code
from server.core.limits import Rate
from server.core.ports import RateLimiter


async def spend(limiter: RateLimiter, what: str, who: str, rate: Rate | None, now_ms: int) -> None:
    """Count one `what` by `who`; None as the rate counts nothing.

    Raises:
        AppError: RATE_LIMITED, with `retry_after_ms`.
    """
    if rate is None:
        return
    wait_ms = await limiter.take(f"{what}:{who}", rate, 1, now_ms)
    if wait_ms:
        raise AppError(
            Code.RATE_LIMITED, f"too many; try again in {-(-wait_ms // 1000)} s", wait_ms
        )
