"""Engine.IO, revision 4: heartbeat and close, on both transports."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.clocks import Stopwatch
from tests.conformance.frames import TEXT, Frame, websocket
from tests.conformance.polling import open_session
from tests.servers import RunningServer
from tests.transports.wire import read_reply

# --- heartbeat ---


@contextmanager
def takes(least_s: float, most_s: float) -> Iterator[None]:
    """Check how long something takes; at most, of the time in which the machine ran."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    with Stopwatch() as ran:
        yield
    assert loop.time() - started > least_s
    assert ran.seconds < most_s


async def test_polling_pings_come_as_long_as_pongs_do(ticking_engine: RunningServer) -> None:
    session = await open_session(ticking_engine.url)

    for _ in range(3):
        assert await session.poll() == ["2"]
        assert (await session.post("3")).status == 200


async def test_websocket_pings_come_as_long_as_pongs_do(ticking_engine: RunningServer) -> None:
    async with websocket(ticking_engine.url) as line:
        await line.read()
        for _ in range(3):
            with takes(0.2, 0.45):
                assert await line.read_frame() == Frame(TEXT, b"2")
            await line.send("3")


async def test_polling_without_pongs_ends_in_time(ticking_engine: RunningServer) -> None:
    session = await open_session(ticking_engine.url)

    with takes(0.4, 0.7):
        assert await session.poll() == ["2"]
        waited = await session.get()

    assert (waited.status, waited.body) in ((200, b"1"), (400, waited.body))
    assert await session.is_closed()


async def test_who_neither_polls_nor_answers_is_gone_in_time(ticking_engine: RunningServer) -> None:
    session = await open_session(ticking_engine.url)

    # A message is no pong.
    with takes(0.4, 0.7):
        async with asyncio.timeout(5):
            while (await session.post("6")).status != 400:
                pass


async def test_a_websocket_without_pongs_ends_in_time(ticking_engine: RunningServer) -> None:
    async with websocket(ticking_engine.url) as line:
        await line.read()
        with takes(0.4, 0.7):
            assert await line.read() == "2"
            await line.send("4a message is no pong")

            await line.ended()


# --- close ---


async def test_a_close_packet_ends_a_polling_session(engine: RunningServer) -> None:
    session = await open_session(engine.url)

    async with session.waiting_poll() as reader:
        posted = await session.post("1")
        async with asyncio.timeout(5):
            polled = await read_reply(reader)

    assert (posted.status, posted.body) == (200, b"ok")
    assert (polled.status, polled.body) == (200, b"6")
    assert await session.is_closed()
    assert (await session.post("3")).status == 400


async def test_nothing_behind_a_close_packet_is_answered(engine: RunningServer) -> None:
    async with websocket(engine.url) as line:
        await line.read()
        await line.send("4before", "1", "4behind")

        assert await line.read() == "4before"
        with pytest.raises((ConnectionError, EOFError)):
            await line.read()


async def test_a_close_packet_ends_a_websocket(engine: RunningServer) -> None:
    async with websocket(engine.url) as line:
        await line.read()
        await line.send("1")

        assert await line.ended() in (1000, 1005)
