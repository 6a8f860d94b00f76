"""Nodes that are killed, hang, are cut off from Redis, and restarted, under load."""

from pathlib import Path

from tests.faults.nodes import running_nodes
from tests.faults.talk import talking
from tests.redis_servers import running_redis


async def test_a_killed_node_takes_nothing_acknowledged_with_it(tmp_path: Path) -> None:
    with running_redis() as redis:
        async with running_nodes(tmp_path, redis) as nodes, talking(nodes) as talk:
            await talk.more(20)
            nodes[0].kill()
            await talk.more(30)
            await nodes[0].start()
            nodes[1].kill()
            await talk.more(30)

            report = await talk.end()

    assert not report.faults, report.text
    assert report.done["came back"] >= 3 * 2
    assert report.recovered


async def test_a_node_that_is_cut_off_for_a_moment_misses_nothing(tmp_path: Path) -> None:
    with running_redis() as redis:
        async with (
            running_nodes(tmp_path, redis, has_proxies=True) as nodes,
            talking(nodes) as talk,
        ):
            proxy = nodes[0].proxy
            assert proxy
            await talk.more(20)
            await proxy.cut()
            await talk.go_on(2)
            await proxy.mend()
            await talk.more(30)

            report = await talk.end()

    assert not report.faults, report.text
    assert report.refused


async def test_what_a_hanging_network_delivers_late_is_not_there_twice(tmp_path: Path) -> None:
    with running_redis() as redis:
        async with (
            running_nodes(tmp_path, redis, has_proxies=True) as nodes,
            talking(nodes) as talk,
        ):
            proxy = nodes[0].proxy
            assert proxy
            await talk.more(20)
            proxy.hang()
            await talk.go_on(4)
            await proxy.mend()
            await talk.more(30)

            report = await talk.end()

    assert not report.faults, report.text
    assert report.refused


async def test_a_rolling_restart_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with running_redis() as redis:
        async with running_nodes(tmp_path, redis) as nodes, talking(nodes) as talk:
            for node in nodes:
                assert await node.stop() == 0
                await node.start()
                await talk.more(20)

            report = await talk.end()

    assert not report.faults, report.text
    assert report.done["came back"] >= 3 * 4
