"""A play that goes wrong says all that is known of it."""

from pathlib import Path

import pytest
from msgspec import structs

from tests.faults.plays import PLAY_LIMIT_S, judged, play_round, side_by_side
from tests.faults.scenarios import SCENARIOS, Stage, staged
from tests.faults.talk import Load

pytestmark = pytest.mark.timeout(PLAY_LIMIT_S)


SMALL = Load(nodes=1, rooms=1, members=2, strangers=2)


async def test_a_round_that_breaks_off_is_a_fault_and_everybody_gives_an_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(stage: Stage, number: int) -> None:
        stage.talk.rooms[0].talkers[0]._fault("it heard what was never said")
        raise RuntimeError("nobody knows why")

    failing = structs.replace(SCENARIOS["nothing"], play=fail)
    monkeypatch.setitem(SCENARIOS, "failing", failing)
    load = structs.replace(SMALL, strangers=0)
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


async def test_who_go_on_to_the_next_play_are_judged_by_that_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def count(stage: Stage, number: int) -> None:
        """A play in which just so much was said before, by the company of before."""
        said.append(stage.talk.done["acknowledged"])
        companies.add(id(stage))

    said, companies = list[int](), set[int]()
    for name in ("first", "second"):
        scenario = structs.replace(SCENARIOS["nothing"], play=count)
        monkeypatch.setitem(SCENARIOS, name, scenario)
    async with side_by_side(tmp_path, ("first", "second"), load=SMALL) as plays:
        first, second = [await plays.of(name) for name in ("first", "second")]

    assert len(companies) == 1
    assert first.done["joined"] == 2
    assert second.done["joined"] == 0
    assert first.done["groups joined"] == second.done["groups joined"] == 2
    assert '"event": "started"' in first.text
    assert '"event": "started"' not in second.text
    # Each of the rooms hears all that is acknowledged in it, once, by one other.
    assert first.deliveries == first.done["acknowledged"]
    assert second.deliveries == second.done["acknowledged"]


async def test_after_a_fault_others_play_what_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(stage: Stage, number: int) -> None:
        raise RuntimeError("nobody knows why")

    monkeypatch.setitem(SCENARIOS, "failing", structs.replace(SCENARIOS["nothing"], play=fail))
    async with side_by_side(tmp_path, ("failing", "nothing"), load=SMALL) as plays:
        with pytest.raises(AssertionError, match="nobody knows why"):
            await plays.of("failing")
        after = await plays.of("nothing")

    assert after.done["joined"] == 2


async def test_who_cannot_begin_to_play_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = structs.replace(SCENARIOS["nothing"], options=("--no-such-option", "1"))
    monkeypatch.setitem(SCENARIOS, "refused", refused)
    with pytest.raises(RuntimeError, match="did not start"):
        async with side_by_side(tmp_path, ("refused",), load=SMALL) as plays:
            await plays.of("refused")
