"""The timer wheel: everything once, never late by more than a turn, nothing that was dropped."""

import asyncio
import random
from typing import cast

import pytest

from server.transports.wheel import Wheel
from tests.clocks import JumpingLoop, run_in_no_time

TURN_S = 0.25


class Item:
    """Notes when it was due."""

    def __init__(self, wheel: Wheel) -> None:
        self.turn: int | None = None
        self.wheel = wheel
        self.rings_s: list[float] = []

    def on_time(self) -> None:
        self.rings_s.append(now_s())


class Metronome(Item):
    """Sets itself again."""

    def on_time(self) -> None:
        super().on_time()
        self.wheel.set(self, 1.0)


def now_s() -> float:
    return asyncio.get_running_loop().time()


def test_each_item_is_due_once_and_at_most_one_turn_early() -> None:
    async def scene() -> None:
        wheel, started_s = Wheel(TURN_S), now_s()
        chance = random.Random(1)
        delays_s = [chance.uniform(TURN_S, 60) for _ in range(500)]
        items = [Item(wheel) for _ in delays_s]
        for item, delay_s in zip(items, delays_s, strict=True):
            wheel.set(item, delay_s)

        await asyncio.sleep(100)

        for item, delay_s in zip(items, delays_s, strict=True):
            (rang_s,) = item.rings_s
            assert started_s + delay_s - TURN_S - 1e-6 <= rang_s <= started_s + delay_s + 1e-6

    run_in_no_time(scene())


def test_an_item_that_is_set_again_is_due_at_the_later_time_only() -> None:
    async def scene() -> None:
        wheel, started_s = Wheel(TURN_S), now_s()
        item = Item(wheel)
        wheel.set(item, 1)
        await asyncio.sleep(0.5)
        wheel.set(item, 5)

        await asyncio.sleep(20)

        assert item.rings_s == [pytest.approx(started_s + 5.5, abs=TURN_S)]

    run_in_no_time(scene())


def test_the_time_in_which_the_process_stood_still_counts_for_nobody() -> None:
    async def scene() -> None:
        wheel, started_s = Wheel(TURN_S), now_s()
        loop = cast(JumpingLoop, asyncio.get_running_loop())
        before, after = Item(wheel), Item(wheel)
        wheel.set(before, 20)
        for _ in range(2):
            await asyncio.sleep(5)
            loop.stand_still(60)
        await asyncio.sleep(5)
        wheel.set(after, 20)

        await asyncio.sleep(60)

        assert before.rings_s == [pytest.approx(started_s + 140, abs=2 * TURN_S)]
        assert after.rings_s == [pytest.approx(started_s + 155, abs=2 * TURN_S)]

    run_in_no_time(scene())


def test_a_dropped_item_is_never_due() -> None:
    async def scene() -> None:
        wheel = Wheel(TURN_S)
        dropped, kept = Item(wheel), Item(wheel)
        for item in (dropped, kept):
            wheel.set(item, 1)
        wheel.drop(dropped)
        wheel.drop(dropped)

        await asyncio.sleep(5)

        assert (len(dropped.rings_s), len(kept.rings_s)) == (0, 1)

    run_in_no_time(scene())


def test_what_one_item_causes_may_take_another_of_the_same_turn_off() -> None:
    class Jealous(Item):
        other: Item

        def on_time(self) -> None:
            super().on_time()
            self.wheel.drop(self.other)

    async def scene() -> None:
        wheel = Wheel(TURN_S)
        one, two = Jealous(wheel), Jealous(wheel)
        one.other, two.other = two, one
        wheel.set(one, 1)
        wheel.set(two, 1)

        await asyncio.sleep(5)

        assert len(one.rings_s) + len(two.rings_s) == 1

    run_in_no_time(scene())


def test_an_item_may_set_itself_again_for_ever_without_drifting_by_more_than_a_turn_each() -> None:
    async def scene() -> None:
        wheel = Wheel(TURN_S)
        metronome = Metronome(wheel)
        wheel.set(metronome, 1)

        await asyncio.sleep(100)

        gaps_s = [b - a for a, b in zip(metronome.rings_s, metronome.rings_s[1:], strict=False)]
        assert len(gaps_s) >= 98
        assert all(1 - TURN_S <= gap_s <= 1 for gap_s in gaps_s)

    run_in_no_time(scene())


def test_a_wheel_that_stood_still_goes_on_from_now() -> None:
    async def scene() -> None:
        wheel = Wheel(TURN_S)
        first, second = Item(wheel), Item(wheel)
        wheel.set(first, 1)
        await asyncio.sleep(1_000)
        started_s = now_s()
        wheel.set(second, 1)

        await asyncio.sleep(10)

        assert len(first.rings_s) == 1
        assert second.rings_s == [pytest.approx(started_s + 1, abs=TURN_S)]

    run_in_no_time(scene())


def test_an_item_without_delay_is_due_in_the_next_turn_and_not_at_once() -> None:
    async def scene() -> None:
        wheel, started_s = Wheel(TURN_S), now_s()
        item = Item(wheel)

        wheel.set(item, 0)
        assert item.rings_s == []
        await asyncio.sleep(1)

        assert item.rings_s == [pytest.approx(started_s, abs=TURN_S)]

    run_in_no_time(scene())


def test_a_wheel_that_is_stopped_calls_nobody() -> None:
    async def scene() -> None:
        wheel = Wheel(TURN_S)
        item = Item(wheel)
        wheel.set(item, 1)
        wheel.stop()

        await asyncio.sleep(5)

        assert item.rings_s == []

    run_in_no_time(scene())


def test_an_item_that_fails_does_not_keep_the_others_from_their_time() -> None:
    class Broken(Item):
        def on_time(self) -> None:
            raise ValueError("broken")

    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        wheel = Wheel(TURN_S)
        items = [Item(wheel) for _ in range(20)]
        for delay_s, item in enumerate([Broken(wheel), *items], start=1):
            wheel.set(item, delay_s)

        await asyncio.sleep(50)

        assert all(item.rings_s for item in items)

    run_in_no_time(scene())
