"""Scenarios played round after round, and the account of what went wrong, if something did."""

import asyncio
import sys
import traceback
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import structs

from tests.faults.scenarios import ENOUGH, FEW, SCENARIOS, Stage, staged
from tests.faults.talk import Load, Report

ROUND_LIMIT_S = 120.0
"""For all that is waited for in a round, however busy the machine is."""

PLAY_LIMIT_S = 600.0
"""For a test of several rounds; who is ended from outside gives no account."""

_SHOWN_LINES = 30
"""The last ones of each log."""


class Plays:
    """A round of each of many scenarios, and a report of each.

    Rows are played side by side, since most of a round is waiting. The scenarios of a row are
    played one after the other, by the same company as long as it has what the next one needs and
    had no fault.
    """

    def __init__(self, folder: Path, *rows: Sequence[str], load: Load) -> None:
        self._folder = folder
        self._load = load
        self._reports = {name: asyncio.Future[Report]() for row in rows for name in row}
        self._rows = {name: task for row in rows for task in (self._begun(row),) for name in row}

    def _begun(self, row: Sequence[str]) -> asyncio.Task[None]:
        return asyncio.create_task(self._play(list(row)))

    async def _play(self, left: list[str]) -> None:
        while left:
            first = SCENARIOS[left[0]]
            folder = self._folder / left[0]
            folder.mkdir()
            async with staged(first, folder, self._load) as stage:
                is_well = await self._play_next(stage, left)
                while is_well and left and first.has_all_for(SCENARIOS[left[0]]):
                    await stage.talk.go_on_anew(loses_groups=SCENARIOS[left[0]].loses_groups)
                    is_well = await self._play_next(stage, left)

    async def _play_next(self, stage: Stage, left: list[str]) -> bool:
        """Play what is next; whether there was no fault."""
        name = left.pop(0)
        report = await judged(stage, await play_round(stage, name, 0))
        self._reports[name].set_result(report)
        return not report.faults

    async def of(self, name: str) -> Report:
        """The report of one, when it has been played.

        It prints all that is known: tests that fail show what they printed.

        Raises:
            AssertionError: There was a fault.
        """
        found, row = self._reports[name], self._rows[name]
        await asyncio.wait((found, row), return_when=asyncio.FIRST_COMPLETED)
        if not found.done():
            row.result()  # tells why there is no report
        report = found.result()
        sys.stdout.write(f"{report.text}\n")
        assert not report.faults, "\n".join(report.faults)
        return report

    async def end(self) -> None:
        """End what nobody waits for any more.

        Raises:
            Exception: What ended a row early.
        """
        rows = set(self._rows.values())
        for row in rows:
            row.cancel()
        for ended in await asyncio.gather(*rows, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended


@asynccontextmanager
async def side_by_side(
    folder: Path, *rows: Sequence[str], load: Load | None = None
) -> AsyncIterator[Plays]:
    """Begin to play all of these rows of scenarios."""
    plays = Plays(folder, *rows, load=load or Load())
    try:
        yield plays
    finally:
        await plays.end()


async def play_round(stage: Stage, name: str, number: int) -> str:
    """Play one round, after which everybody talks again.

    Returns:
        What ended it early, or nothing.
    """
    try:
        async with asyncio.timeout(ROUND_LIMIT_S):
            await stage.talk.gathered()
            await stage.talk.more(FEW)
            await SCENARIOS[name].play(stage, number)
            await stage.talk.more(ENOUGH)
    except Exception:  # noqa: BLE001 - whatever it is, there is to be an account of it
        return f"round {number + 1} of {name} did not come to its end: {traceback.format_exc()}"
    return ""


async def judged(stage: Stage, ended_by: str) -> Report:
    """The verdict on all that was said, with an account of everybody."""
    report = await stage.talk.judged()
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
