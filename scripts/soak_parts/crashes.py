"""`scripts/soak --durable`: durable messages on a server that is killed again and again."""

import logging
import tempfile
import time
from pathlib import Path

import uvloop

from scripts import children
from tests.crashes.play import Load, play

SHOWN_FAULTS = 50


def crash(engine: str, load: Load) -> int:
    """Play it, and say what became of every word.

    Returns:
        The exit status: 0; 1 if there was any fault.
    """
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, children.ended_with_us():
        report = uvloop.run(play(engine, Path(folder), load))
    print(report.text)
    print(f"{time.monotonic() - began:9.0f} seconds on {engine}; seed {load.seed}")
    print(f"{len(report.faults):9} faults")
    for fault in report.faults[:SHOWN_FAULTS]:
        print("FAULT", fault)
    return 1 if report.faults else 0
