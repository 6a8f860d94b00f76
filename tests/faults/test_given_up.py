"""Nodes that are away for so long that the others give them up, and come back."""

from pathlib import Path

from tests.faults.nodes import running_nodes
from tests.faults.talk import talking
from tests.redis_servers import running_redis


async def test_who_was_cut_off_or_hung_for_long_lets_its_clients_go_and_they_lose_nothing(
    tmp_path: Path,
) -> None:
    with running_redis() as redis:
        async with (
            running_nodes(tmp_path, redis, has_proxies=True) as nodes,
            talking(nodes) as talk,
        ):
            cut_off, hung, other = nodes
            assert cut_off.proxy
            await talk.more(12)
            await cut_off.proxy.cut()
            hung.pause()
            await talk.until(lambda: other.log.count("node_dead") == 2)
            await cut_off.proxy.mend()
            hung.go_on()
            await talk.until(
                lambda: all("given_up_by_others" in node.log for node in (cut_off, hung))
            )
            await talk.more(12)

            report = await talk.end()

    assert not report.faults, report.text
    assert report.refused
    assert "given_up_by_others" not in other.log
