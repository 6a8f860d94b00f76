"""`scripts/faults`, for a moment, and what it says of names that it does not know."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FAULTS = (sys.executable, "-m", "scripts.faults_parts")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*FAULTS, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )


def test_a_scenario_ends_with_a_row_of_what_was_said_and_what_was_lost() -> None:
    done = run("nothing", "--seconds", "0", "--rooms", "1", "--members", "3", "--strangers", "0")

    assert (done.returncode, done.stderr) == (0, "")
    head, row = done.stdout.splitlines()
    name, *counts = row.split()
    counted = dict(zip(head.split(), map(int, counts), strict=True))
    assert name == "nothing"
    assert counted["delivered"] == 2 * counted["acknowledged"] > 0
    assert counted["lost"] == counted["doubled"] == counted["faults"] == 0


def test_a_scenario_that_does_not_exist_is_refused_with_those_that_do() -> None:
    done = run("kill-everybody")

    assert done.returncode == 2
    assert "kill-node" in done.stderr
