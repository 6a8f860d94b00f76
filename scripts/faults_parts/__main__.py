"""`scripts/faults`: nodes and Redis of its own, rooms full of talk, faults, and a verdict.

Each scenario is played round after round until its time is over. Then everybody must know
all that was acknowledged to anybody, once and in order.
"""

import argparse
import asyncio
import logging
import resource
import sys
import tempfile
import time
from pathlib import Path

from scripts import children
from tests.faults.plays import judged, play_round
from tests.faults.scenarios import SCENARIOS, staged
from tests.faults.talk import Load, Report

SHOWN_FAULTS = 20

COLUMNS = (
    "rounds",
    "seconds",
    "sent",
    "acknowledged",
    "refused",
    "delivered",
    "recovered",
    "lost",
    "doubled",
    "faults",
)
"""Of the table. `sent` counts what was sent again; `faults` are those of any kind."""


async def play(name: str, seconds: float, load: Load) -> tuple[int, float, Report]:
    """Rounds of a scenario for so long, and the verdict on all of them."""
    scenario = SCENARIOS[name]
    with tempfile.TemporaryDirectory() as folder:
        async with staged(scenario, Path(folder), load) as stage:
            started, rounds = time.monotonic(), 0
            ended_by = ""
            while not ended_by and (rounds == 0 or time.monotonic() - started < seconds):
                ended_by = await play_round(stage, name, rounds)
                rounds += 1
            report = await judged(stage, ended_by)
    return rounds, time.monotonic() - started, report


def row(rounds: int, seconds: float, report: Report) -> list[str]:
    counts = (
        report.done["sent"],
        report.done["acknowledged"],
        report.refused,
        report.deliveries,
        report.recovered,
        report.lost,
        report.doubled,
        len(report.faults),
    )
    return [str(rounds), f"{seconds:.0f}", *map(str, counts)]


def main(argv: list[str] | None = None) -> int:
    """Run it.

    Returns:
        The exit status: 0; 1 if there was any fault.
    """
    arguments = _parser().parse_args(argv)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    load = Load(
        nodes=arguments.nodes,
        rooms=arguments.rooms,
        members=arguments.members,
        strangers=arguments.strangers,
        pace_s=arguments.pace_ms / 1000,
    )
    names = arguments.scenarios or list(SCENARIOS)
    width = max(map(len, names))
    print(f"{'':{width}}", *(f"{column:>12}" for column in COLUMNS))
    status = 0
    for name in names:
        with children.ended_with_us():
            rounds, seconds, report = asyncio.run(play(name, arguments.seconds, load))
        cells = row(rounds, seconds, report)
        print(f"{name:{width}}", *(f"{cell:>12}" for cell in cells), flush=True)
        if report.faults:
            status = 1
            faults = (f"FAULT {fault}" for fault in report.faults[:SHOWN_FAULTS])
            print("\n".join((*faults, *report.account)))
    return status


def _scenario(name: str) -> str:
    if name not in SCENARIOS:
        raise argparse.ArgumentTypeError(f"there is no {name}; choose from {', '.join(SCENARIOS)}")
    return name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/faults",
        description=__doc__,
        epilog="Scenarios:\n"
        + "\n".join(f"  {name:16} {one.summary}" for name, one in SCENARIOS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenarios", nargs="*", type=_scenario, metavar="SCENARIO", help="[all]")
    parser.add_argument("--seconds", type=float, default=30, help="for each scenario [30]")
    parser.add_argument("--nodes", type=int, default=3, help="three or more [3]")
    parser.add_argument("--rooms", type=int, default=6, help="[6]")
    parser.add_argument("--members", type=int, default=5, help="of each room [5]")
    parser.add_argument("--strangers", type=int, default=10, help="in random groups [10]")
    parser.add_argument(
        "--pace-ms", type=float, default=120, help="between messages of one member [120]"
    )
    return parser


if __name__ == "__main__":
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    sys.exit(main())
