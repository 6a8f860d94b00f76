"""Blobs as objects of a bucket: of Amazon, or of a server that speaks as S3 does."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from server.core.errors import AppError, Code
from server.stores.files.access import S3Access

PART_BYTES = 5 << 20
"""The least that S3 takes for a part; two are under way at a time."""

READ_BYTES = 1 << 18

CONNECT_S, SILENCE_S, REQUEST_S, RETRY_S = 5, 30, 3600, 60
"""A request may take long, since clients may read slowly; the bucket may not be silent for long."""

if TYPE_CHECKING:
    from obstore.store import ClientConfig  # there for types alone

log = logging.getLogger("hushwire.files")


class S3Blobs:
    """Keeps each in an object of its own.

    What a process that was killed had sent of one stands in no list of objects, and is forgotten
    by the bucket's rule for incomplete uploads.
    """

    def __init__(self, access: S3Access) -> None:
        parts = urlsplit(access.url)
        given = {
            "endpoint": access.endpoint,
            "region": access.region,
            "access_key_id": access.access_key,
            "secret_access_key": access.secret_key,
        }
        options: ClientConfig = {
            "allow_http": (access.endpoint or "").startswith("http://"),
            "connect_timeout": timedelta(seconds=CONNECT_S),
            "read_timeout": timedelta(seconds=SILENCE_S),
            "timeout": timedelta(seconds=REQUEST_S),
        }
        self._store = S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            client_options=options,
            retry_config={"retry_timeout": timedelta(seconds=RETRY_S)},
            **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
        )

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> int:
        """As the protocol says."""
        counted = _Counted(chunks)
        try:
            await obstore.put_async(
                self._store, name, counted.all(), chunk_size=PART_BYTES, max_concurrency=2
            )
        except (BaseError, FileNotFoundError) as error:
            raise _away(error) from None
        return counted.size_bytes

    async def get(self, name: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """As the protocol says."""
        if start >= end:
            return
        try:
            found = await obstore.get_async(self._store, name, options={"range": (start, end)})
            async for piece in found.stream(min_chunk_size=READ_BYTES):
                start += len(piece)
                yield bytes(piece)
        except FileNotFoundError:
            raise AppError(Code.NOT_FOUND, "there is no such file") from None
        except BaseError as error:
            raise _away(error) from None
        if start < end:
            raise _away(EOFError())

    async def delete(self, name: str) -> None:
        """As the protocol says."""
        try:
            await obstore.delete_async(self._store, name)
        except FileNotFoundError:
            pass  # of a server that says so
        except BaseError as error:
            raise _away(error) from None


class _Counted:
    """What goes by, and how much it was."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self.size_bytes = 0

    async def all(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            self.size_bytes += len(chunk)
            yield chunk


def _away(error: Exception) -> AppError:
    log.error("files_away", extra={"fields": {"why": type(error).__name__}})
    return AppError(Code.UNAVAILABLE, "files cannot be kept or read now; try again later")
