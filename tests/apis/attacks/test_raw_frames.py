"""Whatever comes over the WebSocket of secure chat: it is answered or ends, and harms nobody."""

import itertools
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest

from server.apis.secure_chat.frames import SOCKET
from server.transports.raw.sockets import RENEW
from tests.apis.attacks.scenes import CANARY, Scene
from tests.apis.attacks.test_other_peoples_ids import filled
from tests.apis.attacks.test_raw_socket import PATH, Open, connect
from tests.apis.session_relay.sessions import configured
from tests.servers import RunningServer, until
from tests.transports.raw.sockets import Client
from tests.transports.wire import UPGRADE, connected, frame, head, read_close_code, read_reply

__all__ = ["connect"]

SAID = {"encryptedContent": "x", "messageId": "mallory-1"}
NAMED = ("message-1", "message-2")

SILENT: tuple[str, None] = ("", None)
"""What is answered with nothing."""

ROWS: dict[str, list[tuple[dict[str, Any], tuple[str, Any]]]] = {
    "message": [
        ({**SAID, "roomId": "{roomId}"}, ("error", "not_found")),
        ({**SAID, "roomId": "{mallorys}", "senderId": "{userId}"}, ("error", "forbidden")),
        ({**SAID, "roomId": "{mallorys}", "senderDeviceId": "{deviceId}"}, ("error", "forbidden")),
    ],
    "delivery_receipt": [
        ({"messageId": "{messageId}", "roomId": "{roomId}"}, ("error", "not_found")),
        ({"messageId": "{messageId}", "senderId": "{userId}"}, ("error", "not_found")),
        ({"messageIds": NAMED, "senderId": "{userId}"}, ("delivery_receipt_ack", NAMED)),
    ],
    "read_receipt": [
        ({"messageId": "{messageId}", "roomId": "{roomId}"}, ("error", "not_found")),
        ({"messageIds": NAMED, "userId": "{userId}"}, ("read_receipt_ack", NAMED)),
    ],
    "typing": [
        ({"roomId": "{roomId}"}, ("error", "not_found")),
        ({"recipientId": "{userId}", "userId": "{userId}"}, SILENT),
    ],
    "stop_typing": [
        ({"roomId": "{roomId}"}, ("error", "not_found")),
        ({"recipientId": "{userId}"}, SILENT),
    ],
    "presence": [
        ({"userIds": ["{userId}"]}, ("presence", [])),
        ({"userId": "{userId}"}, ("presence", [])),
    ],
    "heartbeat": [({"userId": "{userId}", "deviceId": "{deviceId}"}, ("heartbeat_ack", None))],
    "auth": [({"token": "{token}"}, ("error", "forbidden"))],
}
"""What mallory sends with ids of alice and bob, by types; and the type and gist of the answer."""


def test_every_frame_has_a_row() -> None:
    assert set(ROWS) == {*SOCKET.frames, RENEW}


def gist(answers: list[dict[str, Any]]) -> tuple[str, Any]:
    """Of an answer what a row says."""
    if not answers:
        return SILENT
    (answer,) = answers
    said = answer.get("code", answer.get("notFound", answer.get("online")))
    return answer["type"], tuple(said) if said and not isinstance(said, str) else said


async def answers_to(client: Client, name: str, payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All that a frame is answered with."""
    ref = f"ref-{len(client.heard)}"
    await client.send(name, payload, ref=ref)
    await client.beat()
    return client.answers(ref)


def cases() -> Iterator[tuple[str, dict[str, Any], tuple[str, Any]]]:
    return ((name, payload, row) for name, rows in ROWS.items() for payload, row in rows)


async def ids_of(scene: Scene) -> dict[str, str]:
    """Of alice and bob, and of a room of mallory's own."""
    made = await scene.done(scene.mallory, "POST /api/rooms", {"name": "mine"})
    return {**scene.ids, "token": scene.alice.token, "mallorys": made["data"]["roomId"]}


async def test_who_names_what_is_not_theirs_learns_and_changes_nothing(
    scene: Scene, connect: Open
) -> None:
    ids = await ids_of(scene)
    alice, bob, mallory = [
        await connect(one) for one in (scene.alice, scene.bob, scene.mallory)
    ]  # fmt: skip
    before = [await scene.seen_by(who) for who in (scene.alice, scene.bob)]
    for one in (alice, bob):
        await one.beat()
    heard = [len(alice.heard), len(bob.heard)]
    for name, payload, row in cases():
        answers = await answers_to(mallory, name, filled(payload, ids))
        assert gist(answers) == row, (name, payload, answers)
    for one in (alice, bob):
        await one.beat()
    assert [len(alice.heard) - 1, len(bob.heard) - 1] == heard
    assert CANARY not in json.dumps(mallory.heard)
    assert [await scene.seen_by(who) for who in (scene.alice, scene.bob)] == before


async def test_what_others_have_looks_as_what_is_not_there(scene: Scene, connect: Open) -> None:
    theirs = await ids_of(scene)
    names = ("userId", "deviceId", "roomId", "messageId")
    nobodys = {**theirs, **dict.fromkeys(names, "nowhere")}
    mallory = await connect(scene.mallory)
    for name, payload, _ in cases():
        both = []
        for ids in (theirs, nobodys):
            answers = await answers_to(mallory, name, filled(payload, ids))
            both.append([{**one, "ref": None} for one in answers])
        assert both[0] == both[1], (name, payload)


# --- what is no frame, or has something odd in it ---

ODD: tuple[Any, ...] = (
    {"$gt": ""},
    [["a\0"]],
    1e300,
    True,
    "\0",
    "a\r\nb",
    "x" * 3_000,
    {"__proto__": {"admin": True}},
    [{}] * 600,
    2**53,
)

REFUSED = {"invalid_request", "not_found", "forbidden", "unauthenticated", "recipient_not_found"}


async def test_a_field_of_a_wrong_kind_is_refused_in_every_frame(
    scene: Scene, connect: Open, caplog: pytest.LogCaptureFixture
) -> None:
    ids = await ids_of(scene)
    before = await scene.seen_by(scene.alice)
    mallory = await connect(scene.mallory)
    for name, known in SOCKET.frames.items():
        base = filled(ROWS[name][0][0], ids)
        fields = [one.encode_name for one in msgspec.structs.fields(known.request)]
        for field, odd in itertools.product(fields, ODD):
            (answer,) = await answers_to(mallory, name, {**base, field: odd})
            assert answer.get("code") in REFUSED, (name, field, odd, answer)
    assert await scene.seen_by(scene.alice) == before
    assert "internal_error" not in caplog.messages


TEXTS = [
    "",
    "{",
    "null",
    "[]",
    "{}",
    '{"type": "heartbeat", "payload": {"nobody looks at it": NaN}}',
    '{"type": "heartbeat", "payload": {"nobody looks at it": 1e999}}',
    '{"type": "heartbeat", "payload": {"nobody looks at it": -Infinity}}',
    '{"type": "message", "payload": ' + "[" * 20_000 + "]" * 20_000 + "}",
    '{"type": "message", "payload": ' + '{"a":' * 20_000 + "1" + "}" * 20_000 + "}",
    '{"type": "heartbeat"} {"type": "heartbeat"}',
    '{"type": ["message"]}',
    '{"type": {"$ne": 1}}',
    '{"type": "__class__"}',
    '{"type": "constructor"}',
    '{"type": "new_message", "message": {}}',
    '{"type": "device_revoked", "deviceId": "alice-phone"}',
    '{"type": "MESSAGE"}',
    '{"type": "heartbeat\\u0000"}',
    '{"type": "heartbeat", "ref": {"a": 1}}',
    '{"type": "message", "payload": "text"}',
    '{"type": "message", "payload": {"encryptedContent": "\\ud800"}}',
]


async def test_what_is_no_frame_is_answered_and_the_next_one_is_handled(
    scene: Scene, connect: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    mallory = await connect(scene.mallory)
    for text in TEXTS:
        heard = len(mallory.heard)
        await mallory.socket.send_str(text)
        await mallory.socket.send_bytes(text.encode())
        await mallory.beat()
        answers = mallory.heard[heard:]
        assert [one["type"] for one in answers] == ["error", "error", "heartbeat_ack"], text[:60]
        assert {one["code"] for one in answers[:2]} <= {"invalid_request", "unknown_event"}
    assert caplog.records == []


async def test_a_frame_is_text_and_in_binary_it_is_none(scene: Scene, connect: Open) -> None:
    mallory = await connect(scene.mallory)
    await mallory.socket.send_bytes(b'{"type": "heartbeat", "ref": "binary"}')
    await mallory.beat()
    assert mallory.answers("binary") == []
    assert [one["code"] for one in mallory.all("error")] == ["invalid_request"]


async def test_of_a_name_that_stands_twice_in_a_frame_the_last_counts(
    scene: Scene, connect: Open
) -> None:
    """One reader of frames, so that what is checked is what is done."""
    room_id = scene.ids["roomId"]
    mallory = await connect(scene.mallory)
    await mallory.socket.send_str('{"type": "message", "type": "heartbeat", "ref": 1, "ref": 2}')
    await until(lambda: mallory.answers(2))
    assert mallory.answers(2)[0]["type"] == "heartbeat_ack"
    own = (await ids_of(scene))["mallorys"]
    twice = f'"roomId": "{own}", "roomId": "{room_id}"'
    await mallory.socket.send_str(
        f'{{"type": "message", "ref": 3, "payload": {{"encryptedContent": "x", {twice}}}}}'
    )
    await until(lambda: mallory.answers(3))
    assert mallory.answers(3)[0]["code"] == "not_found"


# --- sizes and numbers ---

BOUND_BYTES = 30_000
SMALL = {"MAX_PAYLOAD_BYTES": BOUND_BYTES, "MAX_CIPHERTEXT_BYTES": 20_000}


def parts(payload: bytes, count: int) -> bytes:
    """A message that never ends, in so many parts."""
    return b"".join(frame(0 if n else 1, payload, first_byte=0) for n in range(count))


HUGE = {
    "one frame": frame(1, b"x" * (BOUND_BYTES + 1)),
    "binary": frame(2, b"x" * (BOUND_BYTES + 1)),
    "the head of one of all memory": b"\x81\xff" + (2**62).to_bytes(8) + b"\0\0\0\0x",
    "many parts": parts(b"x" * 1_000, 40),
    "a ping of 200 bytes": frame(9, b"x" * 200),
    "a part within a part": frame(1, b"{", first_byte=0) + frame(1, b"}"),
    "packed, which nobody agreed upon": frame(1, b"\x2a\x4d", first_byte=0xC0),
}


@configured(**SMALL)
@pytest.mark.parametrize("written", HUGE.values(), ids=HUGE)
async def test_what_is_too_large_or_no_message_ends_its_connection_alone(
    scene: Scene, server: RunningServer, connect: Open, written: bytes
) -> None:
    alice = await connect(scene.alice)
    async with connected(server.url) as (reader, writer):
        writer.write(head("GET", f"{PATH}?token={scene.mallory.token}", UPGRADE))
        assert (await read_reply(reader)).status == 101
        writer.write(written)
        assert await read_close_code(reader) in (1002, 1009)
    await alice.beat()
    await until(lambda: len(server.app.raw.open_lines) == 1)


async def test_a_message_byte_by_byte_is_one_message(scene: Scene, server: RunningServer) -> None:
    said = json.dumps({"type": "heartbeat", "ref": "slow"}).encode()
    async with connected(server.url) as (reader, writer):
        writer.write(head("GET", f"{PATH}?token={scene.mallory.token}", UPGRADE))
        await read_reply(reader)
        whole = parts(b"", 1) + b"".join(
            frame(0, bytes([one]), first_byte=0x80 if n == len(said) - 1 else 0)
            for n, one in enumerate(said)
        )
        for one in whole:
            writer.write(bytes([one]))
            await writer.drain()
        assert b"heartbeat_ack" in await reader.readuntil(b"slow")


TINY = frame(1, b'{"type":"heartbeat"}')


async def test_ten_thousand_tiny_frames_at_once_do_not_keep_others_waiting(
    scene: Scene, server: RunningServer, connect: Open
) -> None:
    alice = await connect(scene.alice)
    registry = server.app._metrics.registry
    labels = {"event": "secure chat:heartbeat"}

    def handled() -> float:
        return registry.get_sample_value("hushwire_event_seconds_count", labels) or 0

    before = handled()
    async with connected(server.url) as (reader, writer):
        writer.write(head("GET", f"{PATH}?token={scene.mallory.token}", UPGRADE))
        await read_reply(reader)
        writer.write(TINY * 10_000)
        await until(lambda: handled() > before)
        await alice.beat()
        assert handled() - before < 10_000
        heard = 0
        while heard < 10_000:
            heard += (await reader.readuntil(b"}")).count(b"heartbeat_ack")
    assert len(alice.all("heartbeat_ack")) == 2


@configured(RATE_LIMITS="on")
async def test_who_sends_ten_thousand_tiny_frames_is_cut_where_there_are_rates(
    scene: Scene, server: RunningServer, connect: Open
) -> None:
    alice = await connect(scene.alice)
    async with connected(server.url) as (reader, writer):
        writer.write(head("GET", f"{PATH}?token={scene.mallory.token}", UPGRADE))
        await read_reply(reader)
        writer.write(TINY * 10_000)
        assert await read_close_code(reader) == 1008
    await alice.beat()


@configured(RATE_LIMITS="on", MEMBER_SENDS_PER_MINUTE=40)
async def test_more_sockets_do_not_let_a_user_store_more(scene: Scene, connect: Open) -> None:
    room_id = (await ids_of(scene))["mallorys"]
    sockets = [await connect(scene.mallory) for _ in range(4)]
    answers = [
        await client.ask("message", roomId=room_id, encryptedContent="x") for client in sockets * 5
    ]
    assert [one["type"] for one in answers] == ["message_sent"] * 10 + ["error"] * 10
    assert {one["code"] for one in answers[10:]} == {"rate_limited"}
