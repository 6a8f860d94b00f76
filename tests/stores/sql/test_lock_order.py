"""Whatever two transactions do at the same time, they do not wait for each other.

Of each pair one is stopped after each statement that may lock something; then the other runs to
its end, or until it has to wait. If the first can always go on, both take what both of them
lock in the same order. Nothing is kept of either.
"""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

import asyncpg
import pytest

from server.core.errors import AppError
from server.core.ids import UserId
from server.core.limits import Bounds
from server.stores.durable import Durable
from server.stores.sql.migrations import migrate
from server.stores.sql.postgres import Postgres, _execute
from server.stores.sql.steps import Steps
from tests.postgres_servers import lent_database
from tests.stores.sql.deeds import ALICE, BOB, DEEDS, Deed, fill_queues, settle

T = TypeVar("T")

LIMIT_S = 20

LOOK_AGAIN_S = 0.002
"""Whether somebody waits."""

People = tuple[UserId, UserId]
"""Who does something, and to whom."""

Other = tuple[str, Deed, People]
"""What another does meanwhile, with words for it."""

BOTH_WAYS: tuple[People, ...] = ((BOB, ALICE), (ALICE, BOB))

_LOCKS_NOTHING = re.compile(r"\s*SELECT\b(?!.*\sFOR\s)", re.DOTALL)

_LOCKED_TABLES = """
    SELECT relation::regclass::text FROM pg_locks
    WHERE pid = $1 AND mode IN ('RowShareLock', 'RowExclusiveLock')
    AND relation IN (SELECT oid FROM pg_class WHERE relkind = 'r')
"""


class Stepping:
    """A `Database` on one connection, which keeps nothing, and can stop on its way.

    Attributes:
        locking: How many statements there were that may lock something.
        has_stopped: There were as many as were asked for; it goes on when `go` is set.
    """

    name = "PostgreSQL"
    has_failed = False

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.pid: int = connection.get_server_pid()
        self.begin()

    def begin(self, stop_at: int = 0) -> None:
        self._stop_at = stop_at
        self.locking = 0
        self.has_stopped = asyncio.Event()
        self.go = asyncio.Event()

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def write(self, steps: Callable[[], Steps[T]]) -> T:
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            return await self._run(steps())
        finally:
            await transaction.rollback()

    read = look_up = change_schema = write

    async def _run(self, steps: Steps[T]) -> T:
        try:
            statement = next(steps)
            while True:
                found = await _execute(self._connection, statement, None)
                if not _LOCKS_NOTHING.match(statement.sql):
                    await self._count()
                statement = steps.send(found)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _count(self) -> None:
        self.locking += 1
        if self.locking == self._stop_at:
            self.has_stopped.set()
            await self.go.wait()


class Meeting:
    """Two who do something at the same time.

    Args:
        table: That both lock, of what is to be tried; None tries whatever locks the same.

    Attributes:
        waits: How often the second one had to wait.
    """

    def __init__(
        self, first: Stepping, second: Stepping, watcher: asyncpg.Connection, table: str | None
    ) -> None:
        self._first, self._second, self._watcher = first, second, watcher
        self._table = table
        self.waits = 0
        self._homes = [Durable(one, Bounds()) for one in (first, second)]
        self._footprints: dict[tuple[Deed, People], tuple[int, set[str]]] = {}

    async def quarrels(self, first: Deed, others: Sequence[Other]) -> dict[str, list[int]]:
        """After which statements of Alice's deed it and one of these wait for each other."""
        last, tables = await self._footprint(first, (ALICE, BOB))
        meeting = []
        for name, second, people in others:
            common = tables & (await self._footprint(second, people))[1]
            if common and (self._table is None or self._table in common):
                meeting.append((name, second, people))
        found = {}
        for name, second, people in await self._waiting(first, last, meeting):
            told = [await self._meet(first, at, second, people) for at in range(1, last)]
            found[name] = [at for at, what in enumerate(told, 1) if what == "deadlock"]
        return {name: at for name, at in found.items() if at}

    async def _waiting(self, first: Deed, last: int, others: Sequence[Other]) -> list[Other]:
        """Those that have to wait when the first one has locked everything: no other ever has."""
        self._first.begin(last)
        one = asyncio.create_task(_outcome(first(self._homes[0], ALICE, BOB)))
        await asyncio.wait_for(self._first.has_stopped.wait(), LIMIT_S)
        found = [other for other in others if await self._has_to_wait(*other[1:])]
        self.waits += len(found)
        self._first.go.set()
        await one
        return found

    async def _has_to_wait(self, deed: Deed, people: People) -> bool:
        self._second.begin()
        doing = asyncio.create_task(_outcome(deed(self._homes[1], *people)))
        if waits := await self._until_it_waits(doing):
            await self._watcher.fetch("SELECT pg_cancel_backend($1)", self._second.pid)
        await doing
        return waits

    async def _until_it_waits(self, doing: asyncio.Task[object]) -> bool:
        """Whether the second one has to wait, and is not done."""
        async with asyncio.timeout(LIMIT_S):
            while not (await asyncio.wait([doing], timeout=LOOK_AGAIN_S))[0]:
                if await self._waits():
                    return True
        return False

    async def _footprint(self, deed: Deed, people: People) -> tuple[int, set[str]]:
        """How many statements of a deed may lock something, and in which tables they do."""
        if (deed, people) not in self._footprints:
            self._first.begin()
            await _outcome(deed(self._homes[0], *people))
            last = self._first.locking
            self._first.begin(last)
            doing = asyncio.create_task(_outcome(deed(self._homes[0], *people)))
            await asyncio.wait_for(self._first.has_stopped.wait(), LIMIT_S)
            found = await self._watcher.fetch(_LOCKED_TABLES, self._first.pid)
            self._first.go.set()
            await doing
            self._footprints[deed, people] = last, {one[0] for one in found} - {"audit"}
        return self._footprints[deed, people]

    async def _meet(self, first: Deed, stop_at: int, second: Deed, people: People) -> str:
        """What comes of it if the second begins when the first has come so far."""
        self._first.begin(stop_at)
        self._second.begin()
        one = asyncio.create_task(_outcome(first(self._homes[0], ALICE, BOB)))
        async with asyncio.timeout(LIMIT_S):
            await self._first.has_stopped.wait()
        other = asyncio.create_task(_outcome(second(self._homes[1], *people)))
        waits = await self._until_it_waits(other)
        self._first.go.set()
        async with asyncio.timeout(LIMIT_S):
            told = [await one, await other]
        if any(isinstance(one, asyncpg.DeadlockDetectedError) for one in told):
            return "deadlock"
        return "waits" if waits else "passes"

    async def _waits(self) -> bool:
        blocking = "SELECT cardinality(pg_blocking_pids($1)) > 0"
        return bool(await self._watcher.fetchval(blocking, self._second.pid))


async def _outcome(doing: Awaitable[object]) -> object:
    try:
        return await doing
    except (AppError, asyncpg.DeadlockDetectedError, asyncpg.QueryCanceledError) as error:
        return error


@pytest.fixture(params=[None, "queues"], ids=["without queues", "with queues"])
async def meeting(request) -> AsyncIterator[Meeting]:
    async with lent_database() as url:
        database = Postgres(url)
        await database.start()
        await migrate(database)
        home = Durable(database, Bounds())
        await settle(home)
        if request.param:
            await fill_queues(home)
        await database.close()
        # Who has to wait looks for a deadlock at once.
        at_once = {"deadlock_timeout": "1ms"}
        three = [await asyncpg.connect(url, server_settings=at_once) for _ in range(3)]
        yield Meeting(Stepping(three[0]), Stepping(three[1]), three[2], request.param)
        for one in three:
            await one.close()


@pytest.mark.timeout(600)  # some thousand transactions
async def test_no_two_transactions_wait_for_each_other(meeting):
    quarrels: dict[str, list[int]] = {}
    deeds = list(DEEDS.items())
    for nth, (first, deed) in enumerate(deeds):
        others = [
            (f"Alice {first}, {people[0]} {name}", other, people)
            for (name, other), people in itertools.product(deeds[nth:], BOTH_WAYS)
        ]
        quarrels |= await meeting.quarrels(deed, others)
    assert not quarrels
    assert meeting.waits > len(DEEDS)
