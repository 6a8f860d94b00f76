"""Which combinations of their places tests are run with, shown by tests that there are not."""

import itertools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tests.crossings import repeated

TEST = "tests/apis/test_talk.py::test_all_is_heard"


def crossed(name: str = TEST, **values: Sequence[Any]) -> list[Any]:
    """The test with all combinations of these."""
    items = []
    for numbers in itertools.product(*(range(len(some)) for some in values.values())):
        indices = dict(zip(values, numbers, strict=True))
        params = {one: values[one][number] for one, number in indices.items()}
        callspec = SimpleNamespace(indices=indices, params=params)
        nodeid = f"{name}[{'-'.join(map(str, params.values()))}]"
        items.append(SimpleNamespace(nodeid=nodeid, callspec=callspec))
    return items


def wanted(items: list[Any]) -> list[list[str]]:
    """The values with which these are run."""
    gone = repeated(items)
    return [[*map(str, one.callspec.params.values())] for one in items if one not in gone]


INSTALLATIONS = ["memory", "three"]
TRANSPORTS = ["websocket", "polling"]


def test_all_values_are_run_at_home_and_one_at_each_other_place():
    items = crossed(words=["a", "b", "c"], installation=INSTALLATIONS, transport=TRANSPORTS)

    ran = wanted(items)

    assert [[one, "memory", "websocket"] in ran for one in "abc"] == [True, True, True]
    away = [one for one in ran if one[1:] != ["memory", "websocket"]]
    assert [place for _, place, _ in away].count("three") == 1
    assert [transport for *_, transport in away].count("polling") == 1
    assert len(away) in (1, 2)  # three nodes and polling may come together


def test_what_is_run_away_from_home_differs_from_test_to_test():
    words = ["a", "b", "c"]
    tests = [
        crossed(f"{TEST}_{number}", words=words, installation=INSTALLATIONS, transport=TRANSPORTS)
        for number in range(50)
    ]

    ran = wanted([*itertools.chain(*tests)])

    assert {tuple(one) for one in ran if one[1] == "three"} == {
        (word, "three", transport) for word in words for transport in TRANSPORTS
    }


def test_another_transport_is_tried_where_it_costs_least():
    tests = [
        crossed(f"{TEST}_{number}", installation=INSTALLATIONS, transport=TRANSPORTS)
        for number in range(50)
    ]

    for one in tests:
        threes = [transport for place, transport in wanted(one) if place == "three"]
        assert len(threes) == 1


def test_one_node_on_redis_is_left_out_only_where_three_are_tried():
    assert wanted(crossed(installation=["memory", "redis", "three"])) == [["memory"], ["three"]]
    assert wanted(crossed(installation=["memory", "redis"])) == [["memory"], ["redis"]]
    assert wanted(crossed(site=["redis", "two nodes"])) == [["redis"], ["two nodes"]]


def test_what_one_client_saw_is_asked_by_all_tests_of_a_file():
    officials = ["v4", "v3", "v2"]
    tests = [
        crossed(f"{TEST}_{number}", installation=INSTALLATIONS, official=officials)
        for number in range(20)
    ]

    ran = wanted([*itertools.chain(*tests)])

    plays = {tuple(one) for one in ran}
    assert {client for _, client in plays} == set(officials)
    assert len(plays) <= 1 + 2 + 1
    assert len([play for play in plays if play[0] == "three"]) == 1


@pytest.mark.parametrize("place", ["tests/conformance/", "tests/transports/"])
def test_where_transports_are_tested_each_has_all_values(place):
    name = f"{place}test_it.py::test_it"

    assert not repeated(crossed(name, words=["a", "b"], transport=TRANSPORTS))


def test_what_is_asked_for_by_its_id_alone_is_run():
    for one in crossed(words=["a", "b"], installation=["memory", "redis", "three"]):
        assert not repeated([one])


def test_what_has_no_places_is_always_run():
    assert not repeated(crossed(words=["a", "b"], engine=["sqlite", "postgres"]))
    without: Any = SimpleNamespace(nodeid=TEST)
    assert not repeated([without])
