"""Medians over the rounds, and ratios to Node's socket.io of the same round."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from scripts.bench_parts.workloads import Figure, Raw

REFERENCE = "node"

Values = dict[int, float]
"""One figure of one server, by round."""


@dataclass(frozen=True)
class Measurement:
    """One server under one load, once.

    Attributes:
        raw: What the load generator counted; None if it failed.
        error: Why it failed.
    """

    round: int
    workload: str
    server: str
    raw: Raw | None
    error: str | None = None


@dataclass(frozen=True)
class Ratio:
    """To the reference: the median of the rounds, and how far they lie apart."""

    median: float
    lowest: float
    highest: float


def values(measured: Iterable[Measurement], workload: str, server: str, figure: Figure) -> Values:
    """What was measured of one figure; failed rounds are left out."""
    return {
        one.round: figure.of(one.raw)
        for one in measured
        if one.raw and (one.workload, one.server) == (workload, server)
    }


def median(of: Values) -> float | None:
    return statistics.median(of.values()) if of else None


def ratio(of: Values, reference: Values) -> Ratio | None:
    """Round by round, since what else the machine does changes from one to the next.

    Returns:
        None if there is no round with both.
    """
    ratios = [of[each] / reference[each] for each in of.keys() & reference.keys()]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios)) if ratios else None
