"""How long things took, and what they cost."""

import math
import re
import resource
from array import array
from collections.abc import Sequence
from pathlib import Path

from tests.system.processes import ServerProcess

TICKS_PER_S = 100
"""Of the kernel's accounts."""


class Delays:
    """Times in seconds, of which there may be millions."""

    def __init__(self) -> None:
        self._all = array("d")

    def note(self, seconds: float) -> None:
        self._all.append(seconds)

    def shown(self) -> str:
        """Median, 99th percentile and the longest, in milliseconds."""
        if not self._all:
            return "none"
        ordered = sorted(self._all)
        parts = (
            f"{name} {1000 * percentile(ordered, part):.1f} ms"
            for name, part in (("p50", 0.5), ("p99", 0.99), ("most", 1.0))
        )
        return f"{', '.join(parts)} of {len(ordered):,}"


def percentile(ordered: Sequence[float], part: float) -> float:
    """The value at or below which this part of all lie, by nearest rank."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


class Costs:
    """Of the server with its workers, and of those who use it, since this was made."""

    def __init__(self, server: ServerProcess) -> None:
        self._serving = server.workers() or [server.process.pid]
        self._since = self._spent_s()

    def shown(self, seconds: float) -> list[str]:
        """CPU in parts of one core, and memory, line by line."""
        server_s, crowd_s = (
            now - before for now, before in zip(self._spent_s(), self._since, strict=True)
        )
        most_mb = " and ".join(f"{most_memory_mb(pid):.0f} MB" for pid in self._serving)
        return [
            f"server: {server_s / seconds:.2f} of a core; {most_mb} at most",
            f"crowd: {crowd_s / seconds:.2f} of a core",
        ]

    def _spent_s(self) -> tuple[float, float]:
        own = resource.getrusage(resource.RUSAGE_SELF)
        return sum(map(cpu_s, self._serving)), own.ru_utime + own.ru_stime


def most_memory_mb(pid: int) -> float:
    """How much memory of a process was resident at most, so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    (found,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(found) / 1024


def cpu_s(pid: int) -> float:
    """For how long a process has had processors, so far."""
    # What stands before the last bracket is the name of the program.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S
