"""Redis is stopped for 20 seconds, and goes on."""

from pathlib import Path

from tests.faults.scenarios import played


async def test_nothing_is_lost_or_doubled_while_redis_hangs_for_20_seconds(tmp_path: Path) -> None:
    report = await played("hang-redis", tmp_path)

    assert not report.faults, report.text
    assert report.refused
    assert not report.done["came back"]  # nobody was given up
