"""Where the bytes of files are kept."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from msgspec import Struct


class ByteStream(Struct, frozen=True):
    """A file on its way in.

    Attributes:
        size_bytes: At most, as its sender says; None if nothing was said.
        name, media_type: As its sender says, if it does.
        chunks: Once; of any size. It raises AppError if what was to come does not.
    """

    size_bytes: int | None
    name: str | None
    media_type: str | None
    chunks: AsyncIterator[bytes]


class Download(Struct, frozen=True):
    """A file on its way out.

    Attributes:
        file_id: No other bytes ever have the same.
        name: As its sender said; None if it has none.
        chunks: The bytes from one place up to another.
    """

    file_id: str
    size_bytes: int
    name: str | None
    chunks: Callable[[int, int], AsyncIterator[bytes]]


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
