"""Whose node was killed, and who does not come back, leaves in the eyes of the others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.faults.nodes import Node, running_nodes
from tests.faults.talker import Talker
from tests.redis_servers import running_redis
from tests.servers import until
from tests.talk.checker import Ledger

LIMIT_S = 20.0
"""For the others to give the node up, and for the grace to end."""


@asynccontextmanager
async def silent_talker(node: Node, number: int, done: Counter[str]) -> AsyncIterator[Talker]:
    """Somebody at one node, who hears what happens in the room."""
    ledger = Ledger(f"as {number} sees it")
    talker = Talker(lambda: [node.address], "room", number, ledger, done, pace_s=0.1)
    talker.is_silent = True
    task = asyncio.create_task(talker.run())
    try:
        await until(lambda: talker.is_there)
        yield talker
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_members_of_a_killed_node_leave_once_their_grace_is_over(tmp_path: Path) -> None:
    heard: Counter[str] = Counter()
    with running_redis() as redis:
        async with (
            running_nodes(tmp_path, redis, 2, RECONNECT_GRACE_S=1) as (here, killed),
            silent_talker(here, 0, heard),
            silent_talker(killed, 1, Counter()),
            silent_talker(killed, 2, Counter()),
        ):
            await until(lambda: heard["heard user-joined"] == 2)

            killed.kill()

            await until(lambda: heard["heard user-left"] == 2, LIMIT_S)
