"""The harness itself, before there is any fault."""

from pathlib import Path

from tests.faults.nodes import running_nodes
from tests.faults.talk import talking
from tests.redis_servers import running_redis


async def test_three_nodes_without_a_fault_lose_and_double_nothing(tmp_path: Path) -> None:
    with running_redis() as redis:
        async with running_nodes(tmp_path, redis) as nodes, talking(nodes) as talk:
            await talk.more(100)

            report = await talk.end()

    assert not report.faults, report.text
    assert report.refused == 0
