"""Engine.IO, revision 4: heartbeat and close, on both transports."""

import asyncio

import pytest

from tests.conformance.frames import TEXT, Frame, websocket
from tests.conformance.polling import open_session
from tests.servers import RunningServer
from tests.transports.wire import read_reply

# --- heartbeat ---


async def test_polling_pings_come_as_long_as_pongs_do(ticking_engine: RunningServer) -> None:
    session = await open_session(ticking_engine.url)

    for _ in range(3):
        assert await session.poll() == ["2"]
        assert (await session.post("3")).status == 200


async def test_websocket_pings_come_as_long_as_pongs_do(ticking_engine: RunningServer) -> None:
    async with websocket(ticking_engine.url) as line:
        await line.read()
        loop = asyncio.get_running_loop()
        for _ in range(3):
            started = loop.time()
            assert await line.read_frame() == Frame(TEXT, b"2")
            assert 0.2 < loop.time() - started < 0.45
            await line.send("3")


async def test_polling_without_pongs_ends_in_time(ticking_engine: RunningServer) -> None:
    session = await open_session(ticking_engine.url)
    opened_at = asyncio.get_running_loop().time()

    assert await session.poll() == ["2"]
    waited = await session.get()

    assert (waited.status, waited.body) in ((200, b"1"), (400, waited.body))
    assert 0.4 < asyncio.get_running_loop().time() - opened_at < 0.7
    assert await session.is_closed()


async def test_who_neither_polls_nor_answers_is_gone_in_time(ticking_engine: RunningServer) -> None:
    session = await open_session(ticking_engine.url)
    opened_at = asyncio.get_running_loop().time()

    # A message is no pong.
    async with asyncio.timeout(5):
        while (await session.post("6")).status != 400:
            pass

    assert 0.4 < asyncio.get_running_loop().time() - opened_at < 0.7


async def test_a_websocket_without_pongs_ends_in_time(ticking_engine: RunningServer) -> None:
    async with websocket(ticking_engine.url) as line:
        await line.read()
        opened_at = asyncio.get_running_loop().time()
        assert await line.read() == "2"
        await line.send("4a message is no pong")

        await line.ended()

    assert 0.4 < asyncio.get_running_loop().time() - opened_at < 0.7


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
