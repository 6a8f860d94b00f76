"""Engine.IO, revision 4: upgrade, from polling to a WebSocket."""

import asyncio

import pytest

from tests.conformance.frames import NO_CLOSE_FRAME, WebSocket, is_refused, message, websocket
from tests.conformance.polling import Session, open_session
from tests.servers import RunningServer
from tests.transports.wire import read_reply


async def probe(line: WebSocket) -> None:
    await line.send("2probe")
    assert await line.read() == "3probe"


async def check_polls(session: Session) -> None:
    """The session goes on by polling."""
    assert (await session.post("4by polling")).status == 200
    heard: list[str] = []
    while not heard:
        heard = [packet for packet in await session.poll() if packet != "6"]
    assert heard == ["4by polling"]


async def test_a_session_moves_to_its_websocket(engine: RunningServer) -> None:
    session = await open_session(engine.url)

    async with session.second_line() as line:
        await probe(line)
        assert await session.poll() == ["6"]
        await line.send("5", "4hello", b"\0\1")

        assert await line.read_many(2) == ["4hello", b"\0\1"]


async def test_a_waiting_poll_is_let_go_by_the_probe(engine: RunningServer) -> None:
    session = await open_session(engine.url)

    async with session.waiting_poll() as reader, session.second_line() as line:
        await probe(line)

        async with asyncio.timeout(5):
            reply = await read_reply(reader)
    assert (reply.status, reply.body) == (200, b"6")


async def test_the_whole_upgrade_may_come_in_one_segment(engine: RunningServer) -> None:
    session = await open_session(engine.url)
    frames = b"".join(map(message, ["2probe", "5", "4one", "4two"]))

    async with session.second_line(frames) as line:
        assert await line.read_many(3) == ["3probe", "4one", "4two"]


async def test_what_waits_for_a_poll_comes_by_the_websocket(engine: RunningServer) -> None:
    session = await open_session(engine.url)
    words = [f"4word {number}" for number in range(50)]
    await session.post(*words[:25])

    async with session.second_line() as line:
        await probe(line)
        await session.post(*words[25:], b"\x01\x02")
        await line.send("5", "4last")

        assert await line.read_many(52) == [*words, b"\x01\x02", "4last"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_after_an_upgrade_http_is_refused_and_harms_nothing(
    method: str, engine: RunningServer
) -> None:
    session = await open_session(engine.url)

    async with session.second_line() as line:
        await probe(line)
        await line.send("5", "4moved")
        assert await line.read() == "4moved"

        reply = await (session.get() if method == "GET" else session.post("4hello"))

        assert reply.status == 400
        await line.send("4still here")
        assert await line.read() == "4still here"


async def test_after_an_upgrade_another_websocket_is_closed_and_harms_nothing(
    engine: RunningServer,
) -> None:
    session = await open_session(engine.url)

    async with session.second_line() as line:
        await probe(line)
        await line.send("5", "4moved")
        assert await line.read() == "4moved"

        async with session.second_line() as another:
            await another.ended()

        await line.send("4still here")
        assert await line.read() == "4still here"


async def test_during_an_upgrade_another_websocket_is_closed_and_harms_nothing(
    engine: RunningServer,
) -> None:
    session = await open_session(engine.url)

    async with session.second_line() as line:
        await probe(line)

        async with session.second_line(message("2probe")) as another:
            await another.ended()

        await line.send("5", "4moved")
        assert await line.read() == "4moved"


async def test_a_websocket_session_is_not_taken_over_by_another(engine: RunningServer) -> None:
    async with websocket(engine.url) as line:
        sid = str(await line.read()).split('"')[3]
        target = f"/socket.io/?EIO=4&transport=websocket&sid={sid}"

        assert await is_refused(engine.url, target)
        await line.send("4still here")
        assert await line.read() == "4still here"


@pytest.mark.parametrize("packet", ["2", "2other", "3probe", "4hello", "abc", "", b"2probe"])
async def test_after_a_failed_probe_polling_goes_on(
    packet: str | bytes, engine: RunningServer
) -> None:
    session = await open_session(engine.url)

    async with session.second_line() as line:
        await line.send(packet)
        assert await line.ended() != NO_CLOSE_FRAME

    await check_polls(session)


@pytest.mark.parametrize("probed", [False, True])
async def test_after_a_websocket_that_broke_off_polling_goes_on(
    probed: bool, engine: RunningServer
) -> None:
    session = await open_session(engine.url)

    async with session.second_line() as line:
        if probed:
            await probe(line)
        line.drop()

    await check_polls(session)


async def test_after_a_websocket_that_broke_off_another_may_be_tried(engine: RunningServer) -> None:
    session = await open_session(engine.url)
    async with session.second_line() as line:
        await probe(line)
        line.drop()
    await check_polls(session)

    async with session.second_line() as line:
        await probe(line)
        await line.send("5", "4moved")

        assert await line.read() == "4moved"


async def test_nothing_is_lost_by_an_upgrade_that_breaks_off(engine: RunningServer) -> None:
    session = await open_session(engine.url)
    words = [f"4word {number}" for number in range(30)]

    async with session.second_line() as line:
        await session.post(*words[:15])
        await probe(line)
        await session.post(*words[15:])
        line.drop()

    heard: list[str] = []
    while len(heard) < 30:
        heard += [packet for packet in await session.poll() if packet != "6"]
    assert heard == words


async def test_pings_go_on_over_the_websocket(ticking_engine: RunningServer) -> None:
    session = await open_session(ticking_engine.url)

    async with session.second_line() as line:
        await probe(line)
        await line.send("5")

        for _ in range(2):
            assert await line.read() == "2"
            await line.send("3")


async def test_a_session_that_moved_and_answers_no_ping_is_closed(
    ticking_engine: RunningServer,
) -> None:
    session = await open_session(ticking_engine.url)

    async with session.second_line() as line:
        await probe(line)
        await line.send("5")
        assert await line.read() == "2"

        await line.ended()


async def test_a_probe_does_not_keep_a_silent_session_alive(ticking_engine: RunningServer) -> None:
    session = await open_session(ticking_engine.url)

    async with session.second_line() as line:
        await probe(line)

        await line.ended()

    assert await session.is_closed()
