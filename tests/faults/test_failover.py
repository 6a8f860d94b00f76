"""Sentinels replace a Redis that is killed by its replica, under load."""

from pathlib import Path

from tests.faults.nodes import running_nodes
from tests.faults.talk import talking
from tests.redis_sets import running_sentinels


async def test_a_failover_loses_and_doubles_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with running_sentinels() as redis:
        async with (
            running_nodes(tmp_path, None, 3, REDIS_URL=redis.url) as nodes,
            talking(nodes) as talk,
        ):
            await talk.more(12)
            redis.master.kill()
            await talk.more(30)

            report = await talk.end()

    assert not report.faults, report.text
    assert report.refused
