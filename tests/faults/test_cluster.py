"""A Redis Cluster whose masters have replicas: nodes and masters are killed, and masters hang."""

from pathlib import Path

import pytest

from tests.faults.plays import PLAY_LIMIT_S, played

pytestmark = pytest.mark.timeout(PLAY_LIMIT_S)


async def test_neither_a_node_nor_a_master_that_is_replaced_takes_anything_acknowledged_with_it(
    tmp_path: Path,
) -> None:
    report = await played(tmp_path, "cluster-fail-over", "cluster-kill-node", "cluster-hang")

    assert report.refused
    assert report.done["came back"] >= 4


async def test_what_a_master_that_hung_does_late_is_not_there_twice(tmp_path: Path) -> None:
    report = await played(tmp_path, "cluster-pause")

    assert report.refused
