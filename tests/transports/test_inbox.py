"""The inbox of one client: in order, each to its end, and nothing while it is held."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.transports.socketio.inbox import Inbox
from tests.servers import until


class Desk:
    """Someone who works off an inbox, and notes what was begun and ended."""

    def __init__(self) -> None:
        self.inbox = Inbox(self._note_fault)
        self.notes: list[str] = []
        self.doors: dict[str, asyncio.Event] = {}

    def put(self, *names: str) -> None:
        """Work that is done at once."""
        for name in names:
            self.inbox.put(self._work, name)

    def put_waiting(self, *names: str) -> None:
        """Work that waits for its door to open."""
        for name in names:
            self.doors[name] = asyncio.Event()
            self.inbox.put(self._work, name)

    async def settle(self) -> None:
        """Wait until all is worked off."""
        async with asyncio.timeout(5):
            await self.inbox.idle()

    def _note_fault(self, error: BaseException) -> None:
        self.notes.append(f"{error}!")

    async def _work(self, name: str) -> None:
        if door := self.doors.get(name):
            self.notes.append(f"{name}…")
            await door.wait()
        self.notes.append(name)


async def test_what_needs_not_wait_is_done_before_put_returns() -> None:
    desk = Desk()

    desk.put("a", "b")

    assert desk.notes == ["a", "b"]
    assert desk.inbox.is_idle


async def test_what_comes_after_work_that_waits_begins_when_that_has_ended() -> None:
    desk = Desk()
    desk.put_waiting("a")
    desk.put("b")
    desk.put_waiting("c")
    desk.put("d")
    assert desk.notes == ["a…"]
    assert not desk.inbox.is_idle

    desk.doors["a"].set()
    await until(lambda: "c…" in desk.notes)
    assert desk.notes == ["a…", "a", "b", "c…"]
    desk.doors["c"].set()
    await desk.settle()

    assert desk.notes == ["a…", "a", "b", "c…", "c", "d"]


async def test_a_fault_is_told_whether_it_comes_at_once_or_later_and_the_next_goes_on() -> None:
    desk = Desk()

    async def fail(name: str) -> None:
        if door := desk.doors.get(name):
            await door.wait()
        raise ValueError(name)

    desk.doors["later"] = asyncio.Event()
    desk.inbox.put(fail, "at once")
    desk.put("a")
    desk.inbox.put(fail, "later")
    desk.put("b")
    assert desk.notes == ["at once!", "a"]

    desk.doors["later"].set()
    await desk.settle()

    assert desk.notes == ["at once!", "a", "later!", "b"]


async def test_what_work_puts_itself_comes_after_it_and_after_what_waits() -> None:
    desk = Desk()

    async def busy() -> None:
        desk.put("inner")
        desk.notes.append("outer")

    desk.inbox.put(busy)
    desk.put("last")

    assert desk.notes == ["outer", "inner", "last"]


async def test_a_thousand_pieces_are_done_in_order_whichever_of_them_wait() -> None:
    desk = Desk()
    done: list[int] = []

    async def work(number: int) -> None:
        for _ in range(number % 3):
            await asyncio.sleep(0)
        done.append(number)

    for number in range(1000):
        desk.inbox.put(work, number)
        if number % 10 == 0:
            await asyncio.sleep(0)
    await desk.settle()

    assert done == list(range(1000))


async def test_nothing_begins_while_it_is_held_and_all_of_it_afterwards() -> None:
    desk = Desk()
    desk.inbox.hold()
    desk.put("a", "b")
    assert desk.notes == []
    assert not desk.inbox.is_idle

    desk.inbox.release()
    assert desk.notes == []  # the caller may be in the middle of something
    desk.put("c")
    await desk.settle()

    assert desk.notes == ["a", "b", "c"]


async def test_work_may_hold_what_comes_after_it() -> None:
    desk = Desk()

    async def hold() -> None:
        desk.inbox.hold()

    desk.put_waiting("a")
    desk.inbox.put(hold)
    desk.put("b", "c")
    desk.doors["a"].set()
    await until(lambda: desk.notes == ["a…", "a"])
    await asyncio.sleep(0)
    assert desk.notes == ["a…", "a"]

    desk.inbox.release()
    await desk.settle()

    assert desk.notes == ["a…", "a", "b", "c"]


async def test_release_lets_nothing_overtake_work_that_still_goes_on() -> None:
    desk = Desk()
    desk.put_waiting("a")
    desk.inbox.hold()
    desk.put("b")

    desk.inbox.release()
    await asyncio.sleep(0)
    assert desk.notes == ["a…"]
    desk.doors["a"].set()
    await desk.settle()

    assert desk.notes == ["a…", "a", "b"]


async def test_what_is_dropped_is_never_done_but_what_has_begun_ends() -> None:
    desk = Desk()
    desk.put_waiting("a")
    desk.inbox.hold()
    desk.put("b", "c")

    desk.inbox.drop()
    desk.put("d")
    desk.doors["a"].set()
    await desk.settle()

    assert desk.notes == ["a…", "a", "d"]


@asynccontextmanager
async def waiting_for_idle(desk: Desk) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(desk.inbox.idle()) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    yield tasks
    async with asyncio.timeout(5):
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_all_who_wait_for_idle_hear_of_it_after_the_last_piece() -> None:
    desk = Desk()
    desk.put_waiting("a")
    desk.put("b")

    async with waiting_for_idle(desk):
        desk.doors["a"].set()

    assert desk.notes[-1] == "b"


async def test_release_of_an_empty_inbox_and_drop_end_the_wait_for_idle() -> None:
    desk = Desk()
    desk.inbox.hold()
    async with waiting_for_idle(desk):
        desk.inbox.release()

    desk.inbox.hold()
    desk.put("a")
    async with waiting_for_idle(desk):
        desk.inbox.drop()

    assert desk.notes == []


async def test_one_who_gives_up_waiting_for_idle_takes_nothing_from_the_other() -> None:
    desk = Desk()
    desk.put_waiting("a")

    async with waiting_for_idle(desk) as (impatient, patient):
        impatient.cancel()
        await asyncio.sleep(0)
        assert not patient.done()
        desk.doors["a"].set()

    assert impatient.cancelled()
    assert not patient.cancelled()
