"""Nodes on one Redis, under load: they, it, and what is between them fail in many ways."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.left_behind import members_of_a_killed_node_leave
from tests.faults.plays import PLAY_LIMIT_S, Plays, side_by_side

pytestmark = [pytest.mark.timeout(PLAY_LIMIT_S), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plays(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plays]:
    """All of this file, in rows that take about as long as each other."""
    rows = (
        # Who has run for twelve seconds may give others up.
        ("cut-network", "hang-network", "kill-node", "give-up"),
        ("kill-redis", "restart-nodes", "set-back-redis"),
        ("lose-redis", "kill-listeners"),
    )
    async with side_by_side(tmp_path_factory.mktemp("plays"), *rows) as begun:
        yield begun


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def leaving(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[asyncio.Task[None]]:
    """Most of this is waiting as well."""
    task = asyncio.create_task(members_of_a_killed_node_leave(tmp_path_factory.mktemp("leaving")))
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_killed_node_takes_nothing_acknowledged_with_it(plays: Plays) -> None:
    report = await plays.of("kill-node")

    assert report.done["came back"] >= 4
    assert report.recovered


async def test_a_node_that_is_cut_off_for_a_moment_misses_nothing(plays: Plays) -> None:
    report = await plays.of("cut-network")

    assert report.refused


async def test_what_a_hanging_network_delivers_late_is_not_there_twice(plays: Plays) -> None:
    report = await plays.of("hang-network")

    assert report.refused


async def test_a_rolling_restart_loses_and_doubles_nothing(plays: Plays) -> None:
    report = await plays.of("restart-nodes")

    assert report.done["came back"] >= 3 * 4


async def test_who_was_cut_off_or_hung_for_long_lets_its_clients_go_and_they_lose_nothing(
    plays: Plays,
) -> None:
    report = await plays.of("give-up")

    assert report.refused
    assert report.done["came back"] >= 2 * 4


async def test_the_members_of_a_killed_node_leave_once_their_grace_is_over(
    leaving: asyncio.Task[None],
) -> None:
    await leaving


async def test_a_killed_redis_comes_back_with_all_that_was_acknowledged(plays: Plays) -> None:
    report = await plays.of("kill-redis")

    assert report.refused


async def test_what_a_redis_without_persistence_has_lost_is_brought_back_and_all_are_told_to_ask(
    plays: Plays,
) -> None:
    report = await plays.of("lose-redis")

    assert report.refused
    assert report.done["lines lost: told to resync"] >= 3 * 4
    # Of random groups nothing is brought back: all are told so, and meet anew.
    assert report.done["groups closed"] + report.done["groups gone while away"] == 6


async def test_what_a_redis_has_lost_that_comes_back_as_it_was_before_is_brought_back(
    plays: Plays,
) -> None:
    report = await plays.of("set-back-redis")

    assert report.refused
    assert report.done["lines lost: told to resync"] >= 3 * 4


async def test_nothing_is_missed_when_redis_hangs_up_on_those_who_listen(plays: Plays) -> None:
    await plays.of("kill-listeners")
