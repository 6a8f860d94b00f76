"""What is sealed under a key that has ended meanwhile is sealed anew, and nobody is told."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from server.core.ports.keys import KeyEndedError

T = TypeVar("T")


async def under_a_key(seal_and_store: Callable[[], Awaitable[T]]) -> T:
    """Do what looks for a key, seals under it and stores; again if the key has ended meanwhile.

    Raises:
        AppError: As that does; UNAVAILABLE if that happens twice.
    """
    try:
        return await seal_and_store()
    except KeyEndedError:
        return await seal_and_store()
