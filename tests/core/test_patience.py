"""Limits of time that are fair to a process that stood still itself."""

import asyncio
import socket
import time

import pytest

from server.core.patience import STEPS, Lately, Patience
from tests.clocks import run_in_no_time

LIMIT_S = 0.2


def stand_still(seconds: float) -> None:
    """As a process does that is stopped."""
    time.sleep(seconds)


async def test_who_waits_for_what_never_comes_waits_as_long_as_the_limit_says() -> None:
    begun_s = time.monotonic()

    with pytest.raises(TimeoutError):
        async with Patience(LIMIT_S):
            await asyncio.Event().wait()

    assert time.monotonic() - begun_s > 0.95 * LIMIT_S


async def test_what_came_while_the_process_stood_still_is_found() -> None:
    here, there = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=here)
    reading = asyncio.create_task(reader.readexactly(4))
    await asyncio.sleep(0)
    async with Patience(LIMIT_S):
        await asyncio.sleep(LIMIT_S / STEPS / 2)
        there.send(b"late")
        stand_still(3 * LIMIT_S)

        assert await reading == b"late"

    writer.close()
    there.close()


async def test_however_often_it_stood_still_what_never_comes_is_given_up() -> None:
    async def hear_nothing() -> None:
        async with Patience(LIMIT_S):
            for _ in range(2 * STEPS):
                stand_still(LIMIT_S)
                await asyncio.sleep(0.001)

    with pytest.raises(TimeoutError):
        await hear_nothing()


async def test_who_had_its_answer_is_left_alone_afterwards() -> None:
    async with Patience(LIMIT_S):
        pass

    await asyncio.sleep(2 * LIMIT_S)  # by then it would have been cancelled


async def test_who_is_cancelled_by_another_is_cancelled() -> None:
    async def wait() -> None:
        async with Patience(60):
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_what_was_noted_is_lately_for_as_long_as_the_limit_says() -> None:
    async def note() -> None:
        heard = Lately(LIMIT_S)
        assert not heard

        heard.note()

        await asyncio.sleep(0.95 * LIMIT_S)
        assert heard
        await asyncio.sleep(0.1 * LIMIT_S)
        assert not heard

    run_in_no_time(note())


def test_what_is_noted_again_is_lately_from_then_on() -> None:
    async def note_again() -> None:
        heard = Lately(LIMIT_S)
        heard.note()
        await asyncio.sleep(LIMIT_S / 2)

        heard.note()

        await asyncio.sleep(0.95 * LIMIT_S)
        assert heard
        await asyncio.sleep(0.1 * LIMIT_S)
        assert not heard

    run_in_no_time(note_again())


async def test_what_was_noted_is_lately_although_the_process_stood_still() -> None:
    heard = Lately(LIMIT_S)
    heard.note()

    stand_still(3 * LIMIT_S)
    await asyncio.sleep(0)

    assert heard


def test_what_was_forgotten_is_lately_no_more() -> None:
    async def forget() -> None:
        heard = Lately(LIMIT_S)
        heard.note()

        heard.forget()

        assert not heard
        await asyncio.sleep(2 * LIMIT_S)  # nor does a step count below nothing
        assert not heard

    run_in_no_time(forget())
