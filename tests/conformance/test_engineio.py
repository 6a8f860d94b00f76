"""Engine.IO, revision 4: handshake and message, on both transports."""

import asyncio
import json

import pytest

from tests.conformance.frames import NO_CLOSE_FRAME, WebSocket, is_refused, websocket
from tests.conformance.polling import Session, open_session, payload
from tests.servers import RunningServer
from tests.transports.wire import POLLING, WEBSOCKET, connected, exchange, head, read_reply

PATH = "/socket.io/"


def target(query: str) -> str:
    return f"{PATH}?{query}"


async def opened_by(line: WebSocket) -> dict[str, object]:
    """What the server said in the open packet of a WebSocket."""
    packet = await line.read()
    assert isinstance(packet, str)
    assert packet[0] == "0"
    opened: dict[str, object] = json.loads(packet[1:])
    return opened


# --- handshake / HTTP long-polling ---


async def test_polling_opens_a_session(ticking_engine: RunningServer) -> None:
    session = await open_session(ticking_engine.url)

    opened = dict(session.opened)
    sid = opened.pop("sid")
    assert isinstance(sid, str)
    assert len(sid) >= 16
    assert opened == {
        "upgrades": ["websocket"],
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": 1_000_000,
    }


async def test_the_open_packet_is_plain_text(engine: RunningServer) -> None:
    reply = await exchange(engine.url, head("GET", POLLING))

    assert reply.headers["content-type"].replace(" ", "").lower() == "text/plain;charset=utf-8"


async def test_each_handshake_opens_a_session_of_its_own(engine: RunningServer) -> None:
    alice, bob = await open_session(engine.url), await open_session(engine.url)

    await alice.post("4for alice")
    await bob.post("4for bob")

    assert alice.opened["sid"] != bob.opened["sid"]
    assert await bob.poll() == ["4for bob"]
    assert await alice.poll() == ["4for alice"]


async def test_other_query_parameters_are_ignored(engine: RunningServer) -> None:
    reply = await exchange(engine.url, head("GET", f"{POLLING}&t=N8hyd6w&b64=&x=%F0%9F%92%A9"))

    assert reply.status == 200


BAD_VERSIONS = {
    "no version": "",
    "an empty version": "EIO=&",
    "a version that is no number": "EIO=abc&",
    "an earlier version": "EIO=3&",
    "a later version": "EIO=5&",
    "more than the version": "EIO=4.1&",
}


@pytest.mark.parametrize("version", BAD_VERSIONS.values(), ids=BAD_VERSIONS)
async def test_polling_is_refused_with(version: str, engine: RunningServer) -> None:
    reply = await exchange(engine.url, head("GET", target(f"{version}transport=polling")))

    assert reply.status == 400


@pytest.mark.parametrize(
    "transport", ["", "&transport=", "&transport=abc", "&transport=webtransport"]
)
async def test_an_unknown_transport_is_refused(transport: str, engine: RunningServer) -> None:
    assert (await exchange(engine.url, head("GET", target(f"EIO=4{transport}")))).status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_only_get_opens_a_session(method: str, engine: RunningServer) -> None:
    reply = await exchange(engine.url, head(method, POLLING, {"Content-Length": "0"}))

    assert reply.status == 400


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("sid", ["", "unknown", "a" * 5000, "%00"])
async def test_an_unknown_session_is_refused(method: str, sid: str, engine: RunningServer) -> None:
    sizes = {"Content-Length": "1"}

    reply = await exchange(engine.url, head(method, f"{POLLING}&sid={sid}", sizes) + b"3")

    # An empty id is none, as in a handshake.
    assert reply.status == (200 if method == "GET" and not sid else 400)


@pytest.mark.parametrize("rest", ["transport=polling", "EIO=4", "EIO=3&transport=polling"])
async def test_later_requests_name_version_and_transport_too(
    rest: str, engine: RunningServer
) -> None:
    session = await open_session(engine.url)

    reply = await exchange(engine.url, head("GET", target(f"{rest}&sid={session.opened['sid']}")))

    assert reply.status == 400


# --- handshake / WebSocket ---


async def test_a_websocket_opens_a_session(ticking_engine: RunningServer) -> None:
    async with websocket(ticking_engine.url) as line:
        opened = await opened_by(line)

    assert isinstance(opened.pop("sid"), str)
    assert opened == {
        "upgrades": [],
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": 1_000_000,
    }


BAD_HANDSHAKES = {
    "no version": "transport=websocket",
    "another version": "EIO=3&transport=websocket",
    "a version that is no number": "EIO=abc&transport=websocket",
    "no transport": "EIO=4",
    "an unknown transport": "EIO=4&transport=abc",
    "the other transport": "EIO=4&transport=polling",
    "an unknown session": "EIO=4&transport=websocket&sid=unknown",
}


@pytest.mark.parametrize("query", BAD_HANDSHAKES.values(), ids=BAD_HANDSHAKES)
async def test_a_websocket_is_refused_with(query: str, engine: RunningServer) -> None:
    assert await is_refused(engine.url, target(query))


async def test_the_websocket_transport_needs_an_upgrade(engine: RunningServer) -> None:
    assert (await exchange(engine.url, head("GET", WEBSOCKET))).status == 400


# --- message / HTTP long-polling ---

MESSAGES = {
    "one text": ["4hello"],
    "several texts": ["4one", "4two", "4three"],
    "text and binary": ["4hello", b"\x01\x02\x03\x04"],
    "binary before text": [b"\xff\x00", "4hello", b"\x1e"],
    "an empty text": ["4"],
    "texts beyond ASCII": ["4€", "4\U0001f600 \u2028", "4\0"],
    "digits, which are no types here": ["42", "441", "4b"],
    "a long text": ["4" + "long " * 40_000],
    "a long binary": [bytes(range(256)) * 400],
}


@pytest.mark.parametrize("packets", MESSAGES.values(), ids=MESSAGES)
async def test_a_payload_comes_back(packets: list[str | bytes], engine: RunningServer) -> None:
    session = await open_session(engine.url)

    posted = await session.post(*packets)
    polled = await session.get()

    assert (posted.status, posted.body) == (200, b"ok")
    assert (polled.status, polled.body) == (200, payload(*packets))


async def test_a_waiting_poll_is_answered_by_what_comes(engine: RunningServer) -> None:
    session = await open_session(engine.url)

    async with session.waiting_poll() as reader:
        await session.post("4hello")

        async with asyncio.timeout(5):
            assert (await read_reply(reader)).body == b"4hello"


async def test_polls_bring_many_posts_in_order(engine: RunningServer) -> None:
    session = await open_session(engine.url)
    sent = [f"4{number}" for number in range(60)]

    for start in range(0, 60, 20):
        await session.post(*sent[start : start + 20])

    heard: list[str] = []
    while len(heard) < 60:
        heard += await session.poll()
    assert heard == sent


async def test_polls_and_posts_may_share_one_tcp_connection(engine: RunningServer) -> None:
    session = await open_session(engine.url)

    async with connected(engine.url) as (reader, writer), asyncio.timeout(5):
        for word in (b"4one", b"4two"):
            sizes = {"Content-Length": str(len(word))}
            writer.write(head("POST", session.target, sizes) + word + head("GET", session.target))
            assert (await read_reply(reader)).body == b"ok"
            assert (await read_reply(reader)).body == word


async def test_a_payload_may_have_as_many_bytes_as_was_said(ticking_engine: RunningServer) -> None:
    session = await open_session(ticking_engine.url)

    assert (await session.post_body(b"4" * 1_000_000)).status == 200
    assert (await session.post_body(b"4" * 1_000_001)).status == 413


BROKEN = {
    "no packet type": "abc",
    "an unknown type": "7",
    "a type of the server's": "2",
    "base64 that is none": "b%%%",
    "a bad packet behind a good one": "4hello\x1eabc",
    "an empty packet": "",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
async def test_a_broken_payload_closes_the_session(body: str, engine: RunningServer) -> None:
    session = await open_session(engine.url)

    reply = await session.post_body(body.encode())

    assert reply.status == 400
    assert await session.is_closed()


async def test_a_second_poll_closes_the_session(engine: RunningServer) -> None:
    session = await open_session(engine.url)

    async with session.waiting_poll() as reader:
        second = await session.get()
        async with asyncio.timeout(5):
            first = await read_reply(reader)

    assert second.status == 400
    assert (first.status, first.body) == (200, b"1")
    assert await session.is_closed()


async def test_a_second_post_closes_the_session(engine: RunningServer) -> None:
    session = await open_session(engine.url)
    async with connected(engine.url) as (_, writer):
        writer.write(head("POST", session.target, {"Content-Length": "6"}) + b"4")
        await exchange(engine.url, head("GET", "/health"))

        second = await session.post("4second")

    assert second.status == 400
    assert await session.is_closed()


async def until_closed(session: Session) -> None:
    """Wait for the end of a session, without polling it: a poll would keep or end it."""
    async with asyncio.timeout(5):
        while (await session.post_body(b"3")).status != 400:
            pass


async def test_a_poll_that_is_cancelled_closes_the_session(engine: RunningServer) -> None:
    session = await open_session(engine.url)

    async with session.waiting_poll():
        pass

    await until_closed(session)


async def test_a_post_that_breaks_off_is_not_handled(engine: RunningServer) -> None:
    session = await open_session(engine.url)

    async with connected(engine.url) as (_, writer):
        writer.write(head("POST", session.target, {"Content-Length": "99"}) + b"4half\x1e4")
        await writer.drain()
        await exchange(engine.url, head("GET", "/health"))

    await until_closed(session)


# --- message / WebSocket ---


async def test_messages_come_back_each_in_its_frame(engine: RunningServer) -> None:
    sent: list[str | bytes] = [
        "4hello",
        b"\x01\x02\x03\x04",
        "4",
        b"",
        "4€ \U0001f600",
        "4one\x1e4two",
        "4b",
        b"4",
    ]

    async with websocket(engine.url) as line:
        await opened_by(line)
        await line.send(*sent)

        assert await line.read_many(len(sent)) == sent


@pytest.mark.parametrize("packet", ["abc", "", "7", "2", "9x"])
async def test_a_broken_packet_closes_the_websocket(packet: str, engine: RunningServer) -> None:
    async with websocket(engine.url) as line:
        await opened_by(line)
        await line.send(packet)

        assert await line.ended() != NO_CLOSE_FRAME


async def test_noop_and_an_unasked_pong_change_nothing(engine: RunningServer) -> None:
    async with websocket(engine.url) as line:
        await opened_by(line)
        await line.send("6", "3", "4still here")

        assert await line.read() == "4still here"
