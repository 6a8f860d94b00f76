"""A play that goes wrong says all that is known of it."""

from pathlib import Path

import pytest
from msgspec import structs

from tests.faults.plays import PLAY_LIMIT_S, judged, play_round
from tests.faults.scenarios import SCENARIOS, Stage, staged
from tests.faults.talk import Load

pytestmark = pytest.mark.timeout(PLAY_LIMIT_S)


async def test_a_round_that_breaks_off_is_a_fault_and_everybody_gives_an_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(stage: Stage, number: int) -> None:
        stage.talk.rooms[0].talkers[0]._fault("it heard what was never said")
        raise RuntimeError("nobody knows why")

    failing = structs.replace(SCENARIOS["nothing"], play=fail)
    monkeypatch.setitem(SCENARIOS, "failing", failing)
    load = Load(nodes=1, rooms=1, members=2, strangers=0)
    async with staged(failing, tmp_path, load) as stage:
        report = await judged(stage, await play_round(stage, "failing", 0))
        text = report.text

    ended, told = report.faults
    assert "round 1 of failing" in ended
    assert 'RuntimeError("nobody knows why")' in ended  # the line of the traceback
    assert told == "room-0: it heard what was never said"
    assert f"{report.done['acknowledged']:9} acknowledged" in text
    assert all(f"room-0 m{number}: there, knows" in text for number in range(2))
    assert "--- node 0, port" in text
    assert '"event": "started"' in text
    assert "Ready to accept connections" in text  # as Redis says it
