"""Files in chunks that are sealed one by one, so that any of them can be opened alone.

A chunk opens in its place of its file and in no other. How many there are follows from the size
of the file, which is kept beside it: what was cut off is missed.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from msgspec import Struct
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

from server.core.errors import AppError, Code
from server.core.workspaces.keys import NONCE_BYTES, TAG_BYTES, context

CHUNK_BYTES = 64 * 1024

SEALED_BYTES = CHUNK_BYTES + TAG_BYTES

log = logging.getLogger("hushwire.files")

Get = Callable[[str, int, int], AsyncGenerator[bytes, None]]
"""`Blobs.get`."""


class Whole(Struct, frozen=True):
    """A file that is kept.

    Attributes:
        size_bytes: Unsealed.
        key: Used for this file and for no other.
    """

    file_id: str
    size_bytes: int
    key: bytes

    @property
    def sealed_bytes(self) -> int:
        """What is kept of it."""
        return self.size_bytes + -(-self.size_bytes // CHUNK_BYTES) * TAG_BYTES


async def sealed(file_id: str, key: bytes, plain: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What is kept of a file that comes so."""
    number = 0
    async for chunk in _cut(plain, CHUNK_BYTES):
        nonce, place = _nonce(number), _place(file_id, number)
        yield crypto_aead_xchacha20poly1305_ietf_encrypt(chunk, place, nonce, key)
        number += 1


async def opened(whole: Whole, start: int, end: int, get: Get) -> AsyncGenerator[bytes, None]:
    """The bytes of a file from one place up to another.

    Raises:
        AppError: INTERNAL if what is kept is not what was sent; what `get` raises.
    """
    if start >= end:
        return
    number = start // CHUNK_BYTES
    kept_end = min(whole.sealed_bytes, -(-end // CHUNK_BYTES) * SEALED_BYTES)
    skipped = start - number * CHUNK_BYTES
    left = end - start
    async with aclosing(get(whole.file_id, number * SEALED_BYTES, kept_end)) as kept:
        async for chunk in _cut(kept, SEALED_BYTES):
            plain = _open(whole, number, chunk)[skipped : skipped + left]
            yield plain
            left -= len(plain)
            skipped = 0
            number += 1


def _open(whole: Whole, number: int, chunk: bytes) -> bytes:
    nonce, place = _nonce(number), _place(whole.file_id, number)
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(chunk, place, nonce, whole.key)
    except CryptoError:
        log.error("file_damaged", extra={"fields": {"file": whole.file_id}})
        raise AppError(
            Code.INTERNAL, "the file is not what was sent; its copy is damaged"
        ) from None


async def _cut(some: AsyncIterator[bytes], size_bytes: int) -> AsyncIterator[bytes]:
    """The same bytes, so many at a time; the last may be fewer."""
    waiting = bytearray()
    async for chunk in some:
        waiting += chunk
        while len(waiting) >= size_bytes:
            yield bytes(waiting[:size_bytes])
            del waiting[:size_bytes]
    if waiting:
        yield bytes(waiting)


def _nonce(number: int) -> bytes:
    return number.to_bytes(NONCE_BYTES, "big")


def _place(file_id: str, number: int) -> bytes:
    return context("chunk", file_id, str(number))
