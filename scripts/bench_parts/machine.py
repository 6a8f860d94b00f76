"""Where the benchmark ran, and with which versions."""

import json
import os
import platform
import re
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from scripts import children
from scripts.bench_parts.servers import PARTS, ROOT, Cores

PACKAGES = ("python-socketio", "python-engineio", "aiohttp", "uvloop")
NODE_PACKAGES = ("socket.io", "engine.io", "ws")


def machine(cores: Cores) -> dict[str, str]:
    """What to write beside figures, by name."""
    pinned = "server and load generator pinned to a core each"
    return {
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores",
        "kernel": f"{platform.system()} {platform.release()}",
        "pinning": pinned if cores.server is not None else "none",
        "Python": f"{platform.python_version()}, {_listed(PACKAGES, version)}",
        "Node": f"{_said('node', '--version')}, {_listed(NODE_PACKAGES, _node_version)}",
        "commit": _commit(),
    }


def _cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _listed(names: tuple[str, ...], version_of: Callable[[str], str]) -> str:
    return ", ".join(f"{name} {version_of(name)}" for name in names)


def _node_version(name: str) -> str:
    file = PARTS / "node/node_modules" / name / "package.json"
    return str(json.loads(file.read_text())["version"]) if file.exists() else "not installed"


def _commit() -> str:
    commit = _said("git", "rev-parse", "--short", "HEAD")
    changed = _said("git", "status", "--porcelain", "--", "server", "scripts/bench_parts")
    return f"{commit}, with changes" if changed else commit


def _said(*command: str) -> str:
    if not shutil.which(command[0]):
        return "unknown"
    return children.run(command, cwd=ROOT).stdout.strip()
