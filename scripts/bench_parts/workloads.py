"""The workloads, and the figures that are made of what the load generator counts.

A delivery is one `new-message` that a member other than the sender receives.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

Raw = dict[str, float]
"""What the load generator prints: counts, seconds, milliseconds, kB."""


@dataclass(frozen=True)
class Figure:
    """One number made of a measurement.

    Attributes:
        unit: Is its name too; per what it is, after the stroke.
    """

    unit: str
    of: Callable[[Raw], float]
    digits: int = 1


@dataclass(frozen=True)
class Workload:
    """One load, and what is read off it.

    Attributes:
        options: Of the load generator, by their names there.
        stretch: How many times as long as the others it is measured; 0 for memory.
    """

    title: str
    options: dict[str, int]
    figures: tuple[Figure, ...]
    stretch: int = 1

    def generator_options(self, seconds: float) -> Iterable[str]:
        yield from (f"--{name}={value}" for name, value in self.options.items())
        yield f"--seconds={seconds * self.stretch}"


def _per(counted: str) -> Callable[[Raw], float]:
    return lambda raw: 1e6 * raw["server_cpu_s"] / raw[counted]


def _kb_per_connection(clients: int) -> Callable[[Raw], float]:
    return lambda raw: (raw["rss_after_kb"] - raw["rss_before_kb"]) / clients


CPU = Figure("CPU µs/delivery", _per("deliveries"))
CONNECTS = Figure("connects/s", lambda raw: raw["connects"] / raw["window_s"], 0)
CONNECT_CPU = Figure("CPU µs/connect", _per("connects"), 0)

BIG_ROOMS = {"rooms": 10, "members": 100}
PAIRS = {"rooms": 500, "members": 2, "window": 1, "acks-only": 1}
SMALL_ROOMS = {"rooms": 200, "members": 5, "window": 4}
MANY_CLIENTS = {"rooms": 1000, "members": 5}
BY_UPGRADE = {"by-upgrade": 1}

WORKLOADS = {
    "W1": Workload("10 rooms of 100, saturated", BIG_ROOMS | {"window": 4}, (CPU,)),
    "W1u": Workload(
        "the same, clients that came by upgrade", BIG_ROOMS | {"window": 4} | BY_UPGRADE, (CPU,)
    ),
    "W2": Workload(
        "500 pairs, each waits for its acknowledgement",
        PAIRS,
        (Figure("CPU µs/message", _per("deliveries")),),
    ),
    "W3": Workload("200 rooms of 5, saturated", SMALL_ROOMS, (CPU,)),
    "W4": Workload(
        "5,000 clients joined, in rooms of 5",
        MANY_CLIENTS,
        (Figure("memory kB/connection", _kb_per_connection(5000)),),
        stretch=0,
    ),
    "W5": Workload("handshakes by WebSocket", {"connects": 1}, (CONNECTS, CONNECT_CPU)),
    "W5u": Workload(
        "handshakes by polling, then upgrade",
        {"connects": 1} | BY_UPGRADE,
        (CONNECTS, CONNECT_CPU),
    ),
    "W7": Workload(
        "the load of W3: throughput, and the store's part",
        SMALL_ROOMS,
        (
            Figure("deliveries/s", lambda raw: raw["deliveries"] / raw["window_s"], 0),
            Figure(
                "store's CPU µs/message", lambda raw: 1e6 * raw["store_cpu_s"] / raw["messages"]
            ),
        ),
    ),
    "W6": Workload(
        "W1's rooms at 20 messages/s in all",
        BIG_ROOMS | {"rate": 20},
        (
            Figure("latency p50 ms", lambda raw: raw["p50_ms"], 2),
            Figure("latency p99 ms", lambda raw: raw["p99_ms"], 2),
        ),
        stretch=2,
    ),
}
