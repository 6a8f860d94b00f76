"""Broken frames and packets, on both transports: the connection ends, and nothing else."""

import asyncio
import struct

import pytest

from server.transports.socketio import server as socketio_server
from tests.servers import RunningServer
from tests.transports.conftest import Dial
from tests.transports.wire import (
    UPGRADE,
    WEBSOCKET,
    Pair,
    PollingLine,
    WebSocketLine,
    connected,
    exchange,
    frame,
    head,
    read_close_code,
    read_reply,
)

PROTOCOL_ERROR, BAD_TEXT, TOO_BIG = 1002, 1007, 1009

FRAMES = {
    "a reserved bit": (frame(1, b"40", first_byte=0xC0), PROTOCOL_ERROR),
    "an unknown opcode": (frame(3, b"40"), PROTOCOL_ERROR),
    "a continuation of nothing": (frame(0, b"40"), PROTOCOL_ERROR),
    "a new message within another": (
        frame(1, b"4", first_byte=0) + frame(1, b"40"),
        PROTOCOL_ERROR,
    ),
    "a ping in pieces": (frame(9, b"x", first_byte=0), PROTOCOL_ERROR),
    "a long ping": (frame(9, b"x" * 126), PROTOCOL_ERROR),
    "a close of one byte": (frame(8, b"\x03"), PROTOCOL_ERROR),
    "a close with no possible code": (frame(8, struct.pack(">H", 999)), PROTOCOL_ERROR),
    "text that is no UTF-8": (frame(1, b"4\xff\xfe"), BAD_TEXT),
    "text with a surrogate": (frame(1, b"4\xed\xa0\x80"), BAD_TEXT),
    "an announced terabyte": (b"\x81\xff" + struct.pack(">Q", 1 << 40) + bytes(4), TOO_BIG),
    "an announced negative size": (b"\x81\xff" + b"\xff" * 8 + bytes(4), TOO_BIG),
    "a large frame": (frame(1, b"4" * 1_000_001), TOO_BIG),
    "many small pieces": (
        frame(1, b"4", first_byte=0) + frame(0, b"x" * 60_000, first_byte=0) * 17,
        TOO_BIG,
    ),
}


@pytest.mark.parametrize(("sent", "close_code"), FRAMES.values(), ids=FRAMES)
async def test_a_broken_frame_closes_the_websocket_with_the_reason(
    sent: bytes, close_code: int, server: RunningServer
) -> None:
    async with connected(server.url) as (reader, writer):
        writer.write(head("GET", WEBSOCKET, UPGRADE))
        assert (await read_reply(reader)).status == 101

        writer.write(sent)

        async with asyncio.timeout(5):
            assert await read_close_code(reader) == close_code


async def test_no_compression_is_agreed_on(server: RunningServer) -> None:
    offer = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}

    reply = await exchange(server.url, head("GET", WEBSOCKET, {**UPGRADE, **offer}))

    assert reply.status == 101
    assert "sec-websocket-extensions" not in reply.headers


MALFORMED = {
    "nothing": "",
    "no type": "hello",
    "type 7": "7",
    "type 9": "9",
    "no base64": "b%%%",
    "an empty message": "4",
    "an unknown Socket.IO type": "47",
    "a refusal by a client": '44{"message":"no"}',
    "an event without data": "42",
    "an event that is an object": '42{"a":1}',
    "an empty event": "42[]",
    "an event without name": '42[{"a":1}]',
    "an event named null": "42[null]",
    "an event that breaks off": '42["typing-start",{"a":',
    "something after the event": '42["typing-start"]]',
    "a control character in a text": '42["a\nb"]',
    "NaN": '42["send-message",{"sessionId":"a","encrypted":NaN}]',
    "Infinity": '42["send-message",{"sessionId":"a","encrypted":-Infinity}]',
    "a number out of range": '42["send-message",{"sessionId":"a","encrypted":1e999}]',
    "a large whole number": f'42["x",{"9" * 5000}]',
    "much nesting": '42["x",' + "[" * 100_000,
    "nested objects": '42["x",' + '{"a":' * 100_000,
    "a long id": f'42{"1" * 101}["x"]',
    "an id of other digits": '42\u00b2["x"]',
    "null": "4null",
    "a list": "4[2]",
    "a number": "4 2",
    "no attachments": '450-["x"]',
    "too many attachments": '4533-["x",{"_placeholder":true,"num":0}]',
    "ten billion attachments": '459999999999-["x",{"_placeholder":true,"num":0}]',
    "attachments without number": '45-["x"]',
    "an acknowledgement that breaks off": "431[",
}


@pytest.mark.parametrize("packet", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_packet_ends_a_websocket(packet: str, dial: Dial) -> None:
    mallory = await dial("websocket")

    await mallory.send(packet)

    assert await mallory.ended() == PROTOCOL_ERROR


@pytest.mark.parametrize("packet", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_packet_ends_a_polling_connection(
    packet: str, polling: PollingLine
) -> None:
    reply = await polling.post(packet.encode())

    assert reply.status in (200, 400)
    await polling.ended()
    assert (await polling.post(b"3")).status == 400


ATTACHED = {
    "text instead": ('451-["x",{"_placeholder":true,"num":0}]', '42["x"]'),
    "an attachment that nobody announced": (b"\x00\x01",),
    "a place beyond the last": ('451-["x",{"_placeholder":true,"num":1}]', b"a"),
    "a place before the first": ('451-["x",{"_placeholder":true,"num":-1}]', b"a"),
    "a place that is text": ('451-["x",{"_placeholder":true,"num":"0"}]', b"a"),
    "a place that is no whole number": ('451-["x",{"_placeholder":true,"num":0.5}]', b"a"),
    "more bytes than a packet may have": (
        '452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
        b"a" * 999_999,
        b"a" * 999_999,
    ),
    "an acknowledgement of nothing": ('452-7["x",{"_placeholder":true,"num":0}]', "41"),
}


@pytest.mark.parametrize("packets", ATTACHED.values(), ids=ATTACHED)
async def test_attachments_that_do_not_fit_end_a_websocket(
    packets: tuple[str | bytes, ...], dial: Dial
) -> None:
    mallory = await dial("websocket")

    await mallory.send(*packets)

    assert await mallory.ended() in (PROTOCOL_ERROR, TOO_BIG)


async def test_attachments_that_never_come_end_the_connection(
    dial: Dial, monkeypatch: pytest.MonkeyPatch, pair: Pair
) -> None:
    monkeypatch.setattr(socketio_server, "ATTACHMENTS_LIMIT_S", 0.2)
    mallory = await dial("websocket")

    await mallory.send('452-["x",{"_placeholder":true,"num":0}]', b"the first of two")

    assert await mallory.ended() == PROTOCOL_ERROR


async def test_attachments_in_time_let_the_connection_live(
    dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socketio_server, "ATTACHMENTS_LIMIT_S", 0.2)
    mallory = await dial("websocket")
    await mallory.send('451-7["x",{"_placeholder":true,"num":0}]', b"all there is")
    assert (await mallory.ack(7))["error"] == "unknown_event"

    with pytest.raises(TimeoutError):
        await mallory.ended(limit_s=0.4)


async def test_who_opens_no_namespace_is_sent_away(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, pair: Pair
) -> None:
    monkeypatch.setattr(socketio_server, "JOIN_LIMIT_S", 0.2)
    async with WebSocketLine(server.url) as mute:
        await mute.shake_hands()

        # A namespace that there is not does not save the connection. An event ends it at once.
        await mute.send("40/elsewhere,")

        assert await mute.ended() == PROTOCOL_ERROR
        assert [str(packet)[:2] for packet in mute.heard[1:]] == ["44"]


async def test_a_namespace_that_there_is_not_is_refused_as_by_the_official_server(
    dial: Dial,
) -> None:
    mallory = await dial("websocket")

    await mallory.send("40/elsewhere,")

    refusal = '44/elsewhere,{"message":"Invalid namespace"}'
    await mallory.until(lambda: refusal in mallory.heard)


async def test_opening_the_namespace_twice_changes_nothing(dial: Dial, pair: Pair) -> None:
    mallory = await dial("websocket")
    token = (await mallory.join("lair", "mallory"))["memberToken"]

    await mallory.send("40", '40{"token":"x"}')

    again = await mallory.join("lair", "mallory", memberToken=token)
    assert again["memberToken"] == token


async def test_a_client_that_closes_engineio_is_let_go_at_once(dial: Dial) -> None:
    mallory = await dial("websocket")

    await mallory.send("1")

    await mallory.ended()


async def test_unexpected_packets_of_the_protocol_are_no_reason_to_end(dial: Dial) -> None:
    mallory = await dial("websocket")

    await mallory.send("3", "6", "5", "431[]", '43["x"]', "4399999[1]")

    assert (await mallory.ask("anything"))["error"] == "unknown_event"


@pytest.mark.parametrize("name", ["connect", "disconnect", "connect_error", "message", "", "*"])
async def test_no_name_of_an_event_reaches_more_than_the_actions(
    name: str, dial: Dial, server: RunningServer
) -> None:
    mallory = await dial("websocket")
    assert (await mallory.join("lair", "mallory"))["success"]

    ack = await mallory.ask(name, {"sessionId": "lair"}, "more", 3)

    assert (ack["success"], ack["error"]) == (False, "unknown_event")
    assert (await mallory.ask("get-public-keys", {"sessionId": "lair"}))["success"]


async def test_arguments_after_the_first_are_left_alone(dial: Dial) -> None:
    mallory = await dial("websocket")
    await mallory.join("lair", "mallory")

    ack = await mallory.ask("typing-start", {"sessionId": "lair"}, {"sessionId": 1}, [None])

    assert ack == {"success": True}


async def test_text_that_no_utf8_can_hold_is_no_internal_error(
    server: RunningServer, pair: Pair
) -> None:
    async with PollingLine(server.url) as mallory:
        await mallory.shake_hands()

        # Engine.IO's JSON makes a lone surrogate of this, in the name of a namespace.
        await mallory.post(b'4"0/\\ud800"')

        await mallory.ended()
        assert mallory.last_poll.status in (200, 400)


async def test_a_lone_surrogate_is_replaced_for_everybody(dial: Dial) -> None:
    alice, bob = await dial("websocket"), await dial("polling")
    await alice.join("lair", "alice")
    await bob.join("lair", "bob")

    await alice.send('421["send-message",{"sessionId":"lair","encrypted":"\\ud83d!\\ude00"}]')

    await bob.until(lambda: bob.events("new-message"))
    assert bob.events("new-message")[0]["encrypted"] == "\ufffd!\ufffd"
