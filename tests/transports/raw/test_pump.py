"""One pump and its queue: in order, once, and no more than its window, whatever comes between."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from server.core.errors import AppError, Code
from server.core.ids import EventId, UserId
from server.core.queued import QueuedEvent
from server.transports.raw import pump as pump_module
from server.transports.raw.pump import LOW_WATER, WINDOW, Pump
from tests.clocks import run_in_no_time
from tests.servers import until


def event(seq: int) -> QueuedEvent:
    return QueuedEvent(
        seq=seq,
        first_seq=seq,
        event_id=EventId(str(seq)),
        sender=UserId("alice"),
        type="MESSAGE",
        group_id=None,
        sent_ms=0,
        metadata=None,
        payload=None,
    )


class Tube:
    """A queue, and a pump that empties it.

    Attributes:
        waiting: Sequences that were not acknowledged.
        told: What the pump has told.
        limits: Of its reads.
        errors: What the store raises next, one after the other.
        gate: Reads are answered, with what was there when they began, while this is set.
        room: The client takes what is told while this is set.
    """

    def __init__(self, count: int = 0) -> None:
        self.newest = count
        self.waiting = set(range(1, count + 1))
        self.told: list[int] = []
        self.limits: list[int] = []
        self.seen = 0
        self.asked = 0
        self.errors: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.room = asyncio.Event()
        self.room.set()
        self.pump = Pump(self._see, self._read, self._ask, self._tell, self._may_tell)

    def put(self, count: int = 1) -> None:
        self.waiting |= set(range(self.newest + 1, self.newest + count + 1))
        self.newest += count

    def acknowledge(self, *seqs: int) -> None:
        """By this connection."""
        self.waiting -= set(seqs)
        for seq in seqs:
            self.pump.settle(EventId(str(seq)))

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)

    async def _see(self) -> None:
        self._fail()
        self.seen += 1

    async def _read(self, after: int, limit: int) -> Sequence[QueuedEvent]:
        self.limits.append(limit)
        found = sorted(seq for seq in self.waiting if seq > after)[:limit]
        await self.gate.wait()
        self._fail()
        return [event(seq) for seq in found]

    async def _ask(self, seqs: Sequence[int]) -> frozenset[int]:
        self.asked += 1
        self._fail()
        return frozenset(self.waiting.intersection(seqs))

    def _tell(self, one: QueuedEvent) -> None:
        self.told.append(one.seq)

    async def _may_tell(self) -> None:
        await self.room.wait()

    async def idle(self) -> None:
        """Wait until all that can be told is told."""
        await until(lambda: self.pump._work is None)

    async def told_so_many(self, count: int) -> None:
        await until(lambda: len(self.told) >= count)
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(self.told) == count


def upto(count: int) -> list[int]:
    return list(range(1, count + 1))


async def test_before_it_resumes_nothing_is_read():
    tube = Tube(1)
    tube.pump.refresh()
    await asyncio.sleep(0)
    assert (tube.told, tube.limits, tube.seen) == ([], [], 0)


async def test_all_that_waits_is_told_once_and_in_order_and_the_device_is_seen_first():
    tube = Tube(5)
    tube.pump.resume()
    await tube.idle()
    tube.pump.refresh()
    await tube.idle()
    assert (tube.told, tube.seen > 0) == (upto(5), True)


async def test_no_more_than_the_window_is_told_and_more_after_half_of_it():
    tube = Tube(WINDOW + 10)
    tube.pump.resume()
    await tube.told_so_many(WINDOW)
    assert max(tube.limits) == WINDOW

    for seq in upto(WINDOW - LOW_WATER - 1):
        tube.acknowledge(seq)
    await tube.told_so_many(WINDOW)
    tube.acknowledge(WINDOW - LOW_WATER)
    await tube.idle()
    assert tube.told == upto(WINDOW + 10)


async def test_each_event_that_was_told_may_be_acknowledged_on_credit_and_no_more():
    tube = Tube(3)
    assert not tube.pump.spend_credit()
    tube.pump.resume()
    await tube.idle()
    assert [tube.pump.spend_credit() for _ in range(4)] == [True, True, True, False]


async def test_a_hint_while_it_reads_has_it_read_once_more():
    tube = Tube()
    tube.gate.clear()
    tube.pump.resume()
    await until(lambda: tube.limits)
    tube.put()
    tube.pump.refresh()
    tube.gate.set()
    await tube.idle()
    assert tube.told == [1]


async def test_who_is_paused_during_a_read_is_told_all_after_it_resumes():
    tube = Tube(3)
    tube.gate.clear()
    tube.pump.resume()
    await until(lambda: tube.limits)
    tube.pump.pause()
    tube.gate.set()
    tube.put()
    tube.pump.refresh()
    await asyncio.sleep(0)
    assert tube.told == []
    tube.pump.resume()
    await tube.idle()
    assert tube.told == upto(4)


async def test_who_is_paused_between_two_events_is_told_the_second_once():
    tube = Tube(3)
    tube.room.clear()
    tube.pump.resume()
    await tube.told_so_many(1)
    tube.pump.pause()
    tube.room.set()
    await asyncio.sleep(0)
    assert tube.told == [1]
    tube.pump.resume()
    await tube.idle()
    assert tube.told == upto(3)


async def test_a_client_that_takes_nothing_is_told_nothing_more():
    tube = Tube(3)
    tube.room.clear()
    tube.pump.resume()
    await tube.told_so_many(1)
    tube.room.set()
    await tube.idle()
    assert tube.told == upto(3)


@pytest.mark.parametrize("error", [AppError(Code.UNAVAILABLE, "away"), RuntimeError("of the test")])
def test_a_store_that_fails_is_asked_until_it_answers(error: Exception):
    async def play() -> None:
        tube = Tube(2)
        tube.errors = [error] * 5  # of seeing, and then of reading
        tube.pump.resume()
        await tube.idle()
        tube.put()
        tube.errors = [error] * 5
        tube.pump.refresh()
        await tube.idle()
        assert tube.told == upto(3)
        assert not tube.errors

    run_in_no_time(play())


def test_a_full_window_is_opened_by_what_another_connection_acknowledges():
    async def play() -> None:
        tube = Tube(WINDOW + 3)
        tube.pump.resume()
        await until(lambda: tube.asked >= 3, limit_s=1_000)
        assert len(tube.told) == WINDOW
        tube.errors = [AppError(Code.UNAVAILABLE, "away")]
        tube.waiting -= {1, 2, 3}
        await until(lambda: len(tube.told) == WINDOW + 3, limit_s=1_000)
        assert tube.told == upto(WINDOW + 3)

    run_in_no_time(play())


def test_a_full_window_is_looked_at_less_and_less_often():
    async def play() -> None:
        tube = Tube(WINDOW)
        tube.pump.resume()
        await tube.told_so_many(WINDOW)
        tube.put()
        await asyncio.sleep(3_600)
        _, longest = pump_module.LOOK_AGAIN_S
        assert 3_600 / longest <= tube.asked <= 3_600 / longest + 10
        tube.pump.pause()

    run_in_no_time(play())


@pytest.mark.parametrize("seed", range(100))
def test_whatever_comes_between_all_is_told_once_and_in_order(seed: int):
    chance = random.Random(seed)

    async def play() -> None:
        tube = Tube(chance.randrange(2 * WINDOW))
        tube.pump.resume()
        for _ in range(200):
            match chance.randrange(7):
                case 0 | 1:
                    tube.put(chance.randrange(1, 9))
                    tube.pump.refresh()
                case 2 if told := sorted(tube.waiting.intersection(tube.told)):
                    tube.acknowledge(*chance.sample(told, chance.randrange(len(told) + 1)))
                case 3 if told := sorted(tube.waiting.intersection(tube.told)):
                    tube.waiting.discard(chance.choice(told))  # by another connection
                case 4:
                    tube.errors = [RuntimeError("of the test")]
                case 5:
                    tube.pump.pause()
                    tube.pump.resume()
                case _:
                    await asyncio.sleep(chance.choice([0, 0, 0.1, 5]))
            assert len(tube.waiting.intersection(tube.told)) <= WINDOW
        for _ in range(50):
            tube.acknowledge(*tube.waiting.intersection(tube.told))
            await asyncio.sleep(100)
        assert tube.told == upto(tube.newest)

    run_in_no_time(play())
