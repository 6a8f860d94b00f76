"""The verdict on queues of a server that has crashed finds whatever is wrong."""

import pytest

from tests.crashes.queue_ledger import Hearing, QueueLedger


@pytest.fixture
def ledger() -> QueueLedger:
    """Of four events of two senders for the one device of Alice, all of which were answered."""
    made = QueueLedger()
    made.begin("alice", "phone")
    for sender in (0, 1, 0, 1):
        made.answer(made.post(sender, ("alice",)), ())
    return made


@pytest.fixture
def phone(ledger: QueueLedger) -> Hearing:
    return ledger.hearings["phone"]


def hear(ledger: QueueLedger, *numbers: int, first: int = 1) -> None:
    for seq, number in enumerate(numbers, first):
        ledger.hear(ledger.hearings["phone"], seq, f"event-{number}")


def test_what_has_come_as_it_was_sent_has_no_fault(ledger: QueueLedger) -> None:
    hear(ledger, 0, 1, 2, 3)
    ledger.judge()
    assert (ledger.faults, list(ledger.missing())) == ([], [])


def test_senders_are_not_in_order_among_each_other(ledger: QueueLedger) -> None:
    hear(ledger, 1, 0, 3, 2)
    ledger.judge()
    assert ledger.faults == []


def test_what_was_not_acknowledged_may_come_again_on_another_connection(
    ledger: QueueLedger, phone: Hearing
) -> None:
    hear(ledger, 0, 1)
    phone.acknowledge(1)
    phone.connect()
    hear(ledger, 1, 2, 3, first=2)
    ledger.judge()
    assert (ledger.faults, list(ledger.missing())) == ([], [])
    assert ledger.done["events heard again, not acknowledged before"] == 1


def test_an_acknowledgement_without_an_answer_may_be_lost(
    ledger: QueueLedger, phone: Hearing
) -> None:
    hear(ledger, 0)
    phone.acknowledge(1)
    phone.connect()
    hear(ledger, 0, 1)
    assert ledger.faults == []


def test_an_acknowledgement_may_be_heard_after_its_event_has_come_again(
    ledger: QueueLedger, phone: Hearing
) -> None:
    hear(ledger, 0)
    phone.acknowledge(1)
    for events, first in (((0,), 1), ((1,), 2)):  # between them, it was heard
        phone.connect()
        hear(ledger, *events, first=first)
    assert ledger.faults == []


def test_what_was_not_answered_may_be_there_or_not(ledger: QueueLedger) -> None:
    ledger.post(0, ("alice",))
    assert list(ledger.missing()) == [
        f"phone has never heard event {one}: lost" for one in range(4)
    ]
    hear(ledger, 0, 1, 2, 3, 4)
    ledger.judge()
    assert (ledger.faults, list(ledger.missing())) == ([], [])


def test_what_is_refused_for_somebody_is_not_missed_there(ledger: QueueLedger) -> None:
    ledger.answer(ledger.post(0, ("alice", "bob")), ("alice",))
    hear(ledger, 0, 1, 2, 3)
    assert list(ledger.missing()) == []


def test_what_was_answered_and_never_heard_is_lost(ledger: QueueLedger) -> None:
    hear(ledger, 0, 1, 2)
    assert list(ledger.missing()) == ["phone has never heard event 3: lost"]


@pytest.mark.parametrize(
    ("numbers", "fault"),
    [
        ((0, 1, 2, 3, 3), "phone has event 3 at 2 places: doubled"),
        ((2, 1, 0, 3), "phone heard event 0 of 0 after a later one: disordered"),
    ],
)
def test_what_is_wrong_in_the_end_is_found(
    ledger: QueueLedger, numbers: tuple[int, ...], fault: str
) -> None:
    hear(ledger, *numbers)
    ledger.judge()
    assert ledger.faults == [fault]


def test_what_is_for_others_is_found(ledger: QueueLedger) -> None:
    ledger.post(0, ("bob",))
    hear(ledger, 0, 1, 2, 3, 4)
    ledger.judge()
    assert ledger.faults == ["phone heard event 4, which was not for it"]


def test_a_sequence_that_is_left_out_is_found(ledger: QueueLedger) -> None:
    hear(ledger, 0)
    hear(ledger, 2, first=3)
    assert ledger.faults == ["phone heard 3 after 1: lost"]


def test_a_sequence_that_comes_twice_on_a_connection_is_found(ledger: QueueLedger) -> None:
    hear(ledger, 0, 1)
    hear(ledger, 1, first=2)
    assert ledger.faults == ["phone heard 2 after 2 on one connection: disordered"]


def test_what_was_not_acknowledged_and_is_passed_over_is_found(
    ledger: QueueLedger, phone: Hearing
) -> None:
    hear(ledger, 0, 1)
    phone.connect()
    hear(ledger, 1, first=2)
    assert ledger.faults == ["phone heard 2, and something before it was not acknowledged: lost"]


def test_what_comes_again_after_the_answer_to_its_acknowledgement_is_found(
    ledger: QueueLedger, phone: Hearing
) -> None:
    hear(ledger, 0)
    phone.acknowledge(1)
    phone.let_go(1)
    phone.connect()
    hear(ledger, 0)
    assert ledger.faults == ["phone heard 1, of which it had been told that it is gone: doubled"]


def test_another_event_at_the_same_place_is_found(ledger: QueueLedger, phone: Hearing) -> None:
    hear(ledger, 0)
    phone.connect()
    hear(ledger, 1)
    assert ledger.faults == ["phone heard 1, which had been another event"]
