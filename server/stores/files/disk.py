"""Blobs as files of a folder."""

import asyncio
import io
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from server.core.errors import AppError, Code

PIECE_BYTES = 1 << 20
"""Written at a time: each is a call in a thread."""

READ_BYTES = 1 << 18

T = TypeVar("T")

log = logging.getLogger("hushwire.files")


class DiskBlobs:
    """Keeps each in a file of its own (mode 0600), which is whole once it has its name.

    Args:
        folder: Made when the first comes; of one file system.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> int:
        """As the protocol says."""
        path = self._path(name)
        file = await _in_thread(_made, _aside(path))
        try:
            size_bytes = 0
            async for piece in _pieces(chunks):
                await _in_thread(file.write, piece)
                size_bytes += len(piece)
            await _in_thread(_keep, file, path)
        except BaseException:
            await _in_thread(_drop, file, _aside(path))
            raise
        return size_bytes

    async def get(self, name: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """As the protocol says."""
        file = await _in_thread(_opened, self._path(name), start)
        try:
            while start < end:
                piece = await _in_thread(file.read, min(READ_BYTES, end - start))
                if not piece:
                    raise _away("file_is_short")
                start += len(piece)
                yield piece
        finally:
            file.close()

    async def delete(self, name: str) -> None:
        """As the protocol says."""
        path = self._path(name)
        await _in_thread(_unlinked, path, _aside(path))

    def _path(self, name: str) -> Path:
        # By its last digits, since the first ones of an id are the time.
        return self._folder / name[-2:] / name


def _aside(path: Path) -> Path:
    return path.with_name(path.name + ".part")


async def _pieces(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes, as many at a time as are worth a call."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        if len(waiting) >= PIECE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


async def _in_thread(call: Callable[..., T], *args: object) -> T:
    """What the call returns, once it has ended: a thread goes on when nobody waits for it.

    Raises:
        AppError: What the call raises; UNAVAILABLE if the disk cannot do it.
    """
    work = asyncio.ensure_future(asyncio.to_thread(call, *args))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise
    except OSError as error:
        raise _away(type(error).__name__ if not error.errno else os.strerror(error.errno)) from None


def _away(why: str) -> AppError:
    log.error("files_away", extra={"fields": {"why": why}})
    return AppError(Code.UNAVAILABLE, "files cannot be kept or read now; try again later")


def _made(path: Path) -> io.FileIO:
    for folder in (path.parent.parent, path.parent):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
            _flush(folder.parent)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return io.FileIO(handle, "w")


def _opened(path: Path, start: int) -> io.FileIO:
    try:
        file = io.FileIO(path, "r")
    except FileNotFoundError:
        raise AppError(Code.NOT_FOUND, "there is no such file") from None
    file.seek(start)
    return file


def _keep(file: io.FileIO, path: Path) -> None:
    """Name it once its bytes are on the disk, and see that the name is there, too."""
    os.fsync(file.fileno())
    file.close()
    _aside(path).rename(path)
    _flush(path.parent)


def _drop(file: io.FileIO, path: Path) -> None:
    file.close()
    path.unlink(missing_ok=True)


def _unlinked(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
