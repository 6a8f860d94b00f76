"""Ending tasks that may not hear the first word."""

import asyncio
from collections.abc import Iterable

_ASK_AGAIN_S = 0.1


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks, and wait until they have ended.

    A cancellation that comes at the very moment of a time-out can be lost in a library; so
    who does not end is told again.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_ASK_AGAIN_S)
