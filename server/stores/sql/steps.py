"""What a transaction does: a generator that yields statements and is sent their rows.

So one text serves an engine that blocks a thread and one that is awaited:

    def rename(user_id: str, name: str) -> Steps[bool]:
        found = yield from row("SELECT 1 FROM accounts WHERE user_id = $1 FOR UPDATE", user_id)
        if found:
            yield from run("UPDATE accounts SET name = $2 WHERE user_id = $1", user_id, name)
        return found is not None

The dialect: parameters are `$1`, `$2`, … and types `TEXT BIGINT BOOLEAN BYTEA`. What is read in
order to be changed is locked by `FOR UPDATE`, or by `FOR NO KEY UPDATE`, which others need not wait
for to refer to it. `= ANY($1::text[])` takes a list; `json_array_elements($1::json) AS asked` takes
lists of lists as JSON (`listed`), of which `asked.value ->> 0` is the first column; `COLLATE "C"`
compares by code points, so that a prefix is a stretch of an index. Text never
holds NUL, so whatever clients choose freely is `BYTEA`.
"""

import json
from collections.abc import Generator, Iterable, Sequence
from typing import Any, TypeVar

from msgspec import Struct

T = TypeVar("T")

Row = Sequence[Any]


class Statement(Struct, frozen=True):
    """One statement, and its arguments.

    Attributes:
        many: The statement is run once for each of these; it returns no rows.
    """

    sql: str
    arguments: tuple[Any, ...] = ()
    many: Sequence[tuple[Any, ...]] | None = None


Steps = Generator[Statement, list[Row], T]
"""The steps of a transaction that returns a `T`; if it raises, nothing of it is kept."""


def rows(sql: str, *arguments: Any) -> Steps[list[Row]]:
    """All rows."""
    return (yield Statement(sql, arguments))


def row(sql: str, *arguments: Any) -> Steps[Row | None]:
    """The first row; None if there is none."""
    found = yield Statement(sql, arguments)
    return found[0] if found else None


def value(sql: str, *arguments: Any) -> Steps[Any]:
    """The first column of the first row; None if there is none."""
    found = yield Statement(sql, arguments)
    return found[0][0] if found else None


def run(sql: str, *arguments: Any) -> Steps[None]:
    """Run a statement that returns nothing."""
    yield Statement(sql, arguments)


def listed(table: Iterable[Sequence[str | int | None]]) -> str:
    """Rows as one argument, for `json_array_elements`."""
    return json.dumps(list(table))


def run_many(sql: str, many: Sequence[tuple[Any, ...]]) -> Steps[None]:
    """Run a statement that returns nothing for each of these arguments."""
    if many:
        yield Statement(sql, many=many)
