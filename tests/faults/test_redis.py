"""Redis is killed and comes back with all it had, and hangs up on who listens, under load."""

from pathlib import Path

from tests.faults.nodes import running_nodes
from tests.faults.talk import talking
from tests.redis_servers import RedisServer, binary, running_redis

PERSISTENT = ("--appendonly", "yes", "--appendfsync", "always")


def hang_up_on_listeners(redis: RedisServer) -> None:
    with redis.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")


async def test_a_killed_redis_with_persistence_comes_back_with_all_that_was_acknowledged(
    tmp_path: Path,
) -> None:
    with running_redis(binary(), *PERSISTENT) as redis:
        async with running_nodes(tmp_path, redis) as nodes, talking(nodes) as talk:
            for _ in range(2):
                await talk.more(20)
                redis.kill()
                await talk.go_on(1)
                redis.start()
            await talk.more(20)

            report = await talk.end()

    assert not report.faults, report.text
    assert report.refused


async def test_nothing_is_missed_when_redis_hangs_up_on_those_who_listen(tmp_path: Path) -> None:
    with running_redis() as redis:
        async with running_nodes(tmp_path, redis) as nodes, talking(nodes) as talk:
            for _ in range(5):
                await talk.more(12)
                hang_up_on_listeners(redis)
            await talk.more(12)

            report = await talk.end()

    assert not report.faults, report.text
