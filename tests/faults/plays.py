"""Scenarios played round after round, and the account of what went wrong, if something did."""

import asyncio
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import structs

from tests.faults.scenarios import ENOUGH, SCENARIOS, Stage, staged
from tests.faults.talk import Load, Report

ROUND_LIMIT_S = 120.0
"""For all that is waited for in a round, however busy the machine is."""

PLAY_LIMIT_S = 600.0
"""For a test of several rounds; who is ended from outside gives no account."""

_SHOWN_LINES = 30
"""The last ones of each log."""


async def played(folder: Path, *names: str) -> Report:
    """Play a round of each of these scenarios, of which the first has all that the others need.

    It prints all that is known afterwards: tests that fail show what they printed.

    Raises:
        AssertionError: There was a fault.
    """
    async with staged(SCENARIOS[names[0]], folder, Load()) as stage:
        ended_by = ""
        for name in names:
            ended_by = ended_by or await play_round(stage, name, 0)
        report = await judged(stage, ended_by)
    sys.stdout.write(f"{report.text}\n")
    assert not report.faults, "\n".join(report.faults)
    return report


async def play_round(stage: Stage, name: str, number: int) -> str:
    """Play one round, after which everybody talks again.

    Returns:
        What ended it early, or nothing.
    """
    try:
        async with asyncio.timeout(ROUND_LIMIT_S):
            await stage.talk.gathered()
            await SCENARIOS[name].play(stage, number)
            await stage.talk.more(ENOUGH)
    except Exception:  # noqa: BLE001 - whatever it is, there is to be an account of it
        return f"round {number + 1} of {name} did not come to its end: {traceback.format_exc()}"
    return ""


async def judged(stage: Stage, ended_by: str) -> Report:
    """The verdict on all that was said, with an account of everybody."""
    report = await stage.talk.end()
    ended = [ended_by] if ended_by else []
    account = [*report.account, *_logs(stage)]
    return structs.replace(report, faults=ended + report.faults, account=account)


def _logs(stage: Stage) -> Iterator[str]:
    for number, node in enumerate(stage.nodes):
        yield from _last_lines(f"node {number}, port {node.port}", node.is_running, node.log)
    for server in stage.servers:
        yield from _last_lines(f"Redis, port {server.port}", server.is_running, server.log)


def _last_lines(name: str, is_running: bool, log: str) -> Iterable[str]:
    return f"--- {name}, {'runs' if is_running else 'is down'}", *log.splitlines()[-_SHOWN_LINES:]
