"""`scripts/crowd` with few people, and that its checker finds what is wrong."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from scripts.crowd_parts.checker import Checker, Witness

ROOT = Path(__file__).parents[2]
CROWD = (sys.executable, "-m", "scripts.crowd_parts")


def group(*members: str, **more: Any) -> dict[str, Any]:
    shown = [{"userId": member} for member in members]
    return {"id": "g", "epoch": 1, "seq": 1, "maxMembers": 3, "members": shown, **more}


def arrived(checker: Checker, *members: str) -> Witness:
    """The first of them, in a group with the others."""
    witness = checker.witness(members[0])
    checker.enter(witness, group(*members), frozenset())
    return witness


def test_people_do_what_they_like_and_every_promise_holds() -> None:
    arguments = ("--people", "60", "--seconds", "4", "--pause-s", "0.1")
    done = subprocess.run(
        [*CROWD, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for what in (
        "block_member: ok",
        "did crash",
        "next_group: ok",
        "leave_group: ok",
        "report_member: ok",
    ):
        assert re.search(rf"^ *[1-9]\d* {what}", done.stdout, re.MULTILINE), what


def test_a_gap_is_found() -> None:
    checker = Checker()
    alice = arrived(checker, "alice")
    checker.hear(alice, "user_joined", {"groupId": "g", "userId": "bob", "seq": 3})

    assert checker.faults == ["user_joined came as 3 after 1"]


def test_two_things_at_one_place_are_found() -> None:
    checker = Checker()
    for name, message in (("alice", "m-1"), ("bob", "m-2")):
        witness = checker.witness(name)
        checker.enter(witness, group("alice", "bob"), frozenset())
        checker.hear(witness, "new_message", {"groupId": "g", "id": message, "seq": 2})

    assert checker.faults == ["two things stand at 2 of a group"]


def test_an_epoch_that_goes_back_is_found() -> None:
    checker = Checker()
    alice = arrived(checker, "alice")
    rotation = {"groupId": "g", "epoch": 1, "members": [{"userId": "alice"}]}
    checker.hear(alice, "key_rotation_needed", rotation)

    assert checker.faults == ["epoch 1 came after 1"]


def test_whoever_is_met_again_too_soon_is_found() -> None:
    checker = Checker()
    checker.witness("bob").shuns.add("alice")
    alice = checker.witness("alice")
    checker.enter(alice, group("alice", "bob"), checker.apart_from("alice"))

    assert len(checker.faults) == 1
    assert "met" in checker.faults[0]


def test_a_group_that_is_too_large_and_a_stranger_in_it_are_found() -> None:
    checker = Checker()
    checker.enter(checker.witness("alice"), group("a", "b", "c", "d"), frozenset())

    assert checker.faults == [
        "4 in a group of 3",
        "somebody is not in the group that it has joined",
    ]


def test_whoever_comes_back_to_a_group_that_has_removed_it_is_found() -> None:
    checker = Checker()
    checker.witness("alice").put_out_of.add("g")
    arrived(checker, "alice")

    assert checker.faults == ["alice is back in the group that has removed it"]


def test_what_is_heard_of_a_group_that_one_has_left_is_found() -> None:
    checker = Checker()
    alice = arrived(checker, "alice", "bob")
    alice.place = None
    checker.hear(alice, "new_message", {"groupId": "g", "id": "m", "seq": 2})

    assert len(checker.faults) == 1


def test_a_member_of_whom_the_server_knows_nothing_is_found() -> None:
    checker = Checker()
    arrived(checker, "alice")
    checker.close({"alice": None})

    assert len(checker.faults) == 1
