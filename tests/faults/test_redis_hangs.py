"""Redis is stopped for a while, and goes on."""

from pathlib import Path

import pytest

from tests.faults.plays import PLAY_LIMIT_S, played

pytestmark = pytest.mark.timeout(PLAY_LIMIT_S)


async def test_nothing_is_lost_or_doubled_while_redis_hangs_for_20_seconds(tmp_path: Path) -> None:
    report = await played(tmp_path, "hang-redis")

    assert report.refused
    assert not report.done["came back"]  # nobody was given up


async def test_nothing_is_lost_or_doubled_where_redis_hangs_for_a_moment(tmp_path: Path) -> None:
    report = await played(tmp_path, "stop-redis")

    assert report.refused
    assert not report.done["came back"]  # nobody was given up
