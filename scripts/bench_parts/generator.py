"""The load generator: compiled for this run, then run once a measurement."""

import json
import shutil
import subprocess
from pathlib import Path

from scripts import children
from scripts.bench_parts.servers import PARTS, BenchError, Cores, Running, on_core
from scripts.bench_parts.workloads import Raw, Workload

LIMIT_S = 240
"""For one measurement; the generator has limits of its own, which say more."""


def build(folder: Path) -> Path:
    """Compile it into `folder`.

    Raises:
        BenchError: There is no C compiler, or it fails.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise BenchError(
            "the load generator needs a C compiler; "
            "on Debian, as root: apt-get install gcc libc6-dev"
        )
    program = folder / "load"
    sources = sorted(str(path) for path in (PARTS / "load").glob("*.c"))
    made = children.run([compiler, "-O2", "-o", str(program), *sources])
    if made.returncode:
        raise BenchError(
            f"{compiler} cannot compile the load generator; on Debian, as root: "
            f"apt-get install libc6-dev\n{made.stderr}"
        )
    return program


def run(program: Path, workload: Workload, server: Running, seconds: float, cores: Cores) -> Raw:
    """Put one load on a server.

    Raises:
        BenchError: The server refused, closed, lost or doubled something, or was too slow.
    """
    options = workload.generator_options(seconds)
    pids = [f"--pid={server.pid}", f"--store-pid={server.store_pid}"]
    words = [f"--port={server.port}", *pids, *options]
    try:
        with on_core(cores.generator):
            done = children.run(
                [program, *(part for word in words for part in word.split("="))], LIMIT_S
            )
    except subprocess.TimeoutExpired:
        raise BenchError(f"the measurement did not end within {LIMIT_S} s") from None
    if done.returncode:
        raise BenchError(done.stderr.strip() or f"the load generator ended: {done.returncode}")
    raw: Raw = json.loads(done.stdout)
    return raw
