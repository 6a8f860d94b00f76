"""What transactions lock, in which order, and whether two of them might wait for each other.

While nothing is kept of any transaction, the rows that there are stay the same, and each has one
name: its keys. Under these, too, others wait that insert what one has inserted or deleted.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

KEY_SHARE, SHARE, NO_KEY_UPDATE, UPDATE = 1, 2, 3, 4

_STRENGTHS = {
    "Key Share": KEY_SHARE,
    "Share": SHARE,
    "No Key Update": NO_KEY_UPDATE,
    "Update": UPDATE,
}

WRITES, TRIES = SHARE, NO_KEY_UPDATE
"""Of whole tables: who would insert what may be there already may wait for whoever writes there."""

Name = tuple[str, str]
"""An index, and the values of a row in it; or a table, and nothing."""

Locks = Mapping[Name, int]
"""What is locked, and how strongly."""

_TRIED = re.compile(r"INSERT INTO (\w+).*\bDO NOTHING\b", re.DOTALL)

_INDEXES = """
    SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, i.indisprimary,
        ARRAY(
            SELECT pg_get_indexdef(i.indexrelid, n, TRUE) FROM generate_series(1, i.indnkeyatts) n
        ),
        COALESCE(pg_get_expr(i.indpred, i.indrelid), 'TRUE')
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace
"""

_TOUCHED = """
    SELECT relation::regclass::text, BOOL_OR(mode = 'RowExclusiveLock') FROM pg_locks
    WHERE pid = $1 AND mode IN ('RowShareLock', 'RowExclusiveLock')
    AND relation IN (SELECT oid FROM pg_class WHERE relkind = 'r')
    GROUP BY 1
"""

_ROWS = """
    SELECT name, locked_row::text, unnest(modes)
    FROM unnest($1::text[]) AS tables (name), pgrowlocks(name)
"""


@dataclass(frozen=True)
class _Index:
    table: str
    name: str
    is_primary: bool
    columns: Sequence[str]
    predicate: str

    def select(self, place: str, condition: str) -> str:
        columns = ", ".join(self.columns)
        return (
            f"SELECT '{self.name}', ROW({columns})::text, {place} "  # noqa: S608 - names of our own
            f"FROM {self.table} WHERE num_nulls({columns}) = 0 AND ({self.predicate}) "
            f"AND {condition}"
        )


class Registry:
    """Names what a transaction has locked.

    Args:
        watcher: A connection beside that of the transaction.
    """

    def __init__(self, watcher: asyncpg.Connection) -> None:
        self._watcher = watcher
        self._indexes: dict[str, list[_Index]] = defaultdict(list)
        self._kept: set[Name] = set()
        self._names: dict[Name, list[tuple[Name, bool]]] = defaultdict(list)

    async def load(self) -> None:
        """Learn what there is."""
        await self._watcher.execute("CREATE EXTENSION IF NOT EXISTS pgrowlocks")
        for found in await self._watcher.fetch(_INDEXES):
            index = _Index(*found)
            self._indexes[index.table].append(index)
            for one, values, place in await self._watcher.fetch(index.select("ctid::text", "TRUE")):
                self._kept.add((one, values))
                self._names[index.table, place].append(((one, values), index.is_primary))

    async def held(self, connection: asyncpg.Connection) -> dict[Name, int]:
        """What the transaction of a connection has locked so far; nobody else may be there."""
        touched = dict(await self._watcher.fetch(_TOUCHED, connection.get_server_pid()))
        held: dict[Name, int] = {(name, ""): WRITES for name, writes in touched.items() if writes}
        for table, place, mode in await self._watcher.fetch(_ROWS, list(touched)):
            strength = _STRENGTHS[mode.removeprefix("For ")]
            for name, is_primary in self._names[table, place]:
                # It is by its other keys that those wait who insert them.
                if is_primary or strength == UPDATE:
                    held[name] = max(strength, held.get(name, 0))
        new = await self._inserted(connection, [one for one, writes in touched.items() if writes])
        return held | dict.fromkeys(new - self._kept, UPDATE)

    async def _inserted(self, connection: asyncpg.Connection, tables: Iterable[str]) -> set[Name]:
        ours = "xmin = pg_current_xact_id()::xid"
        some = [index.select("''", ours) for name in tables for index in self._indexes[name]]
        found = await connection.fetch(" UNION ALL ".join(some)) if some else []
        return {(index, values) for index, values, _ in found}


def tried(sql: str) -> Locks:
    """What a statement may wait for without a trace."""
    return {(found[1], ""): TRIES for found in _TRIED.finditer(sql)}


@dataclass(frozen=True)
class Step:
    """One statement.

    Attributes:
        number: Among those of a deed that may lock something.
        gained: What it locked that had not been locked, or not as strongly.
        waits: It does, if another one has that; it does not leave it out.
    """

    number: int
    gained: Locks
    waits: bool


class Trail:
    """One transaction, statement by statement."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    @property
    def all(self) -> Locks:
        """What it has locked in the end."""
        return _sum(self._steps)

    @property
    def last(self) -> int:
        """The number of the last statement, of all of the deed; 0 if none locks anything."""
        return self._steps[-1].number if self._steps else 0

    def go(self, number: int, held: Locks, sql: str) -> None:
        """Note what is held after a statement."""
        former = self.all
        held = {**held, **_tried(sql)}
        gained = {name: how for name, how in held.items() if how > former.get(name, 0)}
        self._steps.append(Step(number, gained, "SKIP LOCKED" not in sql))

    def suspicious(self, other: "Trail") -> Iterator[int]:
        """After which statements it might wait for another one, which waits for it.

        Of several after which the same is there to be waited for, the last.
        """
        found = {}
        for at in range(1, len(self._steps)):
            held, later = _sum(self._steps[:at]), _sum(self._steps[at:])
            if missing := clash(later, other.until_it_waits(held)):
                found[clash(held, other.all), missing] = self._steps[at - 1].number
        return iter(found.values())

    def until_it_waits(self, held: Locks) -> Locks:
        """What it has locked at most when it waits for who holds that; nothing if it goes on."""
        found: Locks = {}
        for at, step in enumerate(self._steps, 1):
            if met := clash(step.gained, held):
                found = _sum(self._steps[:at])
                if step.waits and any(values for _, values in met):
                    break
        return found


def _sum(steps: Iterable[Step]) -> Locks:
    held: dict[Name, int] = {}
    for step in steps:
        held |= step.gained
    return held


def _tried(sql: str) -> Locks:
    """What a statement may wait for without a trace."""
    return {(found[1], ""): TRIES for found in _TRIED.finditer(sql)}


def clash(one: Locks, other: Locks) -> frozenset[Name]:
    """What one has to wait for if another one has it."""
    both = one.keys() & other.keys()
    return frozenset(name for name in both if one[name] + other[name] > UPDATE)
