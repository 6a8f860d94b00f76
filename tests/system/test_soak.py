"""`scripts/soak`, a hundredth of it, and that its checker finds what is wrong."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.talk.checker import COMING_OR_GOING, Ledger, Record

ROOT = Path(__file__).parents[2]
SOAK = (sys.executable, "-m", "scripts.soak_parts")

JOINED = Record(COMING_OR_GOING)
SAID = [(seq, Record("alice", seq - 2)) for seq in range(3, 9)]
"""What Alice says after she and Bob have joined, and its places: numbers 1 to 6 at 3 to 8."""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SOAK, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )


# --- the real thing ---


def test_ten_thousand_deliveries_are_in_order_and_none_is_lost_or_doubled() -> None:
    done = run("--deliveries", "10000")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert re.search(r"^ *1\d{4} deliveries checked", done.stdout, re.MULTILINE)
    for what in ("upgrades", "lines dropped", "left", "came back with a member token"):
        assert re.search(rf"^ *[1-9]\d* {what}", done.stdout, re.MULTILINE), what


def test_a_soak_that_takes_too_long_fails() -> None:
    done = run("--deliveries", "100000000", "--limit-s", "0.5")

    assert done.returncode == 1
    assert "FAULT not done within 0.5 s" in done.stdout


# --- the checker ---


class Room:
    """Alice, who says six things, and Bob, who hears what a test has him hear."""

    def __init__(self) -> None:
        self.ledger = Ledger("room")
        self.alice = self.ledger.witness("alice")
        self.bob = self.ledger.witness("bob")
        self.alice.join(1, [], is_new=True)
        self.bob.join(2, [], is_new=True)
        self.alice.hear(2, JOINED)
        for seq, record in SAID:
            self.alice.hear(seq, record)
            self.ledger.sent("alice", record.number)

    @property
    def faults(self) -> list[str]:
        self.ledger.close()
        return self.ledger.faults


@pytest.fixture
def room() -> Room:
    return Room()


def test_there_is_no_fault_if_all_is_heard_once_in_order(room: Room) -> None:
    for seq, record in SAID:
        room.bob.hear(seq, record)

    assert room.faults == []
    assert room.ledger.deliveries == len(SAID)


@pytest.mark.parametrize("missing", range(len(SAID)))
def test_a_missing_delivery_is_found(room: Room, missing: int) -> None:
    for seq, record in SAID[:missing] + SAID[missing + 1 :]:
        room.bob.hear(seq, record)

    (fault,) = room.faults
    assert f"bob did not get seq {missing + 3} live: lost" in fault


@pytest.mark.parametrize("doubled", range(len(SAID)))
def test_a_doubled_delivery_is_found(room: Room, doubled: int) -> None:
    for seq, record in [*SAID[: doubled + 1], *SAID[doubled:]]:
        room.bob.hear(seq, record)

    assert f"bob got seq {doubled + 3} twice: doubled" in room.faults[0]


@pytest.mark.parametrize("swapped", range(len(SAID) - 1))
def test_two_swapped_deliveries_are_found(room: Room, swapped: int) -> None:
    order = SAID.copy()
    order[swapped], order[swapped + 1] = order[swapped + 1], order[swapped]
    for seq, record in order:
        room.bob.hear(seq, record)

    assert f"bob got seq {swapped + 3} after {swapped + 4}: disordered" in room.faults[0]


def test_what_is_missing_from_the_history_is_found(room: Room) -> None:
    room.bob.hear(*SAID[0])
    room.bob.join(8, [SAID[1], *SAID[3:]], is_new=False)

    (fault,) = room.faults
    assert "bob did not get seq 5 from the history: lost" in fault


def test_what_the_history_repeats_is_found(room: Room) -> None:
    room.bob.hear(*SAID[0])
    room.bob.join(8, SAID, is_new=False)

    assert "bob got seq 3 twice: doubled" in room.faults[0]


def test_a_place_in_the_sequence_that_nobody_has_is_found(room: Room) -> None:
    for seq, record in SAID:
        room.bob.hear(seq, record)
    for witness in (room.alice, room.bob):
        witness.hear(10, Record("bob", 1))
    room.ledger.sent("bob", 1)

    (fault,) = room.faults
    assert "1 places of the sequence that nobody heard of, from 9" in fault


def test_a_message_that_was_answered_and_is_nowhere_is_found(room: Room) -> None:
    for seq, record in SAID:
        room.bob.hear(seq, record)
    room.ledger.sent("bob", 1)

    (fault,) = room.faults
    assert "bob sent 1 to 1, and the sequence has only 0" in fault


def test_a_message_that_stands_at_two_places_is_found(room: Room) -> None:
    for witness in (room.alice, room.bob):
        witness.hear(9, Record("alice", 6))

    assert any("alice sent 1 to 6, and the sequence has 6 where 7" in one for one in room.faults)


def test_somebody_else_hearing_what_was_for_one_is_found(room: Room) -> None:
    for seq, record in SAID:
        room.bob.hear(seq, record)
    room.bob.hear(9, Record("alice", 7, recipient="carol"))

    assert "bob got what is not for it" in room.faults[0]


def test_not_hearing_what_was_for_another_is_no_fault(room: Room) -> None:
    for seq, record in SAID:
        room.bob.hear(seq, record)
    room.alice.hear(9, Record("alice", 7, recipient="carol"))
    room.ledger.sent("alice", 7)
    room.alice.hear(10, JOINED)
    room.bob.hear(10, JOINED)

    assert room.faults == []
