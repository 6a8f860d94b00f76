"""Nodes that are killed, cut off from Redis, and restarted, under load."""

from pathlib import Path

import pytest

from tests.faults.plays import PLAY_LIMIT_S, played
from tests.faults.talk import Report

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


async def test_of_nodes_that_stand_still_one_after_the_other_only_the_silent_one_is_given_up(
    tmp_path: Path,
) -> None:
    report = await played(tmp_path, "stop-nodes")

    assert _said(report, "given_up_by_others") <= 1  # that stood still for six seconds
    assert _said(report, "redis_changed") == _said(report, "redis_not_heard") == 0


async def test_nodes_that_stand_still_together_take_nobody_for_dead(tmp_path: Path) -> None:
    report = await played(tmp_path, "stop-all")

    assert report.refused == 0
    for word in ("given_up_by_others", "node_gone", "redis_changed", "redis_not_heard"):
        assert _said(report, word) == 0
    # Clients may lose their patience, and nobody else does.
    assert report.done["came back"] == report.done["lines lost: no answer"]


def _said(report: Report, event: str) -> int:
    """How often nodes noted something lately."""
    return sum(f'"{event}"' in line for line in report.account)
