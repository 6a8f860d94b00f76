"""How a process hands its clients over to others when it is told to end."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.clocks import LIMIT_S, Stopwatch
from tests.issuers import Signer
from tests.system.processes import ServerProcess, Stop, server_process
from tests.transports.issuer import issuing
from tests.transports.wire import (
    POLLING,
    UPGRADE,
    WEBSOCKET,
    Line,
    PollingLine,
    WebSocketLine,
    connected,
    exchange,
    frame,
    head,
    read_reply,
)

AT_ONCE_S = 10.0
"""By far not what it may take; a busy machine takes some of it."""


@asynccontextmanager
async def lines(server: ServerProcess, *kinds: type[Line]) -> AsyncIterator[list[Line]]:
    """Open connections of these kinds."""
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(kind(server.url)) for kind in kinds]
        await asyncio.gather(*(line.open() for line in opened))
        yield opened


async def ending(server: ServerProcess) -> Stop:
    """Wait for the end of a server that was told to end."""
    with Stopwatch() as taken:
        status = await asyncio.to_thread(server.process.wait, 30)
    return Stop(status, taken.seconds)


async def is_ready(server: ServerProcess) -> bool:
    return (await exchange(server.url, head("GET", "/ready"))).status == 200


async def until_not_ready(server: ServerProcess) -> None:
    async with asyncio.timeout(LIMIT_S):
        while await is_ready(server):
            await asyncio.sleep(0.01)


async def test_at_first_it_says_that_it_is_not_ready_and_serves_whoever_is_new(
    tmp_path: Path,
) -> None:
    with server_process(tmp_path, DRAIN_S=7) as server:
        async with lines(server, WebSocketLine, PollingLine) as (alice, bob):
            server.process.terminate()
            await until_not_ready(server)

            async with lines(server, WebSocketLine) as (carol,):
                answers = [await line.join("lair", n) for n, line in enumerate([alice, bob, carol])]

            assert [answer["success"] for answer in answers] == [True] * 3
            reply = await exchange(server.url, head("GET", "/health"))
            assert reply.headers["connection"] == "close"
            assert not alice.is_ended
        server.process.terminate()
        assert (await ending(server)).status == 0


async def test_then_clients_are_sent_away_in_waves_and_nobody_new_comes_in(tmp_path: Path) -> None:
    kinds: list[type[Line]] = [WebSocketLine] * 150 + [PollingLine] * 50
    # What a machine that stands still takes of it makes the waves no larger.
    with server_process(tmp_path, DRAIN_S=15) as server, Stopwatch() as clock:
        async with lines(server, *kinds) as people:
            ended_s: list[float] = []

            async def note(line: Line) -> int:
                code = await line.ended()
                ended_s.append(clock.seconds)
                return code

            noting = [asyncio.create_task(note(line)) for line in people]
            server.process.terminate()
            await asyncio.wait(noting, return_when=asyncio.FIRST_COMPLETED)
            refused = await exchange(server.url, head("GET", POLLING))
            stopped = await ending(server)
            codes = await asyncio.gather(*noting)

            assert refused.status == 503
            assert codes == [1012] * 150 + [1000] * 50
            polls = [line.last_poll for line in people if isinstance(line, PollingLine)]
            assert {(poll.status, poll.body[-1:]) for poll in polls} == {(200, b"1")}
            assert stopped.status == 0
            assert stopped.seconds < AT_ONCE_S
            assert not [packet for line in people for packet in line.heard if packet == "41"]
        in_quarters = [
            sum(since <= when < since + 0.25 for when in ended_s)
            for since in (min(ended_s) + n / 4 for n in range(3))
        ]
        assert all(quarter < 120 for quarter in in_quarters), in_quarters
        assert in_quarters[1] > 20


async def test_a_handler_that_runs_is_waited_for_and_its_answer_arrives(tmp_path: Path) -> None:
    token = Signer("ES256", "new").sign({"sub": "alice"})
    async with issuing() as issuer:
        issuer.gate.clear()
        settings = {"JWT_JWKS_URL": issuer.url, "JWT_ISSUER": "https://id.example"}
        with server_process(tmp_path, DRAIN_S=6, JWT_AUDIENCE="us", **settings) as server:
            async with lines(server, WebSocketLine, PollingLine, PollingLine) as (one, two, idle):
                asking = [
                    asyncio.create_task(line.ask("auth-refresh", {"token": token}))
                    for line in (one, two)
                ]
                async with asyncio.timeout(LIMIT_S):
                    while not issuer.asked:
                        await asyncio.sleep(0.01)
                server.process.terminate()
                await idle.ended()
                assert not one.is_ended
                issuer.gate.set()

                answers = await asyncio.gather(*asking)

                assert [answer["success"] for answer in answers] == [False, False]
                assert [await one.ended(), await two.ended()] == [1012, 1000]
            assert (await ending(server)).status == 0


async def test_who_polls_only_later_finds_its_answer_and_then_the_end(tmp_path: Path) -> None:
    with server_process(tmp_path, DRAIN_S=6) as server:
        async with lines(server, WebSocketLine) as (idle,):
            opened = await exchange(server.url, head("GET", POLLING))
            target = f"{POLLING}&sid={json.loads(opened.body[1:])['sid']}"
            body = b'40\x1e427["join-session",{"sessionId":"lair","userId":1,"isCreator":true}]'
            posted = head("POST", target, {"Content-Length": str(len(body))}) + body
            assert (await exchange(server.url, posted)).body == b"ok"
            server.process.terminate()
            await idle.ended()

            packets: list[str] = []
            while "1" not in packets:  # its turn to go may be a moment later
                polled = await exchange(server.url, head("GET", target))
                assert polled.status == 200
                packets += polled.body.decode().split("\x1e")

            assert polled.body == b"1"  # with events, these would be told again elsewhere
            assert packets[0].startswith("40")
            assert any(packet.startswith("437") for packet in packets)
        stopped = await ending(server)
        assert stopped.status == 0
        assert stopped.seconds < AT_ONCE_S


async def test_with_nobody_there_it_ends_at_once(tmp_path: Path) -> None:
    with server_process(tmp_path, DRAIN_S=60) as server:
        stopped = await asyncio.to_thread(server.stop)

    assert stopped.status == 0
    assert stopped.seconds < AT_ONCE_S


async def test_a_second_signal_ends_the_waiting(tmp_path: Path) -> None:
    with server_process(tmp_path, DRAIN_S=60) as server:
        async with lines(server, WebSocketLine, PollingLine) as people:
            server.process.terminate()
            await until_not_ready(server)
            stopped = await asyncio.to_thread(server.stop)

            assert [await line.ended() for line in people] == [1012, 1000]
        assert stopped.status == 0
        assert stopped.seconds < AT_ONCE_S


@pytest.mark.parametrize(("signum", "drain_s"), [(signal.SIGINT, 60), (signal.SIGTERM, 0)])
async def test_an_interrupt_and_no_time_to_drain_end_it_at_once(
    signum: int, drain_s: int, tmp_path: Path
) -> None:
    with server_process(tmp_path, DRAIN_S=drain_s) as server:
        async with lines(server, WebSocketLine, PollingLine) as people:
            stopped = await asyncio.to_thread(server.stop, signum)

            assert [await line.ended() for line in people] == [1012, 1000]
        assert stopped.status == 0
        assert stopped.seconds < AT_ONCE_S


async def test_nobody_who_never_goes_keeps_it_longer_than_it_may_take(tmp_path: Path) -> None:
    with server_process(tmp_path, DRAIN_S=3) as server:
        async with AsyncExitStack() as stack:
            deaf = head("GET", WEBSOCKET, UPGRADE) + frame(1, b"40")
            half = head("POST", "/api/reserve-session", {"Content-Length": "99"})
            for sent in [deaf, half, b"GET"] * 5:
                reader, writer = await stack.enter_async_context(connected(server.url))
                writer.write(sent)
                if sent is deaf:
                    await read_reply(reader)
            # This one never polls.
            assert (await exchange(server.url, head("GET", POLLING))).status == 200

            stopped = await asyncio.to_thread(server.stop)

    assert stopped.status == 0
    assert 1 < stopped.seconds < 3
    assert [entry for entry in server.log_lines if "exception" in entry] == []
