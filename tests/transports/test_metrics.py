"""What `/metrics` counts is what happened."""

import asyncio
import json
from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.clocks import LIMIT_S
from tests.conformance.polling import open_session
from tests.servers import ADMIN_TOKEN, RunningServer, running, until
from tests.transports.conftest import Dial
from tests.transports.slow import SlowReader
from tests.transports.wire import POLLING, Line, PollingLine, Reply, WebSocketLine, exchange, head


async def scrape(server: RunningServer, **headers: str) -> Reply:
    token = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    return await exchange(server.url, head("GET", "/metrics", {**token, **headers}))


async def measure(server: RunningServer, name: str, **labels: str) -> float:
    """The sum of all samples of that name that have these labels."""
    reply = await scrape(server)
    assert reply.headers["content-type"].startswith("text/plain; version=")
    return sum(
        sample.value
        for family in text_string_to_metric_families(reply.body.decode())
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


async def until_measured(
    is_enough: Callable[[float], bool], server: RunningServer, name: str, **labels: str
) -> float:
    """Wait until a sum is what it is to be."""
    async with asyncio.timeout(LIMIT_S):
        while not is_enough(found := await measure(server, name, **labels)):
            await asyncio.sleep(0.01)  # a process that is asked all the time does little else
    return found


async def test_connections_and_sessions_are_those_that_are_open(
    server: RunningServer, dial: Dial
) -> None:
    alice, bob = await dial("websocket"), await dial("polling")
    await alice.join("lair", "alice")
    await bob.join("lair", "bob")

    assert await measure(server, "hushwire_connections") == 2
    assert await measure(server, "hushwire_sessions") == 1

    await alice.send("1")
    await bob.send("1")
    await until(lambda: not server.app._gate.connections)
    assert await measure(server, "hushwire_connections") == 0


async def test_messages_deliveries_and_bytes_are_counted_once(
    server: RunningServer, dial: Dial
) -> None:
    alice, bob = await dial("websocket"), await dial("polling")
    await alice.join("lair", "alice")
    await bob.join("lair", "bob")
    before = await measure(server, "hushwire_socket_bytes_total", direction="in")
    held = await measure(server, "hushwire_held_bytes")

    for n in range(3):
        await alice.ask(
            "send-message", {"sessionId": "lair", "encrypted": "x" * 1000, "id": f"{n}"}
        )
    await alice.ask("send-message", {"sessionId": "lair", "encrypted": "x" * 1000, "id": "2"})

    assert await measure(server, "hushwire_messages_total") == 3
    assert await measure(server, "hushwire_deliveries_total", event="new-message") == 3
    arrived = await measure(server, "hushwire_socket_bytes_total", direction="in") - before
    assert 4000 < arrived < 5000
    assert await measure(server, "hushwire_socket_bytes_total", direction="out") > 6000
    assert 3000 < await measure(server, "hushwire_held_bytes") - held < 12_000


def heard_bytes(*lines: Line) -> int:
    return sum(len(p.encode() if isinstance(p, str) else p) for line in lines for p in line.heard)


async def bytes_out(server: RunningServer) -> float:
    return await measure(server, "hushwire_socket_bytes_total", direction="out")


async def test_bytes_out_are_all_that_clients_are_sent_and_each_once(
    server: RunningServer, dial: Dial
) -> None:
    alice, bob, carol = await dial("websocket"), await dial("websocket"), await dial("polling")
    for name, line in (("alice", alice), ("bob", bob), ("carol", carol)):
        await line.join("lair", name, publicKey="é" * 100)

    await alice.ask("send-message", {"sessionId": "lair", "encrypted": "x" * 1000})
    await bob.ask("send-message", {"sessionId": "lair", "encrypted": "y" * 1000, "to": "carol"})
    await carol.ask("no-such-event", {})
    signal = {"sessionId": "lair", "to": "bob", "encrypted": {"_placeholder": True, "num": 0}}
    await alice.send(f"451-{json.dumps(['send-signal', signal])}", b"z" * 1000)
    await bob.until(lambda: b"z" * 1000 in bob.heard)

    # What was sent last is counted before it is heard.
    async with asyncio.timeout(LIMIT_S):
        while await bytes_out(server) != heard_bytes(alice, bob, carol):
            pass


async def test_pings_are_bytes_out_too() -> None:
    async with running(PING_INTERVAL_S=0.1) as server, SlowReader(server.url) as alice:
        before = await bytes_out(server)
        pings = alice.pings

        await alice.read_all(lambda: alice.pings >= pings + 2)

        assert await bytes_out(server) - before >= 2


async def test_what_waits_for_a_poll_and_comes_by_the_websocket_is_counted_once(
    server: RunningServer,
) -> None:
    session = await open_session(server.url)
    opened = "0" + json.dumps(session.opened, separators=(",", ":"))
    await session.post("40", '421["no-such-event"]')

    async with session.second_line() as line:
        await line.send("2probe")
        assert await line.read() == "3probe"
        await line.send("5")
        moved = [str(packet) for packet in await line.read_many(3)]

        assert [packet[:2] for packet in moved] == ["40", "42", "43"]
        assert await bytes_out(server) == len(opened) + sum(map(len, moved))


async def test_signals_are_counted_as_deliveries_and_not_as_messages(
    server: RunningServer, dial: Dial
) -> None:
    alice, bob = await dial("websocket"), await dial("polling")
    await alice.join("lair", "alice")
    await bob.join("lair", "bob")

    for _ in range(3):
        await alice.ask("send-signal", {"sessionId": "lair", "encrypted": "now"})

    assert await measure(server, "hushwire_deliveries_total", event="signal") == 3
    assert await measure(server, "hushwire_event_seconds_count", event="send-signal") == 3
    assert await measure(server, "hushwire_messages_total") == 0


async def test_the_latency_of_each_event_is_measured_by_its_name(
    server: RunningServer, dial: Dial
) -> None:
    alice = await dial("websocket")
    await alice.join("lair", "alice")
    for name in ("typing-start", "invented by a client", "invented by another"):
        await alice.ask(name, {"sessionId": "lair"})

    assert await measure(server, "hushwire_event_seconds_count", event="join-session") == 1
    assert await measure(server, "hushwire_event_seconds_count", event="typing-start") == 1
    assert await measure(server, "hushwire_event_seconds_count", event="unknown") == 2
    assert await measure(server, "hushwire_event_seconds_count") == 4


async def test_refused_events_and_requests_are_counted_by_reason(
    server: RunningServer, dial: Dial
) -> None:
    alice = await dial("websocket")
    await alice.ask("typing-start", {"sessionId": "lair"})
    await alice.ask("typing-start", 7)
    await alice.ask("nonsense")
    await exchange(server.url, head("GET", "/nowhere"))
    await exchange(server.url, head("GET", "/", {"Origin": "https://evil.example"}))

    rejected = "hushwire_rejected_total"
    for reason in (
        "not_a_member",
        "invalid_request",
        "unknown_event",
        "not_found",
        "origin_refused",
    ):
        assert await measure(server, rejected, reason=reason) == 1, reason


async def test_packets_that_are_not_of_the_protocol_are_counted(
    server: RunningServer, polling: PollingLine, dial: Dial
) -> None:
    await (await dial("websocket")).send("42[")
    await polling.post(b"42[\x1e")

    await until_measured(
        lambda count: count == 2, server, "hushwire_rejected_total", reason="malformed_packet"
    )


async def test_refused_handshakes_are_counted_by_reason(server: RunningServer) -> None:
    await exchange(server.url, head("GET", f"{POLLING}&sid=unknown"))
    await exchange(server.url, head("GET", POLLING.replace("EIO=4", "EIO=3")))

    assert await measure(server, "hushwire_rejected_total", reason="invalid_request") == 2


async def test_refused_connections_are_counted_by_reason() -> None:
    rejected = "hushwire_rejected_total"
    async with running(ADDRESS_CONNECTS_PER_MINUTE=4) as server:
        for _ in range(3):
            await exchange(server.url, head("GET", POLLING))
        assert await measure(server, rejected, reason="rate_limited") == 2

    async with running(MAX_CONNECTIONS=1) as server:
        async with WebSocketLine(server.url) as line:
            await line.open()
            assert (await exchange(server.url, head("GET", "/"))).status == 429
        await until(lambda: not server.app._doorkeeper._count)
        assert await measure(server, rejected, reason="too_many_connections") == 1


async def test_what_is_not_http_is_counted(server: RunningServer) -> None:
    await exchange(server.url, b"garbage\r\n\r\n")

    assert await measure(server, "hushwire_rejected_total", reason="invalid_request") == 1


async def test_requests_are_counted_by_route_and_never_by_path(server: RunningServer) -> None:
    for target in ("/health", "/secret/a", "/secret/b?token=c", "/sessions?after=d"):
        await exchange(server.url, head("GET", target))

    counted = "hushwire_http_requests_total"
    assert await measure(server, counted, route="/health", status="200") == 1
    assert await measure(server, counted, route="unmatched", status="404") == 2
    assert await measure(server, counted, route="/sessions", status="401") == 1
    page = await scrape(server)
    assert b"secret" not in page.body


async def test_what_the_reaper_takes_away_is_counted(server: RunningServer, dial: Dial) -> None:
    alice = await dial("websocket")
    await alice.join("lair", "alice")
    await alice.leave()

    assert await until_measured(bool, server, "hushwire_reaped_total", kind="members") == 1


async def test_the_lag_of_the_loop_is_told(server: RunningServer) -> None:
    assert 0 < await until_measured(bool, server, "hushwire_loop_lag_seconds") < 5


async def test_no_name_that_a_client_chose_stands_in_the_metrics(
    server: RunningServer, dial: Dial
) -> None:
    line = await dial("websocket")
    await line.join("canary-session", "canary-user", displayName="canary-name")
    await line.ask("send-message", {"sessionId": "canary-session", "encrypted": "canary"})
    await line.ask("canary-event", {})
    await exchange(server.url, head("GET", "/canary-path", {"User-Agent": "canary-agent"}))

    page = await scrape(server)

    assert b"canary" not in page.body


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
async def test_a_scraper_gets_what_it_can_read(accept: str, server: RunningServer) -> None:
    reply = await scrape(server, Accept=accept)

    assert reply.status == 200
    assert list(text_string_to_metric_families(reply.body.decode()))
