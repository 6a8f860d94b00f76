"""Redis is stopped for 20 seconds, and goes on."""

from pathlib import Path

from tests.faults.nodes import running_nodes
from tests.faults.talk import talking
from tests.redis_servers import running_redis


async def test_nothing_is_lost_or_doubled_while_redis_hangs_for_20_seconds(tmp_path: Path) -> None:
    with running_redis() as redis:
        async with running_nodes(tmp_path, redis) as nodes, talking(nodes) as talk:
            await talk.more(12)
            redis.pause()
            await talk.go_on(20)
            redis.go_on()
            await talk.more(20)

            report = await talk.end()
            given_up = [node.log.count("given_up_by_others") for node in nodes]

    assert not report.faults, report.text
    assert report.refused
    assert given_up == [0, 0, 0]
