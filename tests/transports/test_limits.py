"""Bounds and rates: who is over one is told so, and when to come again; nobody else is."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from server.transports import flood
from tests.clocks import LIMIT_S, ManualClock
from tests.servers import RunningServer, running, until
from tests.transports.answers import problem_of
from tests.transports.conftest import Dial
from tests.transports.wire import (
    POLLING,
    Line,
    PollingLine,
    Reply,
    WebSocketLine,
    connected,
    exchange,
    head,
    undisturbed_pair,
)

ELSEWHERE = "127.0.0.9"
"""Another address of this machine."""


async def reserve(server: RunningServer, session_id: str, key: str = "", **more: Any) -> Reply:
    body = f'{{"sessionId":"{session_id}","authKey":"{key}"}}'.encode()
    sized = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    return await exchange(server.url, head("POST", "/api/reserve-session", sized) + body, **more)


def wait_ms_of(reply: Reply) -> int:
    """How long an answer says to wait, in both ways to say it."""
    assert (reply.status, problem_of(reply)) == (429, "rate_limited")
    wait_ms = int(reply.json["retryAfterMs"])
    assert int(reply.headers["retry-after"]) == -(-wait_ms // 1000)
    assert wait_ms > 0
    return wait_ms


# --- connections ---


async def test_one_address_may_have_so_many_connections_and_others_as_many() -> None:
    async with running(MAX_ADDRESS_CONNECTIONS=3) as server, AsyncExitStack() as lines:
        for _ in range(3):
            await (await lines.enter_async_context(WebSocketLine(server.url))).open()

        refused = await exchange(server.url, head("GET", POLLING))
        elsewhere = await exchange(server.url, head("GET", POLLING), peer=ELSEWHERE)

        assert (refused.status, problem_of(refused)) == (429, "too_many_connections")
        assert refused.json["retryAfterMs"] > 0
        assert "retry-after" in refused.headers
        assert elsewhere.status == 200


async def test_a_connection_that_ends_makes_place_for_another() -> None:
    async with running(MAX_ADDRESS_CONNECTIONS=1) as server:
        for _ in range(5):
            async with WebSocketLine(server.url) as line:
                await line.open()
                await line.send("1")
            await until(lambda: not server.app._gate.connections)


async def test_a_connection_that_has_ended_is_forgotten_at_once(server: RunningServer) -> None:
    async with WebSocketLine(server.url) as line:
        await (await line.open()).join("lair", "mallory")
        (socket,) = server.app.sockets.eio.sockets.values()
        remembered = weakref.ref(socket)
        del socket

    def is_forgotten() -> bool:
        gc.collect()
        return remembered() is None

    await until(is_forgotten)


async def test_one_address_may_have_so_many_tcp_connections() -> None:
    async with running(MAX_ADDRESS_CONNECTIONS=1) as server, AsyncExitStack() as stack:
        # Two for each Socket.IO connection, and sixteen that are half-open.
        for _ in range(18):
            await stack.enter_async_context(connected(server.url))

        refused = await exchange(server.url, head("GET", "/ready"))
        elsewhere = await exchange(server.url, head("GET", "/ready"), peer=ELSEWHERE)

        assert (refused.status, problem_of(refused)) == (429, "too_many_connections")
        assert refused.ended
        assert elsewhere.status == 200

    async with running(MAX_ADDRESS_CONNECTIONS=1) as server:
        assert (await exchange(server.url, head("GET", "/ready"))).status == 200


async def test_all_addresses_together_may_have_so_many_tcp_connections() -> None:
    async with running(MAX_CONNECTIONS=4) as server:
        async with AsyncExitStack() as stack:
            for n in range(4):
                await stack.enter_async_context(connected(server.url, peer=f"127.0.0.{n + 1}"))
            refused = await exchange(server.url, head("GET", "/ready"), peer=ELSEWHERE)

        assert (refused.status, problem_of(refused)) == (429, "too_many_connections")
        assert await until_admitted(server)


async def until_admitted(server: RunningServer) -> bool:
    async with asyncio.timeout(LIMIT_S):
        while (await exchange(server.url, head("GET", "/ready"))).status != 200:
            pass
    return True


async def test_connecting_too_often_is_refused_with_the_time_to_wait() -> None:
    clock = ManualClock()
    async with running(clock, ADDRESS_CONNECTS_PER_MINUTE=8) as server:
        replies = [await exchange(server.url, head("GET", POLLING)) for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 429]
        clock.advance(ms=wait_ms_of(replies[-1]) - 1)
        assert (await exchange(server.url, head("GET", POLLING))).status == 429

        clock.advance(ms=1)

        assert (await exchange(server.url, head("GET", POLLING))).status == 200


# --- REST ---


async def test_reserving_too_often_is_refused_with_the_time_to_wait() -> None:
    clock = ManualClock()
    async with running(clock, ADDRESS_RESERVES_PER_MINUTE=20) as server:
        replies = [await reserve(server, f"session {n}") for n in range(6)]
        assert [reply.status for reply in replies] == [201] * 5 + [429]
        assert (await reserve(server, "one more", peer=ELSEWHERE)).status == 201

        clock.advance(ms=wait_ms_of(replies[-1]))

        assert (await reserve(server, "session 5")).status == 201


async def test_guessing_keys_costs_more_than_knowing_them() -> None:
    async with running(ManualClock(), ADDRESS_RESERVES_PER_MINUTE=240) as server:
        await reserve(server, "guarded", "the key")
        statuses = [(await reserve(server, "guarded", f"guess {n}")).status for n in range(10)]

        assert statuses[0] == 409
        assert statuses.count(409) <= 4
        assert statuses[-1] == 429


async def test_a_full_server_refuses_newcomers_and_keeps_who_is_there() -> None:
    async with running(MAX_SESSIONS=2) as server, undisturbed_pair(server.url):
        assert (await reserve(server, "the second")).status == 201

        refused = await reserve(server, "the third")

        assert (refused.status, problem_of(refused)) == (503, "server_full")
        assert (await reserve(server, "the second")).status == 200


# --- events ---


@pytest.fixture
async def slow() -> AsyncIterator[tuple[RunningServer, ManualClock]]:
    """A server with low rates on a clock that stands still."""
    clock = ManualClock()
    rates = {
        "ADDRESS_JOINS_PER_MINUTE": 20,
        "MEMBER_SENDS_PER_MINUTE": 20,
        "CONNECTION_EVENTS_PER_MINUTE": 40,
    }
    async with running(clock, **rates) as server:
        yield server, clock


async def refusal_of(line: Line, event: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The refusal of one more event than the rate has place for."""
    ack: dict[str, Any] = {"success": True}
    while ack["success"]:
        ack = await line.ask(event, payload)
    assert ack["error"] == "rate_limited"
    assert ack["retryAfterMs"] > 0
    told = line.events("session-error")[-1]
    assert {"success": False, **told} == ack
    return ack


JOIN = {"sessionId": "lair", "userId": "mallory", "isCreator": True}
LIMITED = {
    "joining": ("join-session", JOIN),
    "sending": ("send-message", {"sessionId": "lair", "encrypted": "words"}),
    "signalling": ("send-signal", {"sessionId": "lair", "encrypted": "words"}),
    "telling of downloads": ("file-downloaded", {"sessionId": "lair", "fileName": "a"}),
    "anything": ("typing-start", {"sessionId": "lair"}),
}


@pytest.mark.parametrize(("event", "payload"), LIMITED.values(), ids=LIMITED)
async def test_an_event_too_often_is_refused_with_the_time_to_wait(
    event: str, payload: dict[str, Any], slow: tuple[RunningServer, ManualClock]
) -> None:
    server, clock = slow
    async with WebSocketLine(server.url) as mallory:
        await mallory.open()
        await mallory.ask("join-session", JOIN)
        refusal = await refusal_of(mallory, event, payload)

        clock.advance(ms=refusal["retryAfterMs"])

        assert (await mallory.ask(event, payload))["success"]


async def test_the_rate_of_a_member_is_no_other_members(
    slow: tuple[RunningServer, ManualClock],
) -> None:
    server, _ = slow
    send = {"sessionId": "lair", "encrypted": "words"}
    async with WebSocketLine(server.url) as mallory, WebSocketLine(server.url) as bob:
        await (await mallory.open()).join("lair", "mallory")
        await (await bob.open()).join("lair", "bob")
        await refusal_of(mallory, "send-message", send)

        assert (await bob.ask("send-message", send))["success"]


async def test_unknown_and_broken_events_count_as_well(
    slow: tuple[RunningServer, ManualClock],
) -> None:
    server, _ = slow
    async with WebSocketLine(server.url) as mallory:
        await mallory.open()

        errors = [(await mallory.ask("nonsense"))["error"] for _ in range(11)]

        assert errors == ["unknown_event"] * 10 + ["rate_limited"]


async def test_who_goes_on_and_on_over_the_rate_is_cut_off() -> None:
    async with (
        running(CONNECTION_EVENTS_PER_MINUTE=40) as server,
        undisturbed_pair(server.url, rounds=2),
        WebSocketLine(server.url) as mallory,
    ):
        await mallory.open()

        await mallory.send(*['42["nonsense"]'] * 400)

        assert await mallory.ended() == 1008
        refused = [e for e in mallory.events("session-error") if e["error"] == "rate_limited"]
        assert 190 <= len(refused) <= 200


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_too_many_packets_a_second_end_a_connection_though_none_is_an_event(
    transport: str, server: RunningServer, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flood, "MAX_A_SECOND", 20)
    async with undisturbed_pair(server.url, rounds=2):
        mallory = await dial(transport)

        with contextlib.suppress(aiohttp.ClientError):
            await mallory.send(*["5"] * 400)

        assert await mallory.ended() == (1008 if transport == "websocket" else 1000)
        await until(lambda: server.app._gate.connections == 2)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_without_rates_packets_are_not_counted(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flood, "MAX_A_SECOND", 20)
    line_of = {"websocket": WebSocketLine, "polling": PollingLine}[transport]
    async with running(RATE_LIMITS="off") as server, line_of(server.url) as line:
        await line.open()

        await line.send(*["5"] * 400)

        assert (await line.join("lair", "alice"))["success"]


async def test_without_rates_nobody_is_held_up_but_sizes_stay() -> None:
    settings = {"RATE_LIMITS": "off", "MEMBER_SENDS_PER_MINUTE": 1, "MAX_CIPHERTEXT_BYTES": 1024}
    async with running(ManualClock(), **settings) as server, WebSocketLine(server.url) as line:
        await (await line.open()).join("lair", "mallory")
        send = {"sessionId": "lair", "encrypted": "words"}

        acks = [await line.ask("send-message", send) for _ in range(50)]
        large = await line.ask("send-message", {**send, "encrypted": "x" * 1025})

        assert all(ack["success"] for ack in acks)
        assert large["error"] == "payload_too_large"


async def test_a_full_session_refuses_the_next_by_name() -> None:
    async with running(MAX_SESSION_MEMBERS=2) as server, undisturbed_pair(server.url) as pair:
        async with WebSocketLine(server.url) as carol:
            ack = await (await carol.open()).join(pair.session_id, "carol")

        assert (ack["success"], ack["error"]) == (False, "session_full")


async def test_one_connection_is_in_so_many_sessions_at_most() -> None:
    async with running(MAX_CONNECTION_SESSIONS=2) as server, WebSocketLine(server.url) as line:
        await line.open()

        acks = [await line.join(f"session {n}", "mallory") for n in range(3)]
        assert acks[2]["error"] == "too_many_sessions"
        await line.ask("leave-session", {"sessionId": "session 0"})

        assert (await line.join("session 2", "mallory"))["success"]


async def test_a_large_ciphertext_or_key_is_refused_and_the_next_one_served() -> None:
    bounds: dict[str, Any] = {"MAX_CIPHERTEXT_BYTES": 1024, "MAX_PUBLIC_KEY_BYTES": 256}
    async with running(**bounds) as server, WebSocketLine(server.url) as line:
        await (await line.open()).join("lair", "mallory")
        where = {"sessionId": "lair"}

        acks = [
            await line.ask("send-message", {**where, "encrypted": "\u00e4" * 513}),
            await line.ask("send-message", {**where, "encrypted": [0] * 1025}),
            await line.ask("save-public-key", {**where, "publicKey": "k" * 257}),
            await line.join("lair 2", "mallory", publicKey={"kty": "k" * 257}),
        ]

        assert [ack["error"] for ack in acks] == ["payload_too_large"] * 4
        assert (await line.ask("send-message", {**where, "encrypted": "\u00e4" * 512}))["success"]
        assert (await line.ask("save-public-key", {**where, "publicKey": "k" * 256}))["success"]
