"""Connections that begin with a poll: whatever comes on them is answered as on any other."""

import asyncio
import json

import pytest

from server import app
from server.transports.socketio import polls
from tests.servers import RunningServer, running
from tests.transports.answers import problem_of
from tests.transports.wire import POLLING, UPGRADE, Reply, connected, head, read_reply

HEALTH = head("GET", "/health")
CHANGING = {"date", "x-request-id", "content-length"}


async def opened(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, **headers: str) -> str:
    """Begin a line on this connection, and return the address of its polls."""
    writer.write(head("GET", POLLING, headers))
    reply = await read_reply(reader)
    assert reply.status == 200
    return f"{POLLING}&sid={json.loads(reply.body[1:])['sid']}"


def post(target: str, body: bytes, **headers: str) -> bytes:
    return head("POST", target, {"Content-Length": str(len(body)), **headers}) + body


async def test_a_post_in_pieces_is_one(server: RunningServer) -> None:
    async with connected(server.url) as (reader, writer):
        target = await opened(reader, writer)
        whole = post(target, b"40")
        for piece in (whole[:20], whole[20:-1], whole[-1:]):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        assert (await read_reply(reader)).body == b"ok"

        writer.write(head("GET", target))
        assert (await read_reply(reader)).body.startswith(b'40{"sid"')


async def test_requests_of_any_kind_take_turns(server: RunningServer) -> None:
    async with connected(server.url) as (reader, writer):
        target = await opened(reader, writer)
        writer.write(post(target, b"40"))
        assert (await read_reply(reader)).body == b"ok"
        writer.write(HEALTH)
        assert (await read_reply(reader)).json["status"] == "ok"
        writer.write(head("GET", target))
        assert (await read_reply(reader)).body.startswith(b'40{"sid"')


async def test_requests_that_come_together_are_answered_in_order(server: RunningServer) -> None:
    async with connected(server.url) as (reader, writer):
        target = await opened(reader, writer)
        writer.write(post(target, b"40") + head("GET", target) + HEALTH + head("GET", "/nowhere"))

        replies = [await read_reply(reader) for _ in range(4)]

    assert [reply.status for reply in replies] == [200, 200, 200, 404]
    assert replies[0].body == b"ok"
    assert replies[1].body.startswith(b'40{"sid"')


async def test_what_comes_behind_a_poll_that_waits_is_answered_after_it(
    server: RunningServer,
) -> None:
    async with connected(server.url) as (reader, writer), connected(server.url) as other:
        target = await opened(reader, writer)
        writer.write(head("GET", target))
        await writer.drain()
        writer.write(HEALTH)

        other[1].write(post(target, b"40"))
        assert (await read_reply(other[0])).body == b"ok"

        assert (await read_reply(reader)).body.startswith(b'40{"sid"')
        assert (await read_reply(reader)).json["status"] == "ok"


async def test_a_connection_that_has_polled_becomes_a_websocket(server: RunningServer) -> None:
    async with connected(server.url) as (reader, writer):
        await opened(reader, writer)
        writer.write(head("GET", "/socket.io/?EIO=4&transport=websocket", UPGRADE))

        assert (await read_reply(reader)).status == 101


@pytest.mark.parametrize("wish", ["close", "keep-alive"])
async def test_a_connection_ends_if_its_client_says_so(wish: str, server: RunningServer) -> None:
    async with connected(server.url) as (reader, writer):
        writer.write(head("GET", POLLING, {"Connection": wish}))

        assert (await read_reply(reader)).ended is (wish == "close")


async def test_what_is_not_http_is_refused_after_polls_too(server: RunningServer) -> None:
    async with connected(server.url) as (reader, writer):
        await opened(reader, writer)
        writer.write(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nnonsense\r\n\r\n")
        reply = await read_reply(reader)

    assert (reply.status, problem_of(reply), reply.ended) == (400, "invalid_request", True)


@pytest.mark.parametrize("sent", [b"", b"GET /socket.io/?EIO=4&transport=polling HTT"])
async def test_who_asks_for_nothing_more_is_let_go(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app._HTTP_OPTIONS, "keepalive_timeout", 0.2 if not sent else 60)
    monkeypatch.setattr(polls, "HEAD_LIMIT_S", 0.2)
    monkeypatch.setattr(polls, "TURN_S", 0.1)
    async with running() as server, connected(server.url) as (reader, writer):
        await opened(reader, writer)
        writer.write(sent)

        async with asyncio.timeout(10):
            assert await reader.read() == b""


# --- by either way the same ---

ASKED = {
    "a handshake": head("GET", POLLING),
    "one of a page": head("GET", POLLING, {"Origin": "http://localhost:5173"}),
    "one of a strange page": head("GET", POLLING, {"Origin": "http://strange.example"}),
    "a preflight": head("OPTIONS", POLLING, {"Origin": "http://localhost:5173"}),
    "another version": head("GET", "/socket.io/?EIO=3&transport=polling"),
    "no transport": head("GET", "/socket.io/?EIO=4"),
    "for JSONP": head("GET", f"{POLLING}&j=0"),
    "an unknown line": head("GET", f"{POLLING}&sid=nobody"),
    "a post to an unknown line": post(f"{POLLING}&sid=nobody", b"40"),
    "a post to none": post(POLLING, b"40"),
    "another method": head("PUT", POLLING),
    "a large post": post(f"{POLLING}&sid=nobody", b"4" * 100_000),
    "in chunks": head("POST", f"{POLLING}&sid=nobody", {"Transfer-Encoding": "chunked"})
    + b"2\r\n40\r\n0\r\n\r\n",
    "bytes that are no text": head("GET", f"{POLLING}&x=\udcff", {"X": "\udcff"}),
}


def seen(reply: Reply) -> tuple[int, dict[str, str], object]:
    headers = {name: value for name, value in reply.headers.items() if name not in CHANGING}
    return reply.status, headers, reply.body if reply.status != 200 else None


@pytest.mark.parametrize("asked", ASKED)
async def test_an_answer_is_the_same_whatever_came_before_it(
    asked: str, server: RunningServer
) -> None:
    async with connected(server.url) as (reader, writer):
        await opened(reader, writer)
        writer.write(ASKED[asked])
        after_a_poll = await read_reply(reader)
    async with connected(server.url) as (reader, writer):
        writer.write(HEALTH)
        assert (await read_reply(reader)).status == 200
        writer.write(ASKED[asked])
        after_another = await read_reply(reader)

    assert seen(after_a_poll) == seen(after_another)
    assert "date" in after_a_poll.headers
