"""Nodes that are killed, cut off from Redis, and restarted, under load."""

from pathlib import Path

import pytest

from tests.faults.plays import PLAY_LIMIT_S, played

pytestmark = pytest.mark.timeout(PLAY_LIMIT_S)


async def test_three_nodes_without_a_fault_lose_and_double_nothing(tmp_path: Path) -> None:
    report = await played(tmp_path, "nothing")

    assert report.refused == 0


async def test_a_killed_node_takes_nothing_acknowledged_with_it(tmp_path: Path) -> None:
    report = await played(tmp_path, "kill-node")

    assert report.done["came back"] >= 4
    assert report.recovered


async def test_a_node_that_is_cut_off_for_a_moment_misses_nothing(tmp_path: Path) -> None:
    report = await played(tmp_path, "cut-network")

    assert report.refused


async def test_what_a_hanging_network_delivers_late_is_not_there_twice(tmp_path: Path) -> None:
    report = await played(tmp_path, "hang-network")

    assert report.refused


async def test_a_rolling_restart_loses_and_doubles_nothing(tmp_path: Path) -> None:
    report = await played(tmp_path, "restart-nodes")

    assert report.done["came back"] >= 3 * 4
