"""Redis servers that stand in for each other: a Cluster, and a master that Sentinels watch.

Nodes and masters are killed, and masters hang, under load.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.plays import PLAY_LIMIT_S, Plays, side_by_side

pytestmark = [pytest.mark.timeout(PLAY_LIMIT_S), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plays(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plays]:
    rows = (
        ("cluster-fail-over", "cluster-kill-node", "cluster-hang"),
        ("cluster-pause",),
        ("fail-over",),
    )
    async with side_by_side(tmp_path_factory.mktemp("plays"), *rows) as begun:
        yield begun


async def test_a_master_that_is_replaced_takes_nothing_acknowledged_with_it(plays: Plays) -> None:
    report = await plays.of("cluster-fail-over")

    assert report.refused


async def test_a_killed_node_takes_nothing_acknowledged_with_it(plays: Plays) -> None:
    report = await plays.of("cluster-kill-node")

    assert report.done["came back"] >= 4


async def test_a_master_that_hung_and_was_replaced_takes_nothing_acknowledged_with_it(
    plays: Plays,
) -> None:
    report = await plays.of("cluster-hang")

    assert report.refused


async def test_what_a_master_that_hung_does_late_is_not_there_twice(plays: Plays) -> None:
    report = await plays.of("cluster-pause")

    assert report.refused


async def test_a_failover_by_sentinels_loses_and_doubles_nothing_that_was_acknowledged(
    plays: Plays,
) -> None:
    report = await plays.of("fail-over")

    assert report.refused
