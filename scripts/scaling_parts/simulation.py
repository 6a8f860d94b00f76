"""Events in order of time: a message at its sender's node, at Redis, at the others' nodes."""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from scripts.scaling_parts.costs import Costs, Demand, Supply


class Queue:
    """Something that does one thing at a time.

    Attributes:
        busy_us: What it has done in all.
    """

    __slots__ = ("busy_us", "free_at_us")

    def __init__(self) -> None:
        self.free_at_us = 0.0
        self.busy_us = 0.0

    def work(self, at_us: float, cost_us: float) -> float:
        """Do what comes at that time; returns when it is done."""
        self.free_at_us = max(at_us, self.free_at_us) + cost_us
        self.busy_us += cost_us
        return self.free_at_us


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        answers_us, deliveries_us: From sending to the answer, and to each other member.
        node_shares, redis_shares: How much of the time each was busy; beyond 1 it falls behind.
        hearings: Nodes that a message went to.
    """

    seconds: float
    messages: int = 0
    answers_us: list[float] = field(default_factory=list)
    deliveries_us: list[float] = field(default_factory=list)
    node_shares: list[float] = field(default_factory=list)
    redis_shares: list[float] = field(default_factory=list)
    hearings: int = 0


def simulate(
    costs: Costs, demand: Demand, supply: Supply, seconds: float, chance: random.Random
) -> Outcome:
    """Let so much time pass."""
    nodes = [Queue() for _ in range(supply.nodes)]
    servers = [Queue() for _ in range(supply.redis)]
    outcome = Outcome(seconds)
    # Of a million rooms most say nothing within seconds: a room is drawn when it first speaks.
    rooms: dict[int, list[int]] = {}
    # (when, number, step): what is done earlier may set off what is done later only.
    steps: list[tuple[float, int, Iterator[float]]] = []
    numbers = itertools.count()

    def message(sent_us: float) -> Iterator[float]:
        number = chance.randrange(demand.rooms)
        members = rooms.setdefault(
            number, [chance.randrange(supply.nodes) for _ in range(demand.room_members)]
        )
        sender = chance.choice(members)
        yield nodes[sender].work(sent_us, costs.accept_us / 2) + costs.hop_us
        by_node = Counter(members)
        server = servers[number % supply.redis]
        told = server.work(now, costs.append_us + costs.publish_us * len(by_node))
        yield told + costs.hop_us
        outcome.answers_us.append(nodes[sender].work(now, costs.accept_us / 2) - sent_us)
        outcome.messages += 1
        outcome.hearings += len(by_node)
        for node, here in by_node.items():
            listeners = here - (node == sender)
            cost_us = costs.hear_us + costs.deliver_us * listeners
            done_us = nodes[node].work(now, cost_us)
            outcome.deliveries_us.extend([done_us - sent_us] * listeners)

    for sent_us in _arrivals(demand.messages_per_s, seconds, chance):
        heapq.heappush(steps, (sent_us, next(numbers), message(sent_us)))
    while steps:
        now, _, step = heapq.heappop(steps)
        try:
            heapq.heappush(steps, (next(step), next(numbers), step))
        except StopIteration:
            continue
    whole_us = seconds * 1e6
    outcome.node_shares = [one.busy_us / whole_us for one in nodes]
    outcome.redis_shares = [one.busy_us / whole_us for one in servers]
    return outcome


def _arrivals(per_s: float, seconds: float, chance: random.Random) -> Iterator[float]:
    """Times in µs, by chance, as people speak who do not know of each other."""
    at_us = 0.0
    while (at_us := at_us + chance.expovariate(per_s) * 1e6) < seconds * 1e6:
        yield at_us
