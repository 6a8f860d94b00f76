"""Blobs: what was put is what is got, whole or not at all, on every backend."""

import asyncio
import random

import pytest

from server.core.errors import AppError, Code

MIB = 1 << 20

NAME = "0190c8a0-0000-7000-8000-00000000000a"


async def chunks(content, size_bytes=65_552):
    for start in range(0, len(content), size_bytes):
        yield content[start : start + size_bytes]


async def whole(blobs, name, start, end):
    return b"".join([piece async for piece in blobs.get(name, start, end)])


def content_of(size_bytes):
    return random.Random(size_bytes).randbytes(size_bytes)


@pytest.mark.parametrize("size_bytes", [1, 65_552, MIB, 5 * MIB, 12 * MIB + 1])
async def test_what_was_put_is_got_as_it_was(blobs, size_bytes):
    content = content_of(size_bytes)
    assert await blobs.put(NAME, chunks(content)) == size_bytes
    assert await whole(blobs, NAME, 0, size_bytes) == content


async def test_nothing_at_all_can_be_put_and_got(blobs):
    assert await blobs.put(NAME, chunks(b"")) == 0
    assert await whole(blobs, NAME, 0, 0) == b""


RANGES = [(0, 1), (1, 2), (0, MIB), (MIB - 1, MIB + 1), (MIB, 3 * MIB), (3 * MIB - 1, 3 * MIB)]


async def test_any_part_of_it_can_be_got(blobs):
    content = content_of(3 * MIB)
    await blobs.put(NAME, chunks(content))
    for start, end in [*RANGES, (7, 7)]:
        assert await whole(blobs, NAME, start, end) == content[start:end]


async def test_a_get_that_is_given_up_halfway_holds_nothing_up(blobs):
    content = content_of(3 * MIB)
    await blobs.put(NAME, chunks(content))
    reading = blobs.get(NAME, 0, len(content))
    await anext(reading)
    await reading.aclose()
    await blobs.delete(NAME)


async def test_what_is_asked_for_beyond_its_end_is_an_error_and_not_less(blobs):
    await blobs.put(NAME, chunks(b"abc"))
    with pytest.raises(AppError) as raised:
        await whole(blobs, NAME, 0, 4)
    assert raised.value.code is Code.UNAVAILABLE


@pytest.mark.parametrize("size_bytes", [0, 10, 12 * MIB])
async def test_of_a_put_that_is_cut_off_nothing_is_left_and_its_error_comes_back(blobs, size_bytes):
    class CutError(Exception):
        pass

    async def cut_off():
        async for chunk in chunks(content_of(size_bytes)):
            yield chunk
        raise CutError

    with pytest.raises(CutError):
        await blobs.put(NAME, cut_off())

    with pytest.raises(AppError) as raised:
        await whole(blobs, NAME, 0, 1)
    assert raised.value.code is Code.NOT_FOUND
    assert await blobs.put(NAME, chunks(b"again")) == 5


async def test_a_refusal_by_whoever_sends_is_told_as_it_is(blobs):
    async def too_large():
        yield b"abc"
        raise AppError(Code.PAYLOAD_TOO_LARGE, "too large")

    with pytest.raises(AppError) as raised:
        await blobs.put(NAME, too_large())
    assert raised.value.code is Code.PAYLOAD_TOO_LARGE


async def test_while_it_is_put_it_is_not_there(blobs):
    content = content_of(6 * MIB)
    halfway, going_on = asyncio.Event(), asyncio.Event()

    async def slowly():
        yield content[: 5 * MIB + 1]
        halfway.set()
        await going_on.wait()
        yield content[5 * MIB + 1 :]

    putting = asyncio.create_task(blobs.put(NAME, slowly()))
    await halfway.wait()
    with pytest.raises(AppError):
        await whole(blobs, NAME, 0, 1)
    going_on.set()
    assert await putting == len(content)
    assert await whole(blobs, NAME, 0, len(content)) == content


async def test_what_was_deleted_is_gone_and_can_be_deleted_again(blobs):
    await blobs.put(NAME, chunks(b"abc"))
    await blobs.delete(NAME)
    with pytest.raises(AppError) as raised:
        await whole(blobs, NAME, 0, 3)
    assert raised.value.code is Code.NOT_FOUND
    await blobs.delete(NAME)


async def test_eight_at_once_do_not_mix(blobs):
    contents = {f"{NAME[:-2]}{number:02}": content_of(MIB + number) for number in range(8)}
    await asyncio.gather(*(blobs.put(name, chunks(one)) for name, one in contents.items()))
    for name, one in contents.items():
        assert await whole(blobs, name, 0, len(one)) == one
