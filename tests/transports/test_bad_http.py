"""What is not HTTP, or not for this server, is answered as documented; others do not notice."""

import asyncio
import gzip
import logging
import socket
import struct

import pytest

from server import app
from server.transports import door, rest
from tests.servers import ADMIN_TOKEN, RunningServer, until
from tests.transports.answers import check_answer, problem_of
from tests.transports.wire import (
    POLLING,
    UPGRADE,
    WEBSOCKET,
    Pair,
    connected,
    exchange,
    head,
    read_reply,
)

JSON = {"Content-Type": "application/json"}
FORWARDED = {"X-Forwarded-For": "192.0.2.1"}
RESERVE = "/api/reserve-session"


def post(body: bytes, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sized = {"Content-Length": str(len(body)), **JSON, **named}
    return head("POST", RESERVE, sized) + body


def chunked(*chunks: bytes) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return head("POST", RESERVE, {"Transfer-Encoding": "chunked", **JSON}) + body


GARBAGE = {
    "bytes": b"\x00\xff\r\n\r\n",
    "a greeting of TLS": b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": b"GET /health HTTP/9.9\r\nHost: a\r\n\r\n",
    "an unknown method": head("BREW", "/health"),
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a header without a colon": b"GET /health HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
    "a folded header": b"GET /health HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "a zero byte in a header": b"GET /health HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "too many headers": b"GET /health HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    "a long header": head("GET", "/health", {"X": "y" * 20_000}),
    "a long path": head("GET", "/" + "a" * 20_000),
    "two lengths": head("POST", RESERVE, {"Content-Length": "1", "content-length": "2"}),
    "a negative length": head("POST", RESERVE, {"Content-Length": "-1"}),
    "a length and chunks": head(
        "POST", RESERVE, {"Content-Length": "4", "Transfer-Encoding": "chunked"}
    ),
    "a chunk of no size": head("POST", RESERVE, {"Transfer-Encoding": "chunked", **JSON})
    + b"zz\r\n",
}


@pytest.mark.parametrize("request_bytes", GARBAGE.values(), ids=GARBAGE)
async def test_what_is_not_http_is_refused_and_the_connection_ended(
    request_bytes: bytes, server: RunningServer
) -> None:
    reply = await exchange(server.url, request_bytes)

    assert (reply.status, problem_of(reply)) == (400, "invalid_request")
    assert reply.ended


REFUSED = {
    "no such route": (head("GET", "/nowhere"), 404, "not_found"),
    "a path that is no text": (head("GET", "/%ff%00/..;/%2e%2e/etc/passwd"), 404, "not_found"),
    "a tunnel": (head("CONNECT", "elsewhere:443"), 404, "not_found"),
    "another method": (head("DELETE", "/health"), 405, "method_not_allowed"),
    "reading what is written": (head("GET", RESERVE), 405, "method_not_allowed"),
    "no content type": (
        head("POST", RESERVE, {"Content-Length": "2"}) + b"{}",
        415,
        "unsupported_media_type",
    ),
    "no body at all": (head("POST", RESERVE), 400, "invalid_request"),
    "an empty body": (post(b"", Content_Type="text/plain"), 400, "invalid_request"),
    "a form": (post(b"a=b", Content_Type="text/plain"), 415, "unsupported_media_type"),
    "nothing": (post(b""), 400, "invalid_request"),
    "half of it": (post(b'{"sessionId": "a'), 400, "invalid_request"),
    "invalid UTF-8": (post(b'{"sessionId": "\xff"}'), 400, "invalid_request"),
    "UTF-16": (post('{"sessionId": "a"}'.encode("utf-16")), 400, "invalid_request"),
    "NaN": (post(b'{"sessionId": NaN}'), 400, "invalid_request"),
    "a number out of range": (post(b'{"sessionId": "a", "x": 1e999}'), 400, "invalid_request"),
    "much nesting": (post(b"[" * 60_000), 400, "invalid_request"),
    "a list": (post(b"[]"), 400, "invalid_request"),
    "null": (post(b"null"), 400, "invalid_request"),
    "a long body": (post(b" " * 65_537), 413, "payload_too_large"),
    "long chunks": (chunked(b" " * 40_000, b" " * 40_000), 413, "payload_too_large"),
    "a bomb of gzip": (
        post(gzip.compress(b" " * 5_000_000), Content_Encoding="gzip"),
        415,
        "unsupported_media_type",
    ),
    "broken gzip": (
        post(b"no gzip at all", Content_Encoding="gzip"),
        415,
        "unsupported_media_type",
    ),
    "an unknown encoding": (
        post(b'{"sessionId": "a"}', Content_Encoding="rot13"),
        415,
        "unsupported_media_type",
    ),
    "no token": (head("GET", "/sessions"), 401, "unauthenticated"),
    "an empty token": (
        head("GET", "/sessions", {"Authorization": "Bearer "}),
        401,
        "unauthenticated",
    ),
    "another scheme": (
        head("GET", "/sessions", {"Authorization": f"Basic {ADMIN_TOKEN}"}),
        401,
        "unauthenticated",
    ),
    "a wrong token": (
        head("GET", "/sessions", {"Authorization": "Bearer guessed"}),
        403,
        "forbidden",
    ),
    "a token of bytes": (
        head("GET", "/sessions", {"X-Admin-Token": "\udcff\udcfe"}),
        403,
        "forbidden",
    ),
    "a bearer of bytes": (
        head("GET", "/sessions", {"Authorization": "Bearer \udcff"}),
        403,
        "forbidden",
    ),
    "metrics through a proxy": (head("GET", "/metrics", FORWARDED), 401, "unauthenticated"),
    "metrics with a wrong token": (
        head("GET", "/metrics", {**FORWARDED, "X-Admin-Token": "x"}),
        403,
        "forbidden",
    ),
    "an origin of bytes": (
        head("GET", "/health", {"Origin": "http://\udcff"}),
        403,
        "origin_refused",
    ),
}


@pytest.mark.parametrize(("request_bytes", "status", "code"), REFUSED.values(), ids=REFUSED)
async def test_a_request_that_cannot_be_served_gets_its_problem(
    request_bytes: bytes, status: int, code: str, server: RunningServer
) -> None:
    reply = await exchange(server.url, request_bytes)

    assert (reply.status, problem_of(reply)) == (status, code)


async def test_a_refused_method_tells_the_allowed_ones(server: RunningServer) -> None:
    reply = await exchange(server.url, head("PUT", "/health"))

    assert reply.status == 405
    assert "GET" in reply.headers["allow"]


HANDSHAKES = {
    "an older protocol": "/socket.io/?EIO=3&transport=polling",
    "no protocol": "/socket.io/?transport=polling",
    "an unknown transport": "/socket.io/?EIO=4&transport=pigeon",
    "an unknown connection": "/socket.io/?EIO=4&transport=polling&sid=unknown",
    "a connection of bytes": "/socket.io/?EIO=4&transport=polling&sid=%ff%0a",
    "a WebSocket without asking for one": "/socket.io/?EIO=4&transport=websocket",
    "a callback": "/socket.io/?EIO=4&transport=polling&j=alert(1)",
}


@pytest.mark.parametrize("target", HANDSHAKES.values(), ids=HANDSHAKES)
async def test_a_handshake_of_another_kind_is_refused(target: str, server: RunningServer) -> None:
    reply = await exchange(server.url, head("GET", target))

    assert (reply.status, problem_of(reply)) == (400, "invalid_request")
    assert b"alert" not in reply.body
    assert b"unknown" not in reply.body  # the id that the client sent


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_only_get_and_post_reach_socketio(method: str, server: RunningServer) -> None:
    """With 400, as Engine.IO's own tests have it, and not with 405."""
    reply = await exchange(server.url, head(method, "/socket.io/?EIO=4&transport=polling"))

    assert (reply.status, problem_of(reply)) == (400, "invalid_request")


BAD_UPGRADES = {
    "no Connection": {"Connection": "keep-alive"},
    "a short key": {"Sec-WebSocket-Key": "short"},
    "a key of bytes": {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j\udcff=="},
    "a version of bytes": {"Sec-WebSocket-Version": "\udcff"},
    "an old version": {"Sec-WebSocket-Version": "99"},
}


@pytest.mark.parametrize("odd", BAD_UPGRADES.values(), ids=BAD_UPGRADES)
async def test_a_refused_websocket_leaves_no_connection_behind(
    odd: dict[str, str], server: RunningServer
) -> None:
    target = "/socket.io/?EIO=4&transport=websocket"

    reply = await exchange(server.url, head("GET", target, {**UPGRADE, **odd}))

    assert (reply.status, problem_of(reply)) == (400, "invalid_request")
    health = await exchange(server.url, head("GET", "/health"))
    assert health.json["connections"] == 0


async def test_a_good_pair_notices_nothing_of_any_garbage(
    server: RunningServer, pair: Pair
) -> None:
    bad = [*GARBAGE.values(), *(request for request, _, _ in REFUSED.values())]

    for reply in await asyncio.gather(*(exchange(server.url, request) for request in bad)):
        check_answer(reply)


# --- slow and torn ---


async def hangs_up(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(8):  # less than the usual limit of a head
            return await reader.read() == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHost: a\r\nX: "])
async def test_a_head_that_does_not_arrive_in_time_ends_its_connection(
    sent: bytes, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "HEAD_LIMIT_S", 0.2)
    async with connected(server.url) as (reader, writer):
        writer.write(sent)

        assert await hangs_up(reader)


async def test_dripping_a_head_byte_by_byte_buys_no_time(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, pair: Pair
) -> None:
    monkeypatch.setattr(door, "HEAD_LIMIT_S", 0.2)
    async with connected(server.url) as (reader, writer):

        def drip() -> bool:
            if writer.is_closing():
                return True
            writer.write(b"x")
            return reader.at_eof() or reader.exception() is not None

        await until(drip, limit_s=8)


async def test_the_head_of_a_second_request_has_a_limit_too(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app._HTTP_OPTIONS, "keepalive_timeout", 0.2)
    async with connected(server.url) as (reader, writer):
        writer.write(head("GET", "/health"))
        assert (await read_reply(reader)).status == 200

        writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\nX: ")

        assert await hangs_up(reader)


async def test_a_head_without_end_is_refused_at_its_bound(server: RunningServer) -> None:
    endless = b"GET /health HTTP/1.1\r\nX: " + b"y" * door.HEAD_LIMIT_BYTES

    reply = await exchange(server.url, endless)

    assert (reply.status, problem_of(reply)) == (413, "payload_too_large")
    assert reply.ended


async def test_a_body_that_does_not_arrive_in_time_is_refused(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "BODY_LIMIT_S", 0.2)

    reply = await exchange(server.url, head("POST", RESERVE, {**JSON, "Content-Length": "9"}), b"{")

    assert (reply.status, problem_of(reply)) == (400, "invalid_request")
    assert "in time" in reply.json["message"]


async def test_pipelined_requests_are_answered_in_order(server: RunningServer) -> None:
    async with connected(server.url) as (reader, writer):
        writer.write((head("GET", "/health") + head("GET", "/nowhere")) * 200)

        statuses = [(await read_reply(reader)).status for _ in range(400)]

    assert statuses == [200, 404] * 200


async def test_a_torn_connection_frees_its_place(server: RunningServer) -> None:
    async def tear(sent: bytes) -> None:
        async with connected(server.url) as (_, writer):
            writer.write(sent)
            await writer.drain()

    # Far more than one address may have open at the same time.
    for _ in range(11):
        await asyncio.gather(*(tear(post(b"{}")[:length]) for length in range(0, 200, 2)))

    await until(lambda: server.app._doorkeeper._count == 0)
    assert (await exchange(server.url, head("GET", "/health"))).status == 200


@pytest.mark.parametrize("target", [POLLING, WEBSOCKET, "/health"])
async def test_who_is_gone_before_the_answer_is_no_fault_of_ours(
    target: str, server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        # Without a pause for the server, which thus finds the request and the end together.
        with socket.create_connection(("127.0.0.1", server.app.port)) as stranger:
            stranger.sendall(head("GET", target, UPGRADE if target == WEBSOCKET else None))
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert (await exchange(server.url, head("GET", "/health"))).status == 200
    await until(lambda: server.app._doorkeeper._count <= 1)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
