"""scripts/scaling: a simulation that agrees with sums that can be done by hand."""

import random

import pytest

from scripts.scaling_parts.__main__ import main
from scripts.scaling_parts.costs import Costs, Demand, Supply
from scripts.scaling_parts.simulation import Outcome, simulate


def outcome(supply: Supply, *, per_minute: float = 6, members: int = 4) -> Outcome:
    demand = Demand(
        connections=2_000,
        room_members=members,
        per_minute=per_minute,
        payload_bytes=100,
        history_messages=1,
    )
    return simulate(Costs(), demand, supply, 10, random.Random(7))


def test_a_message_that_meets_nobody_takes_the_sum_of_its_steps() -> None:
    costs = Costs()
    idle = outcome(Supply(nodes=1, redis=1), per_minute=0.05)

    there_and_back_us = costs.accept_us + 2 * costs.hop_us + costs.append_us + costs.publish_us

    assert min(idle.answers_us) == pytest.approx(there_and_back_us)


def test_how_busy_everything_is_follows_from_the_messages() -> None:
    costs = Costs()
    one = outcome(Supply(nodes=1, redis=1))

    node_us = costs.accept_us + costs.hear_us + 3 * costs.deliver_us
    assert one.node_shares == [pytest.approx(one.messages * node_us / 1e7)]
    assert one.redis_shares == [
        pytest.approx(one.messages * (costs.append_us + costs.publish_us) / 1e7)
    ]


def test_every_member_but_the_sender_gets_every_message() -> None:
    spread = outcome(Supply(nodes=20, redis=2))

    assert len(spread.deliveries_us) == 3 * spread.messages


def test_a_room_is_heard_at_as_many_nodes_as_it_has_members_at_most() -> None:
    spread = outcome(Supply(nodes=1_000, redis=1))

    assert 3.9 * spread.messages < spread.hearings <= 4 * spread.messages


def test_what_is_asked_for_too_much_falls_behind() -> None:
    overloaded = outcome(Supply(nodes=1, redis=1), per_minute=200)

    assert overloaded.node_shares[0] > 1
    assert max(overloaded.answers_us) > 1e6


def test_it_tells_of_a_million_connections(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seconds", "0.2"]) == 0

    assert "1,000,000, 200,000 of 5" in capsys.readouterr().out
