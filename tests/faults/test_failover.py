"""Sentinels replace a Redis that is killed by its replica, under load."""

from pathlib import Path

import pytest

from tests.faults.plays import PLAY_LIMIT_S, played

pytestmark = pytest.mark.timeout(PLAY_LIMIT_S)


async def test_a_failover_loses_and_doubles_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    report = await played(tmp_path, "fail-over")

    assert report.refused
