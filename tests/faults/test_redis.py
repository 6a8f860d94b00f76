"""Redis is killed and comes back with all it had, and hangs up on who listens, under load."""

from pathlib import Path

import pytest

from tests.faults.plays import PLAY_LIMIT_S, played

pytestmark = pytest.mark.timeout(PLAY_LIMIT_S)


async def test_a_killed_redis_comes_back_with_all_that_was_acknowledged(tmp_path: Path) -> None:
    report = await played(tmp_path, "kill-redis")

    assert report.refused


async def test_what_a_redis_without_persistence_has_lost_is_brought_back_and_all_are_told_to_ask(
    tmp_path: Path,
) -> None:
    report = await played(tmp_path, "lose-redis")

    assert report.refused
    assert report.done["lines lost: told to resync"] >= 3 * 4
    # Of random groups nothing is brought back: all are told so, and meet anew.
    assert report.done["groups closed"] + report.done["groups gone while away"] == 6


async def test_what_a_redis_has_lost_that_comes_back_as_it_was_before_is_brought_back(
    tmp_path: Path,
) -> None:
    report = await played(tmp_path, "set-back-redis")

    assert report.refused
    assert report.done["lines lost: told to resync"] >= 3 * 4


async def test_nothing_is_missed_when_redis_hangs_up_on_those_who_listen(tmp_path: Path) -> None:
    await played(tmp_path, "kill-listeners")
