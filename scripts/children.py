"""The processes that a tool starts, none of which outlives it.

A signal may come between any two lines: also when a process has just been started, and nobody
is there yet to end it. So it is held back until the process is noted, and then ends all of them.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

END_LIMIT_S = 10.0
"""For all of them, before they are killed."""


class _Children:
    """Of this process."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[Any]] = []
        self._starting: list[object] = []  # a list, as several threads may start one
        self._signum = 0

    def start(self, command: Sequence[Any], **options: Any) -> subprocess.Popen[Any]:
        self._starting.append(command)
        try:
            child = subprocess.Popen(command, **options)
            self._started.append(child)  # and nothing else: several threads do so at a time
        finally:
            self._starting.pop()
            self._exit_if_asked()
        return child

    def asked_to_end(self, signum: int, frame: FrameType | None) -> None:
        # Once: another signal would cut off the unwinding that this one begins.
        if not self._signum:
            self._signum = signum
            self._exit_if_asked()

    def _exit_if_asked(self) -> None:
        if self._signum and not self._starting:
            self._terminate()
            sys.exit(128 + self._signum)

    def _terminate(self) -> None:
        for child in self._started:
            child.terminate()

    def end(self) -> None:
        self._terminate()
        deadline = time.monotonic() + END_LIMIT_S
        for child in self._started:
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


_CHILDREN = _Children()


def start(command: Sequence[Any], **options: Any) -> subprocess.Popen[Any]:
    """Start a process, with the options of `subprocess.Popen`."""
    return _CHILDREN.start(command, **options)


def run(
    command: Sequence[Any], limit_s: float | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Start a process, and wait until it has ended; what it has said is in the answer.

    Raises:
        subprocess.TimeoutExpired: It took too long, and was killed.
    """
    pipe = subprocess.PIPE
    with start(command, stdout=pipe, stderr=pipe, text=True, **options) as child:
        try:
            said, complained = child.communicate(timeout=limit_s)
        finally:
            child.kill()
    return subprocess.CompletedProcess(command, child.returncode, said, complained)


@contextmanager
def ended_with_us() -> Iterator[None]:
    """Have the signals that end a tool end all that it has started, and then unwind it."""
    for signum in SIGNALS:
        signal.signal(signum, _CHILDREN.asked_to_end)
    try:
        yield
    finally:
        _CHILDREN.end()
