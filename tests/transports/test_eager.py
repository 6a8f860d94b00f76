"""A coroutine that is started eagerly does what an awaited one does, and at once if it can."""

import asyncio
from typing import Any

import pytest

from server.transports.eager import start
from tests.clocks import run_in_no_time


async def test_what_never_waits_has_ended_before_start_returns() -> None:
    notes: list[str] = []

    async def inner() -> str:
        return "inner"

    async def work() -> None:
        notes.append(await inner())

    assert start(work()) is None
    assert notes == ["inner"]


async def test_what_waits_goes_on_as_a_task_from_where_it_was() -> None:
    notes: list[str] = []
    door: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        notes.append("before")
        notes.append(await door)
        await asyncio.sleep(0)
        notes.append("after")

    task = start(work())
    assert task
    assert notes == ["before"]
    door.set_result("through")
    await task

    assert notes == ["before", "through", "after"]


async def test_an_exception_before_the_first_wait_is_the_callers() -> None:
    async def work() -> None:
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        start(work())


async def test_an_exception_after_the_first_wait_is_the_tasks() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise ValueError("later")

    task = start(work())

    assert task
    with pytest.raises(ValueError, match="later"):
        await task


async def test_the_exception_of_what_is_awaited_can_be_caught_inside() -> None:
    notes: list[str] = []
    door: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        try:
            await door
        except ValueError as error:
            notes.append(str(error))
        await asyncio.sleep(0)
        notes.append("went on")

    task = start(work())
    assert task
    door.set_exception(ValueError("from outside"))
    await task

    assert notes == ["from outside", "went on"]


async def test_waits_of_every_kind_wake_it() -> None:
    notes: list[Any] = []
    event, queue = asyncio.Event(), asyncio.Queue[int]()

    async def child() -> str:
        await asyncio.sleep(0)
        return "child"

    async def work() -> None:
        await asyncio.sleep(0)
        await event.wait()
        notes.append("event")
        notes.append(await queue.get())
        notes.append(await asyncio.create_task(child()))
        notes.extend(await asyncio.gather(child(), child()))
        async with asyncio.TaskGroup() as group:
            grouped = group.create_task(child())
        notes.append(grouped.result())

    task = start(work())
    assert task
    event.set()
    queue.put_nowait(7)
    await task

    assert notes == ["event", 7, "child", "child", "child", "child"]


@pytest.mark.parametrize("turns_before", [1, 2], ids=["at its first wait", "at a later one"])
async def test_a_cancelled_task_cancels_what_it_waits_for_and_is_cleaned_up(
    turns_before: int,
) -> None:
    notes: list[str] = []
    doors = [asyncio.get_running_loop().create_future() for _ in range(2)]

    async def work() -> None:
        try:
            for door in doors:
                await door
        except asyncio.CancelledError:
            notes.append("cancelled")
            await asyncio.sleep(0)  # a cleaning up may wait, too
            raise
        finally:
            notes.append("cleaned up")

    task = start(work())
    assert task
    await asyncio.sleep(0)
    if turns_before == 2:
        doors[0].set_result(None)
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert task.cancelled()
    assert notes == ["cancelled", "cleaned up"]
    assert doors[turns_before - 1].cancelled()


async def test_a_task_that_is_cancelled_before_its_first_turn_is_cleaned_up_too() -> None:
    notes: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            notes.append("cleaned up")

    task = start(work())
    assert task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert task.cancelled()
    assert notes == ["cleaned up"]


async def test_a_cancellation_may_be_taken_for_an_answer() -> None:
    notes: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            notes.append("no matter")
        await asyncio.sleep(0)
        notes.append("end")

    task = start(work())
    assert task
    await asyncio.sleep(0)
    task.cancel()
    await task

    assert notes == ["no matter", "end"]


def test_timeouts_after_the_first_wait_work_also_one_inside_the_other() -> None:
    notes: list[str] = []

    async def work() -> None:
        await asyncio.sleep(1)
        assert asyncio.current_task() is not None
        try:
            async with asyncio.timeout(60):
                try:
                    async with asyncio.timeout(5):
                        await asyncio.Event().wait()
                except TimeoutError:
                    notes.append(f"inner at {loop_s():g}")
                await asyncio.Event().wait()
        except TimeoutError:
            notes.append(f"outer at {loop_s():g}")

    def loop_s() -> float:
        return asyncio.get_running_loop().time() - started[0]

    started: list[float] = []

    async def scene() -> None:
        started.append(asyncio.get_running_loop().time())
        task = start(work())
        assert task
        await task

    run_in_no_time(scene())

    assert notes == ["inner at 6", "outer at 61"]
