"""Nodes, or their Redis, stand still for a while and go on, under load; or nothing fails at all.

Who stands still costs a machine little: whoever is played beside it is not held up.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.plays import PLAY_LIMIT_S, Plays, side_by_side
from tests.faults.talk import Report

pytestmark = [pytest.mark.timeout(PLAY_LIMIT_S), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plays(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plays]:
    rows = (("nothing", "stop-all"), ("stop-nodes",), ("hang-redis",), ("stop-redis",))
    async with side_by_side(tmp_path_factory.mktemp("plays"), *rows) as begun:
        yield begun


async def test_three_nodes_without_a_fault_lose_and_double_nothing(plays: Plays) -> None:
    report = await plays.of("nothing")

    assert report.refused == 0


async def test_of_nodes_that_stand_still_one_after_the_other_only_the_silent_one_is_given_up(
    plays: Plays,
) -> None:
    report = await plays.of("stop-nodes")

    assert _said(report, "given_up_by_others") <= 1  # that stood still for six seconds
    assert _said(report, "redis_changed") == _said(report, "redis_not_heard") == 0


async def test_nodes_that_stand_still_together_take_nobody_for_dead(plays: Plays) -> None:
    report = await plays.of("stop-all")

    assert report.refused == 0
    for word in ("given_up_by_others", "node_gone", "redis_changed", "redis_not_heard"):
        assert _said(report, word) == 0
    # Clients may lose their patience, and nobody else does.
    assert report.done["came back"] == report.done["lines lost: no answer"]


def _said(report: Report, event: str) -> int:
    """How often nodes noted something lately."""
    return sum(f'"{event}"' in line for line in report.account)


async def test_nothing_is_lost_or_doubled_while_redis_hangs_for_20_seconds(plays: Plays) -> None:
    report = await plays.of("hang-redis")

    assert report.refused
    assert not report.done["came back"]  # nobody was given up


async def test_nothing_is_lost_or_doubled_where_redis_hangs_for_a_moment(plays: Plays) -> None:
    report = await plays.of("stop-redis")

    assert report.refused
    assert not report.done["came back"]  # nobody was given up
