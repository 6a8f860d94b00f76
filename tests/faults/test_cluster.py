"""A Redis Cluster whose masters have replicas: nodes and masters are killed, and masters hang."""

from pathlib import Path

from tests.faults.scenarios import played


async def test_neither_a_node_nor_a_master_that_is_replaced_takes_anything_acknowledged_with_it(
    tmp_path: Path,
) -> None:
    report = await played("cluster-fail-over", tmp_path, "cluster-kill-node", "cluster-hang")

    assert not report.faults, report.text
    assert report.refused
    assert report.done["came back"] >= 4


async def test_what_a_master_that_hung_does_late_is_not_there_twice(tmp_path: Path) -> None:
    report = await played("cluster-pause", tmp_path)

    assert not report.faults, report.text
    assert report.refused
