"""The real process: `python -m server`, in a folder of its own, with nothing of our environment."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from scripts import children
from tests.clocks import Stopwatch

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "server")

PYTHON = {
    "PYTHONPATH": f"{ROOT}:{Path(__file__).parent / 'absent'}",
    # When aiohttp is loaded it reads all authorities of the machine, whom no test asks.
    "SSL_CERT_FILE": os.devnull,
}
"""What Python is told in the environment of a server."""


def environment(folder: Path, **settings: object) -> dict[str, str]:
    """What the process knows: where Python is, and these settings."""
    known = {"PATH": os.environ["PATH"], "HOME": str(folder), **PYTHON}
    defaults = {"PORT": 0, "DATA_DIR": folder / "data", "DRAIN_S": 0}
    return known | {name: str(value) for name, value in {**defaults, **settings}.items()}


class Stop(Struct, frozen=True):
    """How a process ended, and in how many seconds in which the machine ran."""

    status: int
    seconds: float


class Launched(Struct, frozen=True):
    """A process that was started and may not listen yet, and where its log goes."""

    process: subprocess.Popen[str]
    folder: Path
    log_file: Path


class ServerProcess:
    """A server that listens.

    Attributes:
        said: Its line on standard output.
        url: Without a slash at the end.
        data: Its data folder.
    """

    def __init__(self, launched: Launched) -> None:
        self.process = process = launched.process
        self.data = launched.folder / "data"
        self._log_file = launched.log_file
        assert process.stdout
        self.said = process.stdout.readline()
        found = re.search(r"(https?)://\S+:(\d+)", self.said)
        assert found, (self.said, self.log)
        self.url = f"{found[1]}://127.0.0.1:{found[2]}"

    @property
    def log(self) -> str:
        return self._log_file.read_text()

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        """Every line of the log; fails if one is no JSON object."""
        return [json.loads(line) for line in self.log.splitlines()]

    def children(self) -> list[int]:
        """The processes that it has started, by their ids."""
        return children_of(self.process.pid)

    def workers(self) -> list[int]:
        """Those of its children that serve."""
        return workers_of(self.process.pid)

    def memory_mb(self, what: str = "VmRSS") -> float:
        """`VmRSS`: resident now; `VmHWM`: at most so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{what}:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024

    def loop_ran_s(self) -> float:
        """For how long the thread of the event loop has had a processor, so far."""
        ran_ns, *_ = Path(f"/proc/{self.process.pid}/schedstat").read_text().split()
        return int(ran_ns) / 1e9

    def stop(self, signum: int = signal.SIGTERM, limit_s: float = 30) -> Stop:
        """Send a signal and wait for the end."""
        with Stopwatch() as taken:
            self.process.send_signal(signum)
            status = self.process.wait(limit_s)
        return Stop(status, taken.seconds)


def children_of(pid: int) -> list[int]:
    return sorted(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def workers_of(pid: int) -> list[int]:
    return [child for child in children_of(pid) if b"server.workers" in command_of(child)]


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def launch(folder: Path, **settings: object) -> Launched:
    """Start a server with these settings, its data and its log in `folder`."""
    log_file = folder / f"log-{time.monotonic_ns()}"
    with log_file.open("w") as log:
        process = children.start(
            COMMAND,
            cwd=folder,
            env=environment(folder, **settings),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    return Launched(process, folder, log_file)


@contextmanager
def server_process(folder: Path, **settings: object) -> Iterator[ServerProcess]:
    """Run a server with these settings, its data and its log in `folder`."""
    launched = launch(folder, **settings)
    with launched.process:
        try:
            yield ServerProcess(launched)
        finally:
            launched.process.kill()


def run(folder: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run a server that is expected to end by itself."""
    return subprocess.run(
        COMMAND,
        cwd=folder,
        env=environment(folder, **settings),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
