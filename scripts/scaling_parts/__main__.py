"""`scripts/scaling`: simulate, and tell what comes first to its limit."""

import argparse
import random
import sys
from dataclasses import fields

from scripts.scaling_parts.costs import Costs, Demand, Supply
from scripts.scaling_parts.simulation import Outcome, simulate

FRAME_BYTES = 60
"""About a payload, on each of its ways."""


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    costs = Costs(**{one.name: getattr(arguments, one.name) for one in fields(Costs)})
    demand = Demand(
        connections=arguments.connections,
        room_members=arguments.members,
        per_minute=arguments.per_minute,
        payload_bytes=arguments.payload,
        history_messages=arguments.history,
    )
    supply = Supply(arguments.nodes, arguments.redis)
    outcome = simulate(
        costs,
        demand,
        supply,
        arguments.seconds,
        random.Random(arguments.seed),  # noqa: S311
    )
    for name, value in _report(costs, demand, supply, outcome):
        print(f"{name:44} {value}")
    return 0


def _report(
    costs: Costs, demand: Demand, supply: Supply, outcome: Outcome
) -> list[tuple[str, str]]:
    messages_per_s = outcome.messages / outcome.seconds
    hearings_per_s = outcome.hearings / outcome.seconds
    wire_bytes = demand.payload_bytes + FRAME_BYTES
    deliveries_per_s = messages_per_s * (demand.room_members - 1)
    redis_mb_s = (messages_per_s + hearings_per_s) * wire_bytes / 1e6
    room_kb = costs.room_kb + costs.message_kb * demand.history_messages
    return [
        (
            "connections, rooms",
            f"{demand.connections:,}, {demand.rooms:,} of {demand.room_members}",
        ),
        ("messages/s, deliveries/s", f"{messages_per_s:,.0f}, {deliveries_per_s:,.0f}"),
        ("connections a node", f"{demand.connections / supply.nodes:,.0f}"),
        (
            "memory a node",
            f"{demand.connections / supply.nodes * costs.connection_kb / 1e6:.2f} GB",
        ),
        ("busy, nodes (mean, most)", _shares(outcome.node_shares)),
        ("nodes that hear a message", f"{outcome.hearings / max(1, outcome.messages):.1f}"),
        ("busy, servers of Redis (mean, most)", _shares(outcome.redis_shares)),
        ("memory, Redis in all", f"{demand.rooms * room_kb / 1e6:.1f} GB"),
        ("network, Redis in all", f"{redis_mb_s:,.1f} MB/s"),
        ("answer, p50, p99", _times(outcome.answers_us)),
        ("delivery, p50, p99", _times(outcome.deliveries_us)),
    ]


def _shares(shares: list[float]) -> str:
    return f"{sum(shares) / len(shares):.0%}, {max(shares):.0%}"


def _times(times_us: list[float]) -> str:
    ordered = sorted(times_us) or [0.0]
    p50, p99 = (ordered[int(len(ordered) * part)] / 1000 for part in (0.5, 0.99))
    return f"{p50:.2f} ms, {p99:.2f} ms"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/scaling", description=__doc__)
    parser.add_argument("--connections", type=int, default=1_000_000, help="[1,000,000]")
    parser.add_argument("--members", type=int, default=5, help="of a room [5]")
    parser.add_argument("--per-minute", type=float, default=1, help="messages of a member [1]")
    parser.add_argument("--payload", type=int, default=1_000, help="bytes of a message [1,000]")
    parser.add_argument("--history", type=int, default=20, help="messages kept of a room [20]")
    parser.add_argument("--nodes", type=int, default=40, help="processes [40]")
    parser.add_argument("--redis", type=int, default=3, help="servers of Redis [3]")
    parser.add_argument("--seconds", type=float, default=3, help="that pass [3]")
    parser.add_argument("--seed", type=int, default=1)
    for one in fields(Costs):
        name = "--" + one.name.replace("_", "-")
        parser.add_argument(name, type=float, default=one.default, help=f"[{one.default}]")
    return parser


if __name__ == "__main__":
    sys.exit(main())
