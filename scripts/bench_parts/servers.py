"""The three servers: how each is started, on which core, and what it is called."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts import children

PARTS = Path(__file__).parent
ROOT = PARTS.parents[1]

REDIS_LIMIT_S = 10

LOG_LINES = 5
"""Of a server that failed are shown."""


class BenchError(Exception):
    """Something is missing or broke; the text says what to do or what was seen."""


@dataclass(frozen=True)
class Kind:
    """One of the servers that are compared; its first line on standard output holds its URL.

    Attributes:
        has_redis: It keeps its state in a Redis that is started for it, on the same core.
        is_pinned: To one core; else it takes what there is.
    """

    title: str
    command: tuple[str, ...]
    settings: dict[str, str] = field(default_factory=dict)
    has_redis: bool = False
    is_pinned: bool = True


HIGH_LIMITS = {
    "MAX_ADDRESS_CONNECTIONS": "100000",
    "ADDRESS_CONNECTS_PER_MINUTE": "1000000",
    "ADDRESS_JOINS_PER_MINUTE": "1000000",
    "MEMBER_SENDS_PER_MINUTE": "1000000",
    "CONNECTION_EVENTS_PER_MINUTE": "1000000",
}
"""All of them are counted, as in earnest, and none is met."""

HUSHWIRE = (sys.executable, "-m", "server")
ALONE = {"PORT": "0", **HIGH_LIMITS}
SHARING = ALONE | {
    "JWT_SECRET": "j" * 32,
    "ADMIN_TOKEN": "a" * 16,
    "MASTER_KEY": "bWFzdGVy" * 5 + "bWE=",
}

SERVERS = {
    "hushwire": Kind("Hushwire", HUSHWIRE, ALONE),
    "node": Kind("Node socket.io", ("node", str(PARTS / "node/server.js"))),
    "stock": Kind("python-socketio", (sys.executable, str(PARTS / "stock.py"))),
    "redis": Kind("Hushwire on Redis", HUSHWIRE, SHARING, has_redis=True),
    "workers1": Kind("1 worker, both cores", HUSHWIRE, SHARING, has_redis=True, is_pinned=False),
    "workers2": Kind(
        "2 workers, both cores",
        HUSHWIRE,
        SHARING | {"WORKERS": "2"},
        has_redis=True,
        is_pinned=False,
    ),
}

COMPARED = ("hushwire", "node", "stock")
"""Unless others are asked for."""


@dataclass(frozen=True)
class Cores:
    """Where server and load generator run; None where the system leaves no choice."""

    server: int | None
    generator: int | None

    @classmethod
    def choose(cls) -> "Cores":
        """The last and the first of the cores that this process may use."""
        cores = sorted(os.sched_getaffinity(0))
        return cls(cores[-1], cores[0]) if len(cores) > 1 else cls(None, None)


@dataclass(frozen=True)
class Running:
    """A server that listens on 127.0.0.1."""

    port: int
    pid: int
    store_pid: int = 0


@contextmanager
def running(kind: Kind, core: int | None = None) -> Iterator[Running]:
    """Start a server in a folder of its own, and end it.

    Raises:
        BenchError: It does not start; or it ended, or complained, while the body failed.
    """
    core = core if kind.is_pinned else None
    with (
        tempfile.TemporaryDirectory() as folder,
        (Path(folder) / "log").open("w+") as log,
        _redis(kind, Path(folder), core) as store_pid,
        _started(kind, Path(folder), log.fileno(), core) as process,
    ):
        try:
            yield Running(_port(process), process.pid, store_pid)
        except BenchError as error:
            log.seek(0)
            said = [line.rstrip() for line in log.readlines()[-LOG_LINES:]]
            raise BenchError("\n".join([str(error), *said])) from error
        finally:
            process.terminate() if kind.settings.get("WORKERS") else process.kill()


@contextmanager
def _redis(kind: Kind, folder: Path, core: int | None) -> Iterator[int]:
    """The store of a server that has one, on a socket in its folder; 0 for none."""
    if not kind.has_redis:
        yield 0
        return
    program = shutil.which("redis-server")
    if not program:
        raise BenchError("redis-server was not found; on Debian, as root: apt-get install it")
    options = ("--port", "0", "--unixsocket", str(folder / "redis"), "--save", "")
    with on_core(core):
        process = children.start([program, *options], stdout=subprocess.DEVNULL)
    with process:
        try:
            _wait_for(folder / "redis")
            yield process.pid
        finally:
            process.kill()


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + REDIS_LIMIT_S
    while not path.exists():
        if time.monotonic() > deadline:
            raise BenchError("Redis does not start")
        time.sleep(0.01)


def _started(kind: Kind, folder: Path, log: int, core: int | None) -> subprocess.Popen[str]:
    program = shutil.which(kind.command[0])
    if not program:
        raise BenchError(f"{kind.command[0]} was not found; scripts/bench brings it")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "DATA_DIR": str(folder / "data"),
        **kind.settings,
    }
    if kind.has_redis:
        environment["REDIS_URL"] = f"unix://{folder / 'redis'}"
    with on_core(core):
        return children.start(
            [program, *kind.command[1:]],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stdout
    said = process.stdout.readline()
    found = re.search(r"http://\S+:(\d+)", said)
    if not found:
        raise BenchError(f"the server does not start; it said {said!r}")
    return int(found[1])


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """What is started meanwhile runs on this core only, with all its threads."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
