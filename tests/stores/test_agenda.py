"""The memory stores' list of what is due when."""

import random

from server.stores.memory.agenda import Agenda


def due_by(agenda: Agenda[int], now_ms: int) -> set[int]:
    return set(iter(lambda: agenda.take(now_ms), None))


def test_what_is_taken_back_over_and_over_leaves_nothing_behind():
    agenda: Agenda[int] = Agenda()
    for number in range(100_000):
        agenda.put(number, 10)
        agenda.drop(number)

    assert len(agenda._list) <= 1_001
    assert len(agenda._listed_ms) <= 1_001


def test_everybody_is_due_in_time_whatever_was_put_off_or_taken_back():
    chance = random.Random(7)
    agenda: Agenda[int] = Agenda()
    dates: dict[int, int] = {}
    for _ in range(20_000):
        name, date_ms = chance.randrange(300), chance.randrange(1, 1_000)
        if chance.random() < 0.5:
            agenda.put(name, date_ms)
            dates[name] = date_ms
        else:
            agenda.drop(name)
            dates.pop(name, None)

    for now_ms in range(1, 1_000, 100):
        assert due_by(agenda, now_ms) == {
            name for name, date_ms in dates.items() if date_ms <= now_ms
        }
        dates = {name: date_ms for name, date_ms in dates.items() if date_ms > now_ms}
    assert len(agenda) == len(dates)
