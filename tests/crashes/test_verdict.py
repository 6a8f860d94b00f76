"""The verdict on a server that has crashed finds whatever is wrong."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.crashes import verdict
from tests.crashes.ledger import Hearing, Known, Ledger, Place, Said

IDS = ("alice-1", "bob-1", "alice-2", "bob-2")


def shown(seq: int, message_id: str, **changes: Any) -> dict[str, Any]:
    sender = message_id.partition("-")[0]
    return {
        "messageId": message_id,
        "roomId": "tea",
        "seq": seq,
        "senderId": sender,
        "senderDeviceId": f"{sender}-phone",
        "encryptedContent": f"of {message_id}",
        "createdAt": f"00:0{seq}",
        "deleted": False,
        "deliveryStatus": "sent",
        **changes,
    }


@pytest.fixture
def ledger() -> Ledger:
    """Of four messages, all of which were acknowledged."""
    made = Ledger()
    for seq, one in enumerate(IDS, 1):
        sender = one.partition("-")[0]
        said = Said(message_id=one, room_id="tea", sender=sender, content=f"of {one}")
        made.say(said)
        made.acknowledge(said, f"00:0{seq}")
    return made


def room(*ids: str) -> list[dict[str, Any]]:
    return [shown(seq, one) for seq, one in enumerate(ids or IDS, 1)]


def test_a_room_that_is_as_it_was_said_has_no_fault(ledger: Ledger) -> None:
    assert verdict.of_room(ledger, "tea", room()) == []


def test_what_was_not_acknowledged_may_be_there_or_not(ledger: Ledger) -> None:
    ledger.said["bob-2"].created_at = None

    assert verdict.of_room(ledger, "tea", room()) == []
    assert verdict.of_room(ledger, "tea", room()[:-1]) == []


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        (room()[:-1], "bob-2 was acknowledged and is lost"),
        ([*room(), shown(5, "bob-2", createdAt="00:09")], "bob-2 is doubled"),
        ([*room(), shown(5, "carol-1")], "carol-1 was never sent"),
        ([*room()[:3], shown(5, "bob-2", createdAt="00:04")], "tea has gaps"),
        (room("alice-2", "bob-1", "alice-1", "bob-2"), "messages of alice are out of order"),
        ([shown(1, "alice-1", createdAt="00:09"), *room()[1:]], "times step back"),
        ([*room()[:3], shown(4, "bob-2", createdAt="00:05")], "of another time"),
        ([*room()[:3], shown(4, "bob-2", encryptedContent="x")], "says something else"),
        ([*room()[:3], shown(4, "bob-2", senderId="alice")], "somebody else's"),
        ([*room()[:3], shown(4, "bob-2", deleted=True, encryptedContent=None)], "is deleted: True"),
    ],
)
def test_what_is_wrong_with_a_room_is_found(
    ledger: Ledger, messages: Sequence[dict[str, Any]], fault: str
) -> None:
    assert any(fault in one for one in verdict.of_room(ledger, "tea", messages))


def test_a_deletion_that_was_acknowledged_and_came_undone_is_found(ledger: Ledger) -> None:
    ledger.ask_deletion(ledger.said["bob-2"], Known.DONE)
    (fault,) = verdict.of_room(ledger, "tea", room())
    assert "bob-2 is deleted: False" in fault


def test_the_answer_to_a_repeat_that_is_not_that_to_the_first_is_found(ledger: Ledger) -> None:
    ledger.acknowledge(ledger.said["bob-2"], "00:07")
    assert "answered otherwise" in ledger.faults[0]


@pytest.mark.parametrize(
    ("word", "known", "status", "is_wrong"),
    [
        ("delivered", Known.DONE, "sent", True),
        ("delivered", Known.DONE, "delivered", False),
        ("delivered", Known.DONE, "read", True),
        ("read", Known.DONE, "delivered", True),
        ("read", Known.ASKED, "delivered", False),
        ("read", Known.ASKED, "read", False),
        ("read", Known.UNASKED, "read", True),
    ],
)
def test_a_receipt_that_is_lost_or_was_never_given_is_found(
    ledger: Ledger, word: str, known: Known, status: str, is_wrong: bool
) -> None:
    ledger.receipt("alice", "alice-phone", "bob-1", word, known)
    messages = [shown(2, "bob-1", deliveryStatus=status)]
    assert bool(verdict.of_receipts(ledger, "alice", messages)) is is_wrong


@pytest.mark.parametrize(
    ("known", "waiting", "is_wrong"),
    [
        (Known.UNASKED, ["bob-1", "bob-2"], False),
        (Known.UNASKED, ["bob-2"], True),
        (Known.ASKED, ["bob-2"], False),
        (Known.ASKED, ["bob-1", "bob-2"], False),
        (Known.DONE, ["bob-2"], False),
        (Known.DONE, ["bob-1", "bob-2"], True),
        (Known.DONE, ["bob-2", "bob-2"], True),
    ],
)
def test_what_waits_for_no_reason_or_does_not_wait_is_found(
    ledger: Ledger, known: Known, waiting: list[str], is_wrong: bool
) -> None:
    ledger.receipt("alice", "alice-phone", "bob-1", "delivered", known)
    faults = verdict.of_waiting(ledger, "alice-phone", waiting, room())
    assert bool(faults) is is_wrong


def heard(*ids: str) -> Hearing:
    places = {one: Place("tea", seq) for seq, one in enumerate(IDS, 1)}
    return Hearing(ids={places.get(one, Place("tea", 9)): one for one in ids})


def test_what_was_never_heard_is_found(ledger: Ledger) -> None:
    assert verdict.unheard(ledger, "alice-phone", heard("bob-1"), room()) == ["bob-2"]
    assert verdict.unheard(ledger, "alice-phone", heard("bob-1", "bob-2"), room()) == []
    assert verdict.unheard(ledger, "alice-laptop", heard("bob-1", "bob-2"), room()) == [
        "alice-1",
        "alice-2",
    ]


@pytest.mark.parametrize(
    ("ids", "is_wrong"),
    [
        (("bob-1", "bob-2"), False),
        (("bob-2", "alice-1", "alice-2"), False),
        (("bob-2", "bob-1"), True),
        (("bob-1", "nobody-1"), True),
    ],
)
def test_what_was_heard_out_of_order_or_is_not_there_is_found(
    ledger: Ledger, ids: tuple[str, ...], is_wrong: bool
) -> None:
    assert bool(verdict.of_hearing("alice-phone", heard(*ids), room())) is is_wrong


def test_what_comes_twice_on_one_connection_is_found(ledger: Ledger) -> None:
    for connection in (1, 2):
        ledger.hear("alice-phone", connection, Place("tea", 2), "bob-1")
    assert ledger.faults == []
    ledger.hear("alice-phone", 2, Place("tea", 2), "bob-1")
    assert "heard 2 after 2" in ledger.faults[0]


@pytest.mark.parametrize(
    ("stats", "is_wrong"),
    [
        ({"total": 10, "used": 2}, False),
        ({"total": 10, "used": 3}, False),
        ({"total": 10, "used": 1}, True),
        ({"total": 10, "used": 4}, True),
        ({"total": 9, "used": 2}, True),
    ],
)
def test_prekeys_that_are_used_up_or_come_back_for_no_reason_are_found(
    ledger: Ledger, stats: dict[str, int], is_wrong: bool
) -> None:
    ledger.uploaded["bob-phone"] = 10
    ledger.lost_claims["bob-phone"] = 1
    for key_id in (0, 1):
        ledger.claim("bob-phone", key_id)
    assert bool(verdict.of_prekeys(ledger, "bob-phone", stats)) is is_wrong


def test_a_prekey_that_is_handed_out_twice_is_found(ledger: Ledger) -> None:
    ledger.uploaded["bob-phone"] = 10
    for _ in range(2):
        ledger.claim("bob-phone", 0)
    (fault,) = verdict.of_prekeys(ledger, "bob-phone", {"total": 10, "used": 1})
    assert "prekey 0 of bob-phone was handed out 2 times" in fault
