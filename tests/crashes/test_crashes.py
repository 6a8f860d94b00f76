"""A server and its database are killed under load; then all that is there is compared.

`scripts/soak --durable` plays the same for longer.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crashes.play import Load, play

pytestmark = pytest.mark.timeout(600)
"""Each start takes a second; on a machine that is very busy, many."""

ROOT = Path(__file__).parents[2]
SOAK = (sys.executable, "-m", "scripts.soak_parts")
FEW = ("--kills", "2", "--people", "3", "--messages", "30")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SOAK, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )


def test_a_server_that_is_killed_under_load_keeps_all_that_it_has_acknowledged() -> None:
    done = run("--durable", "sqlite", *FEW)

    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert re.search(r"^ *2 kill -9 of a server$", done.stdout, re.MULTILINE)
    for what in ("messages lost", "messages doubled", "faults"):
        assert re.search(rf"^ *0 {what}$", done.stdout, re.MULTILINE), what
    for what in ("receipts acknowledged", "one-time prekeys handed out", "prekeys sent"):
        assert re.search(rf"^ *[1-9]\d* {what}", done.stdout, re.MULTILINE), what


@pytest.mark.parametrize(("engine", "few"), [("sqlite", 10_000), ("postgres", 3_000)])
def test_of_thousands_of_events_in_queues_none_is_lost_doubled_or_disordered(
    engine: str, few: int, for_long: int
) -> None:
    count = few * for_long
    scale = ("--devices", "20", "--kills", "3", "--drained", "240")
    done = run("--queues", engine, "--deliveries", str(count), *scale)

    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    for what in ("events lost", "events doubled", "events disordered", "faults"):
        assert re.search(rf"^ *0 {what}$", done.stdout, re.MULTILINE), what
    for what in ("kill -9 of a server", "connections lost by chance", "events heard again"):
        assert re.search(rf"^ *[1-9]\d* {what}", done.stdout, re.MULTILINE), what
    assert int(re.findall(r"^ *(\d+) events heard$", done.stdout, re.MULTILINE)[0]) >= count


async def test_neither_the_server_nor_postgresql_loses_anything_when_each_is_killed_in_turn(
    tmp_path: Path,
) -> None:
    load = Load(people=3, kills=3, most=30, first_kills=1)
    report = await play("postgres", tmp_path, load)

    assert not report.faults, "\n".join([report.text, *report.faults])
    assert len(report.ready_s) == 1 + load.kills
    for blow in ("kill -9 of a server", "PostgreSQL stopped at once", "kill -9 of PostgreSQL"):
        assert report.done[blow] == 1
