"""What one client may cost all others: little time, little memory, few lines of log."""

import asyncio
import gzip
import json
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from tests.system.processes import ServerProcess, server_process
from tests.transports.wire import PollingLine, WebSocketLine, exchange, head, undisturbed_pair

STALL_S = 1.0
"""Far more than anything may hold up the event loop, so that a slow machine does not matter.

It is the time in which the server ran: one that stands still is held up by nobody here.
"""

GROWTH_MB = 100
LOG_BYTES = 1_000_000

LIMIT_S = 60


async def longest_stall_s(server: ServerProcess, hostile: Awaitable[Any]) -> float:
    """How long the server ran at worst before it answered `/health`, while something went on."""
    going_on = asyncio.ensure_future(hostile)
    longest_s = 0.0
    while True:
        is_last = going_on.done()
        started_s = server.loop_ran_s()
        await exchange(server.url, head("GET", "/health"), limit_s=LIMIT_S)
        longest_s = max(longest_s, server.loop_ran_s() - started_s)
        if is_last:
            break
    await asyncio.gather(going_on, return_exceptions=True)
    return longest_s


BURSTS = {
    "answers to no ping": "3",
    "acknowledgements of nothing": "430[]",
    "opening the namespace": "40",
    "opening and closing the namespace": "40\x1e41",
    "opening a namespace that there is not": "40/x,",
    "events of nobody": '42/x,["a"]',
    "unknown events": '42["a"]',
    "unknown events to be answered": '421["a"]',
    "upgrades": "5",
}


@pytest.mark.parametrize("packet", BURSTS.values(), ids=BURSTS)
async def test_a_post_of_many_packets_holds_up_nobody_and_is_soon_forgotten(
    packet: str, tmp_path: Path
) -> None:
    body = "\x1e".join([packet] * (999_000 // (len(packet) + 1))).encode()
    with server_process(tmp_path) as server:
        async with undisturbed_pair(server.url), PollingLine(server.url) as mallory:
            await mallory.open()
            before_mb = server.memory_mb()

            stall_s = await longest_stall_s(server, mallory.post(body))

            assert stall_s < STALL_S
            assert server.memory_mb("VmHWM") - before_mb < GROWTH_MB
            assert len(server.log) < LOG_BYTES


async def test_one_attachment_used_many_times_does_not_multiply(tmp_path: Path) -> None:
    places = [{"_placeholder": True, "num": 0}] * 1000
    with server_process(tmp_path) as server:
        async with undisturbed_pair(server.url), WebSocketLine(server.url) as mallory:
            await (await mallory.open()).join("lair", "mallory")
            before_mb = server.memory_mb()
            event = json.dumps(["send-message", {"sessionId": "lair", "encrypted": places}])

            async def multiply() -> None:
                await mallory.send(f"451-999{event}", b"x" * 400_000)
                await mallory.ack(999)

            stall_s = await longest_stall_s(server, multiply())

            assert server.memory_mb("VmHWM") - before_mb < GROWTH_MB
            assert stall_s < STALL_S


async def test_coming_back_to_a_long_history_holds_up_nobody(tmp_path: Path) -> None:
    with server_process(tmp_path) as server:
        async with undisturbed_pair(server.url), WebSocketLine(server.url) as mallory:
            await (await mallory.open()).join("lair", "mallory")
            numbers = {"sessionId": "lair", "encrypted": [0] * 250_000}
            for _ in range(16):
                assert (await mallory.ask("send-message", numbers))["success"]

            stall_s = await longest_stall_s(server, mallory.join("lair", "mallory"))

            assert stall_s < STALL_S


async def test_what_unpacks_to_much_is_not_unpacked(tmp_path: Path) -> None:
    bomb = gzip.compress(b"4" * 100_000_000)
    with server_process(tmp_path) as server:
        async with undisturbed_pair(server.url), PollingLine(server.url) as mallory:
            await mallory.open()
            before_mb = server.memory_mb()

            stall_s = await longest_stall_s(server, mallory.post(bomb, Content_Encoding="gzip"))

            assert server.memory_mb("VmHWM") - before_mb < GROWTH_MB
            assert stall_s < STALL_S
