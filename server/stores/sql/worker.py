"""A thread with a connection to SQLite, and the transactions that wait for it."""

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import apsw

from server.core.errors import AppError
from server.stores.sql.database import unavailable
from server.stores.sql.dialect import arguments_for_sqlite, for_sqlite
from server.stores.sql.steps import Row, Statement, Steps

T = TypeVar("T")

log = logging.getLogger("hushwire.sqlite")

MAX_GROUP = 256
"""Transactions of one commit: the first of them waits for the last."""

MAX_WAITING = 10_000
"""Transactions that wait for their turn; more are refused."""

_BROKEN = (apsw.FullError, apsw.IOError, apsw.BusyError, apsw.CorruptError, apsw.ReadOnlyError)
"""What no transaction of the group can go on after."""


class Job:
    """A transaction that waits to be run, and what came of it."""

    __slots__ = ("answer", "error", "result", "steps")

    def __init__(self, steps: Callable[[], Steps[Any]], answer: "asyncio.Future[Any]") -> None:
        self.steps = steps
        self.answer = answer
        self.result: Any = None
        self.error: BaseException | None = None

    def tell(self) -> None:
        if self.answer.done():
            return  # whoever asked has gone
        if self.error:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.result)


class Worker:
    """A thread with a connection of its own.

    Args:
        open_connection: Called in the thread.
        run: Runs a group of jobs.

    Attributes:
        has_failed: The last group that was to be written could not be.
    """

    def __init__(
        self,
        open_connection: Callable[[], apsw.Connection],
        run: "Callable[[Worker, list[Job]], None]",
    ) -> None:
        self._open = open_connection
        self._run = run
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="sqlite", daemon=True)
        self._is_closed = True
        self.has_failed = False

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._begun: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread.start()
        await self._begun
        self._is_closed = False

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._jobs.put(None)
        await self._ended

    async def do(self, steps: Callable[[], Steps[T]]) -> T:
        if self._is_closed or self._jobs.qsize() >= MAX_WAITING:
            raise unavailable()
        answer: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(Job(steps, answer))
        return await answer

    # --- in the thread ---

    def _work(self) -> None:
        try:
            self._connection = self._open()
        except (apsw.Error, OSError) as error:
            self._tell(self._begun.set_exception, error)
            return
        self._tell(self._begun.set_result, None)
        while group := self._next_group():
            self._run(self, group)
            self._tell(_tell_all, group)
        self._connection.close()
        self._tell(self._ended.set_result, None)

    def _tell(self, tell: Callable[[Any], object], what: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(tell, what)

    def _next_group(self) -> list[Job]:
        """All that wait; none at the end."""
        first = self._jobs.get()
        if first is None:
            return []
        group = [first]
        with contextlib.suppress(queue.Empty):
            while len(group) < MAX_GROUP:
                job = self._jobs.get_nowait()
                if job is None:
                    self._jobs.put(None)  # after this group
                    break
                group.append(job)
        return group

    def run_writes(self, group: list[Job]) -> None:
        """Run a group in one transaction of the database."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job in group:
                self._run_in_savepoint(job)
            self._connection.execute("COMMIT")
            self.has_failed = False
        except apsw.Error as error:
            self.has_failed = True
            self._roll_back()
            for job in group:
                job.error = _refused(error)

    def run_reads(self, group: list[Job]) -> None:
        """Run jobs one after the other, each on one state of the database."""
        for job in group:
            try:
                self._connection.execute("BEGIN")
                self._run_steps(job)
            except apsw.Error as error:
                job.error = _refused(error)
            finally:
                self._roll_back()

    def _run_in_savepoint(self, job: Job) -> None:
        """Run a job, and undo it if it fails.

        Raises:
            apsw.Error: The whole transaction cannot go on.
        """
        self._connection.execute("SAVEPOINT job")
        self._run_steps(job)
        if job.error:
            self._connection.execute("ROLLBACK TO job")
        self._connection.execute("RELEASE job")

    def _run_steps(self, job: Job) -> None:
        try:
            steps = job.steps()
            statement = next(steps)
            while True:
                statement = steps.send(self._execute(statement))
        except StopIteration as end:
            job.result = end.value
        except _BROKEN:
            raise
        except Exception as error:  # noqa: BLE001 - it goes to whoever asked
            job.error = error

    def _execute(self, statement: Statement) -> list[Row]:
        sql = for_sqlite(statement.sql)
        if statement.many is None:
            arguments = arguments_for_sqlite(statement.arguments)
            return list(self._connection.execute(sql, arguments))
        many = [arguments_for_sqlite(one) for one in statement.many]
        self._connection.executemany(sql, many)
        return []

    def _roll_back(self) -> None:
        with contextlib.suppress(apsw.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def _tell_all(group: list[Job]) -> None:
    for job in group:
        job.tell()


def _refused(error: apsw.Error) -> AppError:
    log.warning("not_written", extra={"error": str(error)})
    refusal = unavailable()
    refusal.__cause__ = error
    return refusal
