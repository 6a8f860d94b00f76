"""Whose node was killed, and who does not come back, leaves in the eyes of the others."""

import asyncio
import functools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.faults.crowd import directory_of
from tests.faults.nodes import Node, running_nodes
from tests.faults.speaker import Speaker
from tests.faults.stranger import Stranger
from tests.faults.talker import Talker
from tests.redis_servers import running_redis
from tests.servers import until
from tests.talk.checker import Ledger

LIMIT_S = 20.0
"""For the others to give the node up, and for the grace to end."""


def member(node: Node, number: int, done: Counter[str]) -> Talker:
    """Of a session."""
    ledger = Ledger(f"as {number} sees it")
    return Talker(lambda: [node.address], "room", number, ledger, done, pace_s=0.1)


def stranger(node: Node, number: int, done: Counter[str]) -> Stranger:
    """Of a random group, which has room for three at least."""
    ledger = Ledger(f"as {number} sees it")
    return Stranger(lambda: [node.address], number, lambda _: ledger, done, pace_s=0.1)


@asynccontextmanager
async def silent(*speakers: Speaker) -> AsyncIterator[None]:
    """Have them come one after the other, and hear what happens."""
    tasks = []
    try:
        for speaker in speakers:
            speaker.is_silent = True
            tasks.append(asyncio.create_task(speaker.run()))
            await until(functools.partial(getattr, speaker, "is_there"))
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def members_of_a_killed_node_leave(folder: Path) -> None:
    """Kill one of two nodes, and wait until the other one has seen all of its members leave.

    Raises:
        AssertionError, TimeoutError: It has not.
    """
    heard, unheard = Counter[str](), Counter[str]()
    with running_redis() as redis:
        async with running_nodes(folder, redis, 2, RECONNECT_GRACE_S=1) as (here, killed):
            remaining = stranger(here, 0, heard)
            speakers = [
                *(member(here, 0, heard), member(killed, 1, unheard), member(killed, 2, unheard)),
                *(remaining, stranger(killed, 1, unheard), stranger(killed, 2, unheard)),
            ]
            async with silent(*speakers):
                await until(lambda: heard["heard user-joined"] == 2)
                await until(lambda: heard["heard user_joined"] == 2)

                killed.kill()

                await until(lambda: heard["heard user-left"] == 2, LIMIT_S)
                await until(lambda: heard["heard user_left"] == 2)
                assert remaining.place
                assert remaining.place.members == {"s0"}
                assert await directory_of(here) == {remaining.place.group_id: 1}
