"""scripts/verify-report judges what reporters send, and believes none of it unseen."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.demo_parts.strangers.verdict import Judged, verdict
from tests.web.protocol.people import ANN, BOB
from tests.web.protocol.strangers.good import GROUP, card, evidence, said_by_ann, user_id

ROOT = Path(__file__).parents[2]


@pytest.fixture
def report():
    """Ann has said two things, and somebody has reported her."""
    shown = evidence(*said_by_ann("hello", "something \x1b[2J bad"))
    report = {"id": "r1", "groupId": GROUP, "userId": user_id(ANN), "evidence": shown}
    return report | {"login": "Ann", "publicKey": card(ANN)}


def verify(told, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "scripts.demo_parts.strangers.verdict", *arguments],
        check=False,
        capture_output=True,
        cwd=ROOT,
        input=told if isinstance(told, str) else json.dumps(told),
        text=True,
    )


def test_a_good_report_is_shown_line_by_line_without_control_characters(report):
    judged = verify({"success": True, "reports": [report], "next": None})

    assert judged.returncode == 0, judged.stderr
    assert "#7 2026-09-21 14:13:20+00:00 hello" in judged.stdout
    assert "something  [2J bad" in judged.stdout
    assert judged.stdout.endswith("had for that user\n")


def test_the_relays_own_public_key_decides_whose_words_they_are(report):
    noted = report | {"publicKey": card(BOB)}
    assert verify(noted, "--public-key", card(ANN)).returncode == 0
    other = verify(noted)

    assert other.returncode == 1
    assert "another card" in other.stdout


@pytest.mark.parametrize("noted", [{}, {"publicKey": None}])
def test_what_could_be_the_reporters_own_making_does_not_hold(report, noted):
    del report["publicKey"]
    judged = verify(report | noted)

    assert judged.returncode == 3
    assert "NOT COMPARED" in judged.stdout
    assert "HOLDS" not in judged.stdout
    both = [report, report | {"evidence": None}]
    assert verify({"reports": both}).returncode == 1


def test_what_is_left_out_between_is_told(report):
    one, _, three = said_by_ann("one", "two", "three")
    judged, lines = verdict(report | {"evidence": evidence(one, three)})

    assert judged is Judged.HOLDS
    assert "not shown" in lines[2]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"userId": user_id(BOB)}, "another user's card"),
        ({"groupId": "another"}, "no evidence of that group"),
        ({"evidence": None}, "only the reporter's word"),
        ({"evidence": "she was rude"}, "no evidence"),
        ({"evidence": evidence()}, "it shows no message"),
    ],
)
def test_a_report_that_does_not_hold_says_why(report, changes, said):
    judged = verify(report | changes)

    assert judged.returncode == 1
    assert said in judged.stdout


def test_one_bad_report_among_good_ones_is_found(report):
    edited = json.loads(json.dumps(report))
    edited["evidence"]["messages"][0]["key"] = report["evidence"]["messages"][1]["key"]

    judged = verify({"reports": [report, edited]})
    assert judged.returncode == 1
    assert judged.stdout.count("HOLDS:") == 1
    assert "DOES NOT HOLD" in judged.stdout


@pytest.mark.parametrize("told", ["", "[]", "{}", "5", '[{"userId": 5}, 5]', "[" * 100_000])
def test_a_file_that_is_no_report_is_told_apart(told):
    judged = verify(told)

    assert judged.returncode == 2
    assert "no report" in judged.stderr
