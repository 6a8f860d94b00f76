"""Whatever two transactions do at the same time, they do not wait for each other.

Of each it is written down what it locks, statement by statement. Only where by that two might wait
for each other they meet: one is stopped after such a statement; then the other runs to its end, or
until it has to wait. If the first can always go on, both take what both of them lock in the same
order. Nothing is kept of any.
"""

import asyncio
import itertools
import random
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import asyncpg
import pytest
import pytest_asyncio

from server.core.errors import AppError
from server.core.ids import UserId
from server.core.limits import Bounds
from server.stores.durable import Durable
from server.stores.sql.migrations import migrate
from server.stores.sql.postgres import Postgres, _execute
from server.stores.sql.steps import Row, Statement, Steps
from tests.postgres_servers import new_database
from tests.stores.sql.deeds import ALICE, BOB, DEEDS, fill_queues, settle
from tests.stores.sql.locks import Registry, Trail, clash

T = TypeVar("T")

# What is locked is written down once for all tests.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

LIMIT_S = 20

SAMPLE = 50
"""Of pairs."""

LOOK_AGAIN_S = 0.002
"""Whether somebody waits."""

_LOCKS_NOTHING = re.compile(r"\s*SELECT\b(?!.*\sFOR\s)", re.DOTALL)

SKIPS = "SKIP LOCKED"


@dataclass(frozen=True)
class Doing:
    """A deed, who does it to whom, and whether somebody else has whatever it could leave out."""

    name: str
    people: tuple[UserId, UserId]
    is_crowded: bool

    def __str__(self) -> str:
        return f"{self.people[0]} {self.name}{', in a crowd' if self.is_crowded else ''}"

    async def outcome(self, home: Durable) -> object:
        try:
            return await DEEDS[self.name](home, *self.people)
        except (AppError, asyncpg.DeadlockDetectedError, asyncpg.QueryCanceledError) as error:
            return error


class Stepping:
    """A `Database` on one connection, which keeps nothing, and can stop on its way.

    Attributes:
        locking: How many statements there were that may lock something.
        trails: What each transaction locked.
        has_skipped: There were statements that leave out what is locked.
        has_stopped: There were as many as were asked for; it goes on when `go` is set.
    """

    name = "PostgreSQL"
    has_failed = False

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.pid: int = connection.get_server_pid()
        self.begin()

    def begin(
        self, stop_at: int = 0, *, is_crowded: bool = False, registry: Registry | None = None
    ) -> None:
        """Do something anew: stop, leave out what can be left out, or write down what is locked."""
        self._stop_at, self._is_crowded, self._registry = stop_at, is_crowded, registry
        self.locking = 0
        self.trails: list[Trail] = []
        self.has_skipped = False
        self.has_stopped = asyncio.Event()
        self.go = asyncio.Event()

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def write(self, steps: Callable[[], Steps[T]]) -> T:
        transaction = self._connection.transaction()
        await transaction.start()
        self.trails.append(Trail())
        try:
            return await self._run(steps())
        finally:
            await transaction.rollback()

    read = look_up = change_schema = write

    async def _run(self, steps: Steps[T]) -> T:
        try:
            statement = next(steps)
            while True:
                statement = steps.send(await self._step(statement))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _step(self, statement: Statement) -> list[Row]:
        if SKIPS in statement.sql:
            self.has_skipped = True
            if self._is_crowded:
                return []
        found = await _execute(self._connection, statement, None)
        if not _LOCKS_NOTHING.match(statement.sql):
            await self._count(statement.sql)
        return found

    async def _count(self, sql: str) -> None:
        self.locking += 1
        if self._registry:
            held = await self._registry.held(self._connection)
            self.trails[-1].go(self.locking, held, sql)
        if self.locking == self._stop_at:
            self.has_stopped.set()
            await self.go.wait()


class Meeting:
    """Two who do something at the same time.

    Attributes:
        trails: What is locked by each deed, in each of its transactions.
    """

    def __init__(self, first: Stepping, second: Stepping, watcher: asyncpg.Connection) -> None:
        self._first, self._second, self._watcher = first, second, watcher
        self._homes = [Durable(one, Bounds()) for one in (first, second)]
        self._registry = Registry(watcher)
        self.trails: dict[Doing, list[Trail]] = {}

    async def begin(self) -> None:
        """Have each deed done once, and once more in a crowd."""
        await self._registry.load()
        for name, people in itertools.product(DEEDS, ((ALICE, BOB), (BOB, ALICE))):
            for is_crowded in (False, True):
                doing = Doing(name, people, is_crowded)
                self._first.begin(is_crowded=is_crowded, registry=self._registry)
                await doing.outcome(self._homes[0])
                self.trails[doing] = [one for one in self._first.trails if one.last]
                if not self._first.has_skipped:
                    break

    @property
    def pairs(self) -> Iterator[tuple[Doing, Doing]]:
        """Who may meet: Bob does to Alice what she does to him, so she is the first."""
        for first, second in itertools.product(self.trails, repeat=2):
            if first.people == (ALICE, BOB):
                yield first, second

    def suspicious(self, first: Doing, second: Doing) -> set[int]:
        """After which statements of the first they might wait for each other."""
        both = itertools.product(self.trails[first], self.trails[second])
        return {at for one, other in both for at in one.suspicious(other)}

    def may_wait(self, first: Doing, second: Doing) -> bool:
        """Whether the second may have to wait while the first has all of its last transaction."""
        held = self.trails[first][-1].all
        return any(clash(one.all, held) for one in self.trails[second])

    async def meet(self, first: Doing, stop_at: int, second: Doing) -> str:
        """What comes of it if the second begins when the first has come so far."""
        self._first.begin(stop_at, is_crowded=first.is_crowded)
        self._second.begin(is_crowded=second.is_crowded)
        one = asyncio.create_task(first.outcome(self._homes[0]))
        async with asyncio.timeout(LIMIT_S):
            await self._first.has_stopped.wait()
        other = asyncio.create_task(second.outcome(self._homes[1]))
        waits = await self._until_it_waits(other)
        self._first.go.set()
        async with asyncio.timeout(LIMIT_S):
            told = [await one, await other]
        if any(isinstance(one, asyncpg.DeadlockDetectedError) for one in told):
            return "deadlock"
        return "waits" if waits else "passes"

    async def meet_at_the_end(self, first: Doing, second: Doing) -> str:
        """The same if the first has locked whatever it locks."""
        return await self.meet(first, self.trails[first][-1].last, second)

    async def _until_it_waits(self, doing: asyncio.Task[object]) -> bool:
        """Whether the second one has to wait, and is not done."""
        async with asyncio.timeout(LIMIT_S):
            while not (await asyncio.wait([doing], timeout=LOOK_AGAIN_S))[0]:
                if await self._waits():
                    return True
        return False

    async def _waits(self) -> bool:
        blocking = "SELECT cardinality(pg_blocking_pids($1)) > 0"
        return bool(await self._watcher.fetchval(blocking, self._second.pid))


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[False, True],
    ids=["without queues", "with queues"],
)
async def meeting(request) -> AsyncIterator[Meeting]:
    url = new_database()
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
    one = Meeting(Stepping(three[0]), Stepping(three[1]), three[2])
    await one.begin()
    yield one
    for connection in three:
        await connection.close()


async def test_no_two_transactions_wait_for_each_other(meeting):
    quarrels = [
        f"{first}, until {at}; {second}"
        for first, second in meeting.pairs
        for at in sorted(meeting.suspicious(first, second))
        if await meeting.meet(first, at, second) == "deadlock"
    ]
    assert not quarrels


async def test_nobody_waits_for_what_was_not_written_down_as_locked(meeting, for_long):
    """So that the other test lets all those meet who have to."""
    pairs = [pair for pair in meeting.pairs if meeting.trails[pair[0]]]
    waiting = [pair for pair in pairs if meeting.may_wait(*pair)]
    passing = [pair for pair in pairs if not meeting.may_wait(*pair)]
    for first, second in random.sample(passing, min(len(passing), SAMPLE * for_long)):
        assert await meeting.meet_at_the_end(first, second) == "passes", f"{first}; {second}"
    told = [await meeting.meet_at_the_end(*pair) for pair in random.sample(waiting, SAMPLE)]
    assert told.count("waits") > SAMPLE / 2
