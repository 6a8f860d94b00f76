"""`scripts/crowd channel` with few people, and that its model finds what is wrong."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.crowd_parts.channel.figures import Delays
from scripts.crowd_parts.channel.model import MOST_COUNTED, Model, Said
from tests.postgres_servers import new_database

ROOT = Path(__file__).parents[2]
CROWD = (sys.executable, "-m", "scripts.crowd_parts", "channel")
FEW = ("--people", "30", "--rate", "60", "--seconds", "2")


@pytest.mark.parametrize(("engine", "content"), [("postgres", "opaque"), ("two workers", "sealed")])
def test_everybody_hears_all_and_every_unread_count_is_exact(engine: str, content: str) -> None:
    """On both engines, since workers share a file of SQLite, in one process and in several.

    Contents are sealed and opened above the stores, so either is enough on each.
    """
    arguments = [*FEW, *(["--opaque"] if content == "opaque" else [])]
    if engine == "postgres":
        arguments += ["--database-url", new_database()]
    if engine == "two workers":
        arguments += ["--workers", "2"]
    done = subprocess.run(
        [*CROWD, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for what in (
        "3,480 heard message:new",
        "120 send_message: ok",
        "60 unread counts compared",
        r"[1-9]\d* mark_as_read: ok",
        r"[1-9]\d* heard message:read",
        r"[1-9]\d* heard typing:start",
        r"0 faults",
    ):
        assert re.search(rf"^ *{what}", done.stdout, re.MULTILINE), (what, done.stdout)


@pytest.fixture
def model() -> Model:
    """Alice has said three things, and Bob one."""
    one = Model()
    for seq, author in enumerate(("alice", "alice", "bob", "alice"), 1):
        one.say(Said(seq, f"m-{seq}", seq, author))
    return one


def test_what_others_said_behind_where_one_stands_is_unread(model: Model) -> None:
    bob = model.witness("bob")
    assert model.unread(bob) == 3

    model.read(bob, 2)
    model.read(bob, 1)
    assert model.unread(bob) == 1

    model.delete(4)
    assert model.unread(bob) == 0


def test_no_more_are_counted_than_the_server_counts(model: Model) -> None:
    for seq in range(5, MOST_COUNTED + 10):
        model.say(Said(seq, f"m-{seq}", seq, "alice"))

    assert model.unread(model.witness("bob")) == MOST_COUNTED


def test_an_unread_count_that_is_off_by_one_is_found(model: Model) -> None:
    model.expect_unread(model.witness("bob"), 3)
    assert model.faults == []

    model.expect_unread(model.witness("bob"), 2)
    assert model.faults == ["bob has 3 unread, and is told 2"]


def test_what_was_not_heard_and_what_nobody_said_is_found(model: Model) -> None:
    bob, alice = model.witness("bob"), model.witness("alice")
    for seq in (1, 4):
        model.hear(bob, seq, "alice")
    for seq in (3, 5):
        model.hear(alice, seq, "bob")
    model.close()

    assert model.faults == [
        "bob was not told of: 1 messages, the first [2]",
        "alice was told of what nobody said: 1 messages, the first [5]",
    ]


def test_what_is_heard_twice_in_disorder_or_of_oneself_is_found(model: Model) -> None:
    bob = model.witness("bob")
    for seq, author in ((2, "alice"), (2, "alice"), (1, "alice"), (3, "bob")):
        model.hear(bob, seq, author)

    assert len(model.faults) == 3


def test_two_messages_at_one_place_and_a_gap_are_found(model: Model) -> None:
    model.say(Said(9, "m-9", 4, "bob"))
    model.say(Said(10, "m-10", 6, "bob"))
    model.close()

    assert "two messages stand at 4" in model.faults
    assert "the sequences of the channel have gaps" in model.faults


def test_delays_are_told_by_rank() -> None:
    delays = Delays()
    assert delays.shown() == "none"
    for number in range(100, 0, -1):
        delays.note(number / 1000)

    assert delays.shown() == "p50 50.0 ms, p99 99.0 ms, most 100.0 ms of 100"
