"""Polling and its upgrade to a WebSocket: in order, one request at a time, whole or not at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from server.transports.socketio import polling as polling_route
from tests.servers import RunningServer, running
from tests.transports.conftest import Dial
from tests.transports.wire import (
    UPGRADE,
    WEBSOCKET,
    Pair,
    PollingLine,
    connected,
    exchange,
    frame,
    head,
    read_close_code,
    read_reply,
)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def test_a_burst_in_one_post_is_handled_whole_and_in_order(
    polling: PollingLine, dial: Dial
) -> None:
    bob = await dial("websocket")
    await bob.join("lair", "bob")
    await polling.join("lair", "alice")
    words = [f"word {n}" for n in range(100)]

    await polling.send(
        *(f'42["send-message",{{"sessionId":"lair","encrypted":"{word}"}}]' for word in words)
    )

    await bob.until(lambda: len(bob.events("new-message")) == 100)
    assert [message["encrypted"] for message in bob.events("new-message")] == words
    await polling.until(lambda: len(polling.events("message-sent")) == 100)


async def test_a_second_poll_at_the_same_time_ends_the_connection(
    polling: PollingLine, pair: Pair
) -> None:
    refused = await polling.get(polling.url + polling.target)

    assert refused.status == 400
    await polling.ended()


@pytest.mark.parametrize("rest", [b"3", b"\xff"], ids=["good", "broken"])
async def test_a_second_post_at_the_same_time_ends_the_connection(
    rest: bytes, polling: PollingLine, pair: Pair
) -> None:
    second = asyncio.Event()

    async def slow_body() -> AsyncIterator[bytes]:
        yield b"4"
        await second.wait()
        yield rest

    first = asyncio.create_task(polling.post(slow_body()))
    async with asyncio.timeout(5):
        while (refused := await polling.post(b"3")).status == 200:
            pass
    second.set()

    assert refused.status == 400
    assert (await first).status in (200, 400)
    await polling.ended()


POSTS = {
    "nothing": b"",
    "separators only": b"\x1e\x1e\x1e",
    "invalid UTF-8": b"42[\xff]",
    "a good packet before a bad one": b'42["x"]\x1e\x1e',
    "more than a payload may have": b"4" * 1_000_001,
    "a form": b"d=40",
}


@pytest.mark.parametrize("body", POSTS.values(), ids=POSTS)
async def test_a_broken_post_is_refused_and_ends_the_connection(
    body: bytes, polling: PollingLine, pair: Pair
) -> None:
    reply = await polling.post(body)

    assert reply.status in (400, 413)
    await polling.ended()
    assert (await polling.post(b"3")).status == 400


async def test_chunks_are_bounded_too(polling: PollingLine) -> None:
    async def too_much() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"4" * 50_000

    reply = await polling.post(too_much())

    assert reply.status in (400, 413)
    await polling.ended()


async def test_a_post_in_broken_gzip_is_refused(polling: PollingLine) -> None:
    reply = await polling.post(b"this is no gzip", Content_Encoding="gzip")

    assert reply.status == 400


async def test_nothing_of_a_truncated_post_is_handled(
    polling: PollingLine, dial: Dial, server: RunningServer
) -> None:
    bob = await dial("websocket")
    await bob.join("lair", "bob")
    await polling.join("lair", "alice")
    packet = '42["send-message",{"sessionId":"lair","encrypted":"half"}]'

    async with connected(server.url) as (_, writer):
        writer.write(head("POST", polling.target, {"Content-Length": "1000"}) + packet.encode())
        await writer.drain()

    # Whether the connection survives that is the server's choice; that bob hears nothing is not.
    await asyncio.gather(polling.post(b"3"), return_exceptions=True)
    alice = await dial("websocket")
    await alice.join("lair", "alice on another line")
    await alice.ask("send-message", {"sessionId": "lair", "encrypted": "whole"})
    await bob.until(lambda: bob.events("new-message"))
    assert [message["encrypted"] for message in bob.events("new-message")] == ["whole"]


async def test_a_post_that_does_not_arrive_in_time_ends_the_connection(
    polling: PollingLine, monkeypatch: pytest.MonkeyPatch, pair: Pair
) -> None:
    monkeypatch.setattr(polling_route, "BODY_LIMIT_S", 0.2)

    reply = await exchange(polling.url, head("POST", polling.target, {"Content-Length": "9"}), b"4")

    assert reply.status in (400, 408, 413)
    await polling.ended()


# --- upgrades ---


@asynccontextmanager
async def second_line(line: PollingLine) -> AsyncIterator[Streams]:
    """A WebSocket for the connection of a polling line, before its probe."""
    async with connected(line.url) as (reader, writer):
        writer.write(head("GET", line.target.replace("polling", "websocket"), UPGRADE))
        assert (await read_reply(reader)).status == 101
        yield reader, writer


@pytest.mark.parametrize("probe", [b"2", b"3probe", b"5", b"hello", b"", b'40{"a":1}'])
async def test_after_a_failed_probe_polling_goes_on(probe: bytes, polling: PollingLine) -> None:
    await polling.join("lair", "alice")

    async with second_line(polling) as (reader, writer), asyncio.timeout(5):
        writer.write(frame(1, probe))
        await read_close_code(reader)

    assert (await polling.ask("get-public-keys", {"sessionId": "lair"}))["success"]


async def test_a_probe_that_breaks_off_loses_no_message(polling: PollingLine, dial: Dial) -> None:
    bob = await dial("websocket")
    await bob.join("lair", "bob")
    await polling.join("lair", "alice")

    async with second_line(polling) as (reader, writer):
        writer.write(frame(1, b"2probe"))
        assert await reader.readexactly(8) == b"\x81\x063probe"
        for n in range(20):
            await bob.ask("send-message", {"sessionId": "lair", "encrypted": n})

    await polling.until(lambda: len(polling.events("new-message")) == 20)
    assert [message["encrypted"] for message in polling.events("new-message")] == list(range(20))


async def test_a_probe_that_never_comes_ends_with_its_connection() -> None:
    async with (
        running(PING_INTERVAL_S=0.2, PING_TIMEOUT_S=0.2) as server,
        PollingLine(server.url) as line,
    ):
        line.answers_pings = False
        await line.open()

        async with second_line(line) as (reader, _), asyncio.timeout(5):
            await read_close_code(reader)


async def test_a_websocket_cannot_be_upgraded_once_more(dial: Dial) -> None:
    line = await dial("websocket")
    engine_id = str(line.heard[0]).split('"')[3]

    reply = await exchange(line.url, head("GET", f"{WEBSOCKET}&sid={engine_id}", UPGRADE))

    assert reply.status == 400
    assert not line.is_ended
