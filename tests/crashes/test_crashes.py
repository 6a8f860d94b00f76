"""A server and its database are killed under load; then all that is there is compared.

`scripts/soak --durable` plays the same for longer.
"""

from pathlib import Path

import pytest

from tests.crashes.play import Load, play

FEW = Load(people=3, kills=3, most=30, first_kills=1)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_a_server_that_is_killed_under_load_keeps_all_that_it_has_acknowledged(
    engine: str, tmp_path: Path
) -> None:
    report = await play(engine, tmp_path, FEW)

    assert not report.faults, "\n".join([report.text, *report.faults])
    assert len(report.ready_s) == 1 + FEW.kills
    assert report.done["receipts acknowledged"]
    assert report.done["one-time prekeys handed out"]
