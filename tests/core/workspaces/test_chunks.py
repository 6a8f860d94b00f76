"""Files in chunks: any part opens, and nothing that was changed, moved or cut off does."""

import json
import random

import pytest

from server.core.errors import AppError, Code
from server.core.workspaces.chunks import CHUNK_BYTES, SEALED_BYTES, Whole, opened, sealed
from server.logs import JsonFormatter

KEY = bytes(range(32))


async def pieces(content, size_bytes=50_000):
    for start in range(0, len(content), size_bytes):
        yield content[start : start + size_bytes]


async def sealed_of(content, file_id="f1", key=KEY, size_bytes=50_000):
    return b"".join([one async for one in sealed(file_id, key, pieces(content, size_bytes))])


async def part_of(kept, size_bytes, start, end, file_id="f1", key=KEY):
    """The bytes from one place to another, of what is kept; and how much of that was read."""
    read = 0

    async def get(name, first, last):
        nonlocal read
        assert name == file_id
        read += last - first
        async for piece in pieces(kept[first:last], 30_001):
            yield piece

    whole = Whole(file_id, size_bytes, key)
    return b"".join([one async for one in opened(whole, start, end, get)]), read


def content_of(size_bytes):
    return random.Random(size_bytes).randbytes(size_bytes)


SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 200_001]


@pytest.mark.parametrize("size_bytes", SIZES)
@pytest.mark.parametrize("piece_bytes", [1_000, CHUNK_BYTES, 150_000])
async def test_a_file_opens_as_it_was_however_it_came(size_bytes, piece_bytes):
    content = content_of(size_bytes)
    kept = await sealed_of(content, size_bytes=piece_bytes)
    assert len(kept) == Whole("f1", size_bytes, KEY).sealed_bytes
    assert (await part_of(kept, size_bytes, 0, size_bytes))[0] == content


@pytest.mark.parametrize("size_bytes", SIZES)
async def test_every_part_is_that_slice_and_little_more_is_read(size_bytes):
    content = content_of(size_bytes)
    kept = await sealed_of(content)
    edges = {0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, size_bytes}
    for start in edges:
        for end in edges:
            if start <= end <= size_bytes:
                part, read = await part_of(kept, size_bytes, start, end)
                assert part == content[start:end]
                assert read <= end - start + 2 * SEALED_BYTES


async def test_no_content_is_in_what_is_kept():
    kept = await sealed_of(b"the-canary-sings" * 10_000)
    assert b"canary" not in kept
    assert await sealed_of(bytes(1000), "f1") != await sealed_of(bytes(1000), "f2")


CONTENT = content_of(3 * CHUNK_BYTES - 5)
A, B, C = 0, SEALED_BYTES, 2 * SEALED_BYTES

DAMAGES = {
    "a bit": lambda kept: kept[:9] + bytes([kept[9] ^ 1]) + kept[10:],
    "a bit of the last tag": lambda kept: kept[:-1] + bytes([kept[-1] ^ 1]),
    "two chunks that changed places": lambda kept: kept[B:C] + kept[A:B] + kept[C:],
    "a chunk twice": lambda kept: kept[:B] + kept[:B] + kept[C:],
    "the last bytes gone": lambda kept: kept[:-1],
    "a shorter last chunk": lambda kept: kept[: C + 100],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_what_was_changed_does_not_open_and_the_log_says_which_file(damage, caplog):
    kept = damage(await sealed_of(CONTENT))
    with pytest.raises(AppError) as raised:
        await part_of(kept, len(CONTENT), 0, len(CONTENT))
    assert raised.value.code is Code.INTERNAL
    (line,) = (json.loads(JsonFormatter().format(record)) for record in caplog.records)
    assert (line["event"], line["file"]) == ("file_damaged", "f1")


@pytest.mark.parametrize("other", [{"file_id": "f2"}, {"key": bytes(32)}])
async def test_a_file_opens_as_no_other(other):
    kept = await sealed_of(CONTENT, **other)
    with pytest.raises(AppError):
        await part_of(kept, len(CONTENT), 0, 10)
