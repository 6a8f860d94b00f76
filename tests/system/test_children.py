"""The tools that start processes, and signals that come at the worst moment."""

import itertools
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.children import _Children
from tests.system.processes import ROOT

SIGNALS = (signal.SIGINT, signal.SIGTERM)

BENCH = ("scripts.bench_parts", "--workloads", "W1", "--rounds", "1")
FAULTS = ("scripts.faults_parts", "nothing", "--rooms", "1", "--members", "3")

MOMENTS = {
    "the benchmark's server": ("-m server", *BENCH, "--servers", "hushwire"),
    "the benchmark's Redis": ("redis-server", *BENCH, "--servers", "redis"),
    "the benchmark's server on Redis": ("-m server", *BENCH, "--servers", "redis"),
    "the benchmark's supervisor": ("-m server", *BENCH, "--servers", "workers2"),
    "the benchmark's load": ("--port", *BENCH, "--servers", "hushwire"),
    "the server of soak": ("-m server", "scripts.soak_parts"),
    "the server of crowd": ("-m server", "scripts.crowd_parts"),
    "the Redis of faults": ("redis-server", *FAULTS),
    "a node of faults": ("-m server", *FAULTS),
}
"""What is in the command of the process that has just been started, and the tool."""

BLOWS = [
    *zip(MOMENTS, itertools.cycle(SIGNALS), strict=False),
    ("the benchmark's server", SIGNALS[1]),
]
"""Each moment once, both signals at one: the tools hear them by the same handler."""


def test_of_what_several_threads_start_at_a_time_nothing_is_left() -> None:
    children = _Children()
    with ThreadPoolExecutor(8) as threads:
        started = list(threads.map(lambda _: children.start(("sleep", "600")), range(64)))

    children.end()

    left = [child for child in started if child.poll() is None]
    for child in left:
        child.kill()
        child.wait()
    assert left == []


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH on which `cc` makes a program that sleeps of the load generator."""
    compiler = tmp_path / "bin/cc"
    compiler.parent.mkdir()
    load = tmp_path / "load"
    load.write_text("#!/bin/sh\nexec sleep 600\n")
    compiler.write_text(f'#!/bin/sh\ncp "{load}" "$3"\n')
    for program in (compiler, load):
        program.chmod(0o755)
    return f"{compiler.parent}:{os.environ['PATH']}"


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(("moment", "signum"), BLOWS)
def test_a_signal_that_comes_when_a_process_has_just_been_started_ends_that_too(
    moment: str, signum: int, path: str, tmp_path: Path
) -> None:
    word, *tool = MOMENTS[moment]
    told = tmp_path / "told"
    done = subprocess.run(
        [sys.executable, "-m", "tests.system.struck", str(int(signum)), word, str(told), *tool],
        cwd=ROOT,
        env=os.environ | {"PATH": path},
        stdout=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )

    started = list(map(int, told.read_text().split()))
    left = list(filter(lives, started))
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert (done.returncode, left) == (128 + signum, [])
    assert started
