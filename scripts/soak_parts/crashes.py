"""`scripts/soak --durable` and `--queues`: a server that is killed again and again."""

import logging
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import uvloop

from scripts import children

SHOWN_FAULTS = 50


class Report(Protocol):
    """What was said, and what is there."""

    @property
    def faults(self) -> list[str]: ...

    @property
    def text(self) -> str: ...


def crash(play: Callable[[Path], Awaitable[Report]], of: str) -> int:
    """Play it, and say what became of every word.

    Args:
        of: The engine and the seed, in words.

    Returns:
        The exit status: 0; 1 if there was any fault.
    """
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, children.ended_with_us():
        report = uvloop.run(_done(play(Path(folder))))
    print(report.text)
    print(f"{time.monotonic() - began:9.0f} seconds on {of}")
    print(f"{len(report.faults):9} faults")
    for fault in report.faults[:SHOWN_FAULTS]:
        print("FAULT", fault)
    return 1 if report.faults else 0


async def _done(report: Awaitable[Report]) -> Report:
    return await report
