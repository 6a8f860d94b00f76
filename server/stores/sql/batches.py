"""Work that comes in at the same time, done together: one transaction costs what one commit does.

What has the same key is done in the order in which it came, and never by two at once. A batch
takes one of each key that waits, and then goes round again: who sends a lot into one room delays
no other by more than a batch.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from server.core.errors import AppError
from server.stores.sql.database import unavailable

D = TypeVar("D")
R = TypeVar("R")

MAX_BATCH = 128
"""Drafts of one transaction."""

MAX_BATCH_BYTES = 4 * 1024 * 1024

MAX_WAITING = 10_000
"""Drafts that were not answered yet; more are refused."""

MAX_WAITING_BYTES = 64 * 1024 * 1024
"""Of all these together: while the database is slow, they are all in memory."""

LANES = 2
"""Batches under way: while one waits for the disk, another one computes."""

LEFT_LANES = 4
"""Transactions under way for what batches left."""


@dataclass(slots=True)
class _Job(Generic[D, R]):
    key: str
    draft: D
    size_bytes: int
    answer: "asyncio.Future[R]"


_Way = Callable[[Sequence[D]], Awaitable[Sequence[R | Exception | None]]]
"""Does drafts, and tells what came of each; None if it has left it."""


class Batches(Generic[D, R]):
    """Gathers drafts.

    Args:
        together: Does some, of any keys, in one transaction. It waits for no other transaction,
            but leaves the drafts for which it would have to.
        apart: Does some that were left; all have one key. What it leaves it gets again.
    """

    def __init__(
        self,
        together: _Way[D, R],
        apart: _Way[D, R],
    ) -> None:
        self._together = together
        self._apart = apart
        # A key is here while something of it waits or is under way; the latter is not in `ready`.
        self._queues: dict[str, deque[_Job[D, R]]] = {}
        self._ready: deque[str] = deque()
        self._waiting = 0
        self._waiting_bytes = 0
        self._is_waking = False
        self._batches: set[asyncio.Task[None]] = set()
        self._left: set[asyncio.Task[None]] = set()
        self._left_lanes = asyncio.Semaphore(LEFT_LANES)

    async def do(self, key: str, draft: D, size_bytes: int = 0) -> R:
        """Have a draft done with others.

        Raises:
            AppError: UNAVAILABLE: it was not kept, or nobody knows.
            Exception: What came of it.
        """
        is_too_large = self._waiting_bytes + size_bytes > MAX_WAITING_BYTES
        if self._waiting >= MAX_WAITING or is_too_large:
            raise unavailable()
        loop = asyncio.get_running_loop()
        job: _Job[D, R] = _Job(key, draft, size_bytes, loop.create_future())
        self._waiting += 1
        self._waiting_bytes += size_bytes
        if key in self._queues:
            self._queues[key].append(job)
        else:
            self._queues[key] = deque([job])
            self._ready.append(key)
        if not self._is_waking:
            self._is_waking = True
            loop.call_soon(self._wake)  # what comes in the same turn goes with it
        return await job.answer

    def _wake(self) -> None:
        self._is_waking = False
        while self._ready and len(self._batches) < LANES:
            task = asyncio.create_task(self._run(self._take()))
            self._batches.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[None]") -> None:
        self._batches.discard(task)
        self._wake()

    def _take(self) -> list[_Job[D, R]]:
        """The next batch, one of each key in turn. Its keys are not ready until they are freed."""
        keys = [self._ready.popleft() for _ in range(min(len(self._ready), MAX_BATCH))]
        turns = deque(self._queues[key] for key in keys)
        batch: list[_Job[D, R]] = []
        size_bytes = 0
        while turns and len(batch) < MAX_BATCH and size_bytes < MAX_BATCH_BYTES:
            queue = turns.popleft()
            batch.append(queue.popleft())
            size_bytes += batch[-1].size_bytes
            if queue:
                turns.append(queue)
        taken = {job.key for job in batch}
        self._ready.extendleft(key for key in reversed(keys) if key not in taken)
        return batch

    async def _run(self, batch: list[_Job[D, R]]) -> None:
        left = await self._attempt(self._together, batch)
        kept = {job.key for job in left}
        self._free(dict.fromkeys(job.key for job in batch if job.key not in kept))
        for key in dict.fromkeys(job.key for job in left):
            task = asyncio.create_task(self._run_left([job for job in left if job.key == key]))
            self._left.add(task)
            task.add_done_callback(self._left.discard)

    async def _run_left(self, left: list[_Job[D, R]]) -> None:
        key = left[0].key
        async with self._left_lanes:
            while left:
                left = await self._attempt(self._apart, left)
        self._free([key])
        self._wake()

    async def _attempt(
        self,
        way: _Way[D, R],
        jobs: list[_Job[D, R]],
    ) -> list[_Job[D, R]]:
        """Do some, and answer those that are settled.

        Returns:
            Those that are not.
        """
        jobs = [job for job in jobs if not self._is_given_up(job)]
        if not jobs:
            return []
        try:
            outcomes = await way([job.draft for job in jobs])
        except AppError as error:
            outcomes = [_again(error) for _ in jobs]
        except Exception as error:  # noqa: BLE001 - it goes to whose draft it is
            if len(jobs) > 1:
                return await self._attempt_each(jobs)
            outcomes = [error]
        left = []
        for job, outcome in zip(jobs, outcomes, strict=True):
            if outcome is None:
                left.append(job)
            else:
                self._settle(job, outcome)
        return left

    async def _attempt_each(self, jobs: list[_Job[D, R]]) -> list[_Job[D, R]]:
        """Find out whose fault it is that a batch cannot be done."""
        left = []
        for job in jobs:
            left += await self._attempt(self._apart, [job])
        return left

    def _is_given_up(self, job: _Job[D, R]) -> bool:
        """Whether nobody waits for it any more; then it is not even begun."""
        if job.answer.done():
            self._waits_no_more(job)
        return job.answer.done()

    def _waits_no_more(self, job: _Job[D, R]) -> None:
        self._waiting -= 1
        self._waiting_bytes -= job.size_bytes

    def _settle(self, job: _Job[D, R], outcome: R | Exception) -> None:
        self._waits_no_more(job)
        if job.answer.done():
            return  # whoever asked has gone
        if isinstance(outcome, Exception):
            job.answer.set_exception(outcome)
        else:
            job.answer.set_result(outcome)

    def _free(self, keys: Iterable[str]) -> None:
        for key in keys:
            if self._queues[key]:
                self._ready.append(key)
            else:
                del self._queues[key]


def _again(error: AppError) -> AppError:
    """The same for one more who asked: an exception is raised once."""
    one = AppError(error.code, error.message, retry_after_ms=error.retry_after_ms)
    one.__cause__ = error
    return one
