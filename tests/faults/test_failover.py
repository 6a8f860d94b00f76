"""Sentinels replace a Redis that is killed by its replica, under load."""

from pathlib import Path

from tests.faults.scenarios import played


async def test_a_failover_loses_and_doubles_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    report = await played("fail-over", tmp_path)

    assert not report.faults, report.text
    assert report.refused
