"""What one client may cost all others: little time, little memory, few lines of log."""

import asyncio
import gzip
import itertools
import json
from collections.abc import Awaitable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from tests.system.processes import ServerProcess, server_process
from tests.transports.wire import (
    Pair,
    PollingLine,
    WebSocketLine,
    exchange,
    head,
    undisturbed_pair,
)

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


class Victim:
    """One server, of which many want much: what that costs it is counted from its start on."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.url = server.url
        self._before_mb = server.memory_mb()
        self._logged_bytes = 0
        self._pairs = itertools.count(1)

    def pair(self) -> AbstractAsyncContextManager[Pair]:
        """Two who are to notice nothing, in a session of their own."""
        return undisturbed_pair(self.url, session_id=f"pair {next(self._pairs)}")

    def check(self) -> None:
        """Fail if it ever had much more memory than at first, or has written much since then."""
        assert self.server.memory_mb("VmHWM") - self._before_mb < GROWTH_MB
        before, self._logged_bytes = self._logged_bytes, len(self.server.log)
        assert self._logged_bytes - before < LOG_BYTES


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with server_process(tmp_path_factory.mktemp("victim")) as server:
        yield Victim(server)


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
    packet: str, victim: Victim
) -> None:
    body = "\x1e".join([packet] * (999_000 // (len(packet) + 1))).encode()
    async with victim.pair(), PollingLine(victim.url) as mallory:
        await mallory.open()

        stall_s = await longest_stall_s(victim.server, mallory.post(body))

        assert stall_s < STALL_S
        victim.check()


async def test_one_attachment_used_many_times_does_not_multiply(victim: Victim) -> None:
    places = [{"_placeholder": True, "num": 0}] * 1000
    async with victim.pair(), WebSocketLine(victim.url) as mallory:
        await (await mallory.open()).join("lair", "mallory")
        event = json.dumps(["send-message", {"sessionId": "lair", "encrypted": places}])

        async def multiply() -> None:
            await mallory.send(f"451-999{event}", b"x" * 400_000)
            await mallory.ack(999)

        stall_s = await longest_stall_s(victim.server, multiply())

        victim.check()
        assert stall_s < STALL_S


async def test_what_unpacks_to_much_is_not_unpacked(victim: Victim) -> None:
    bomb = gzip.compress(b"4" * 100_000_000)
    async with victim.pair(), PollingLine(victim.url) as mallory:
        await mallory.open()

        stall_s = await longest_stall_s(victim.server, mallory.post(bomb, Content_Encoding="gzip"))

        victim.check()
        assert stall_s < STALL_S


async def test_coming_back_to_a_long_history_holds_up_nobody(victim: Victim) -> None:
    async with victim.pair(), WebSocketLine(victim.url) as mallory:
        await (await mallory.open()).join("cave", "mallory")
        numbers = {"sessionId": "cave", "encrypted": [0] * 250_000}
        for _ in range(16):
            assert (await mallory.ask("send-message", numbers))["success"]

        stall_s = await longest_stall_s(victim.server, mallory.join("cave", "mallory"))

        assert stall_s < STALL_S
