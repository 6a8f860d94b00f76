"""Where the bytes of files are kept."""

from collections.abc import AsyncIterator
from typing import Protocol


class Blobs(Protocol):
    """Bytes under names of ours, each written once. One is there whole or not at all."""

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> int:
        """Keep what comes, and only then return how many bytes it was.

        If the iterator raises, so does this, and nothing is left.

        Raises:
            AppError: UNAVAILABLE.
        """
        ...

    def get(self, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from one place up to another, as they are wanted, some at a time.

        Raises:
            AppError: NOT_FOUND if there is no such name; UNAVAILABLE, also in the midst of it.
        """
        ...

    async def delete(self, name: str) -> None:
        """Forget what is there, and what an interrupted `put` left; none is no error.

        Raises:
            AppError: UNAVAILABLE.
        """
        ...
