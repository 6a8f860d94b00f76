"""From a frame to its answer, whatever the frame is."""

import asyncio
import json
from functools import partial
from typing import Any

import pytest

from server.transports.raw.sockets import MAX_REFUSALS
from tests.servers import RunningServer, running, until
from tests.transports.raw.conftest import Meet
from tests.transports.raw.letters import Office
from tests.transports.raw.sockets import JWT_SECRET, Client, token


async def test_a_frame_is_answered_with_its_ref(meet: Meet):
    alice = await meet()

    for ref in ("mine", 7, 0, "x" * 128):
        await alice.send("heartbeat", {}, ref=ref)
        await until(partial(alice.answers, ref))
        assert alice.answers(ref) == [{"type": "heartbeat_ack", "ref": ref}]


async def test_an_answer_to_a_frame_without_a_ref_has_none(meet: Meet):
    alice = await meet()

    await alice.send("heartbeat")

    await until(lambda: alice.heard)
    assert alice.heard == [{"type": "heartbeat_ack"}]


async def test_a_payload_may_stand_beside_the_type(meet: Meet):
    alice = await meet()

    await alice.send("post", room="tea", text="hello", ref=1)
    await alice.send("post", {"room": "tea", "text": "again"}, ref=2)
    await alice.socket.send_str('{"type": "heartbeat", "payload": null, "ref": 3}')

    await until(lambda: alice.answers(3))
    assert alice.heard == [
        {"type": "posted", "seq": 1, "ref": 1},
        {"type": "posted", "seq": 2, "ref": 2},
        {"type": "heartbeat_ack", "ref": 3},
    ]


@pytest.mark.parametrize(
    ("text", "code", "ref"),
    [
        ("", "invalid_request", None),
        ("{", "invalid_request", None),
        ("NaN", "invalid_request", None),
        ("[" * 100_000, "invalid_request", None),
        ("[]", "invalid_request", None),
        ("null", "invalid_request", None),
        ('"heartbeat"', "invalid_request", None),
        ("{}", "invalid_request", None),
        ('{"type": 1, "ref": 5}', "invalid_request", 5),
        ('{"type": null, "ref": "x"}', "invalid_request", "x"),
        ('{"type": "heartbeat", "ref": {}}', "invalid_request", None),
        ('{"type": "heartbeat", "ref": true}', "invalid_request", None),
        ('{"type": "heartbeat", "ref": 1e3}', "invalid_request", None),
        ('{"type": "heartbeat", "ref": 9007199254740993}', "invalid_request", None),
        (json.dumps({"type": "heartbeat", "ref": "x" * 129}), "invalid_request", None),
        ('{"type": "nonsense", "ref": "x"}', "unknown_event", "x"),
        ('{"type": "post", "ref": "x"}', "invalid_request", "x"),
        ('{"type": "post", "payload": null, "ref": "x"}', "invalid_request", "x"),
        ('{"type": "post", "payload": [], "ref": "x"}', "invalid_request", "x"),
        ('{"type": "post", "payload": {"room": "tea", "text": 7}}', "invalid_request", None),
        ('{"type": "fail", "ref": "x"}', "internal", "x"),
    ],
)
async def test_a_frame_that_cannot_be_handled_is_answered_and_the_next_is_handled(
    meet: Meet, text: str, code: str, ref: Any
):
    alice = await meet()

    await alice.socket.send_str(text)
    await alice.beat()

    [error, _] = alice.heard
    assert (error["type"], error["code"], error.get("ref")) == ("error", code, ref)
    assert error["message"]
    assert "of the test" not in error["message"]


async def test_a_binary_frame_is_answered_and_the_next_is_handled(meet: Meet):
    alice = await meet()

    await alice.socket.send_bytes(b'{"type": "heartbeat"}')
    await alice.beat()

    assert alice.heard[0]["code"] == "invalid_request"


async def test_frames_are_handled_one_after_the_other(meet: Meet, office: Office):
    alice, bob = await meet(), await meet("bob")
    office.gate.clear()

    for n in range(50):
        await alice.send("wait", {"n": n})
    await alice.send("heartbeat")
    await bob.beat()
    assert alice.heard == []
    office.gate.set()

    await until(lambda: alice.all("heartbeat_ack"))
    assert [one.get("n") for one in alice.heard] == [*range(50), None]


async def test_who_sends_more_than_may_be_is_told_and_then_cut(office: Office):
    few = {"CONNECTION_EVENTS_PER_MINUTE": 40}
    async with (
        running(None, None, (office.api(),), JWT_SECRET=JWT_SECRET, **few) as server,
        Client(server.url) as alice,
    ):
        await alice.open(token("alice"))
        for _ in range(10):
            await alice.beat()
        refused = await alice.ask("heartbeat")
        assert refused["code"] == "rate_limited"
        assert refused["retryAfterMs"] > 0

        for _ in range(MAX_REFUSALS):
            await alice.send("heartbeat")

        assert await alice.ended() == 1008


async def test_a_message_beyond_the_bound_ends_the_connection(office: Office):
    small = {"MAX_PAYLOAD_BYTES": 30_000, "MAX_CIPHERTEXT_BYTES": 20_000}
    async with (
        running(None, None, (office.api(),), JWT_SECRET=JWT_SECRET, **small) as server,
        Client(server.url) as alice,
        Client(server.url) as bob,
    ):
        await alice.open(token("alice"))
        await bob.open(token("bob"))
        await alice.send("post", {"room": "tea", "text": "x" * 29_900})
        await bob.hears("x" * 29_900)
        await alice.send("post", {"room": "tea", "text": "x" * 30_000})

        assert await alice.ended() == 1009
        await bob.beat()


async def test_events_go_out_with_what_is_of_the_moment(meet: Meet):
    alice, bob, bobs_laptop = await meet(), await meet("bob"), await meet("bob", "laptop")
    await asyncio.gather(bob.beat(), bobs_laptop.beat())

    await alice.send("say", {"to": ["bob", "nobody"], "text": "psst"})

    for one in (bob, bobs_laptop):
        await until(partial(one.all, "whisper"))
        assert one.all("whisper") == [{"type": "whisper", "text": "psst"}]


async def test_metrics_tell_of_frames_connections_and_closes(server: RunningServer, meet: Meet):
    alice = await meet()
    await alice.beat()
    await alice.send("nonsense")
    await alice.beat()
    registry = server.app._metrics.registry

    def sample(name: str, **labels: str) -> float:
        return registry.get_sample_value(f"hushwire_{name}", labels) or 0

    assert sample("event_seconds_count", event="letters:heartbeat") == 2
    assert sample("event_seconds_count", event="letters:unknown") == 1
    assert len(server.app.raw.open_lines) == server.app._gate.connections == 1
    await alice.socket.close(code=4999)
    await until(lambda: sample("raw_closes_total", code="other") == 1)
    assert server.app._gate.connections == 0
