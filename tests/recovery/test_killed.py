"""A process dies without a word, and its clients come back to another one."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.recovery.places import SHARED
from tests.recovery.travellers import Traveller
from tests.redis_servers import running_redis
from tests.system.processes import ServerProcess, server_process

ROUNDS = 20


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[ServerProcess]]:
    """Two processes on one Redis."""
    with running_redis() as redis, ExitStack() as stack:
        settings = {**SHARED, "REDIS_URL": redis.url, "RATE_LIMITS": "off", "RECONNECT_GRACE_S": 20}
        yield [
            stack.enter_context(server_process(_folder(tmp_path, name), **settings))
            for name in ("one", "two")
        ]


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_after_kill_9_clients_are_restored_elsewhere_and_nothing_is_lost_or_doubled(
    nodes: list[ServerProcess], transport: str
) -> None:
    doomed, other = nodes
    alice = await Traveller(lambda: other.url).connect()
    await alice.join("lair", "alice")
    people = [await Traveller(lambda: doomed.url, transport).connect() for _ in range(5)]
    for number, one in enumerate(people):
        await one.join("lair", f"user {number}")
    quiet = await Traveller(lambda: doomed.url, transport).connect()
    await quiet.join("den", "quiet")
    sids = [one.sid for one in (*people, quiet)]

    async def talk() -> None:
        for number in range(ROUNDS):
            assert (await alice.say("lair", number))["success"]
            if number == ROUNDS // 2:
                doomed.process.send_signal(signal.SIGKILL)
                doomed.process.wait()

    await talk()
    heard = [one.words() for one in people]
    for one in (*people, quiet):
        one.note()
        one._lead = lambda: other.url
        await one.line.leave()
        assert await one.back()

    for one, before in zip(people, heard, strict=True):
        await one.hears(*range(len(before), ROUNDS))
        assert before == list(range(len(before)))
    assert [one.sid for one in (*people, quiet)] == sids
    await asyncio.gather(*(one.say("lair", f"from {one.sid}") for one in people))
    assert (await quiet.say("den", "still here"))["success"]
    assert alice.line.events("user-left") == []
    for one in (alice, *people, quiet):
        await one.line.leave()
