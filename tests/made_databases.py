"""Databases in memory that have their tables from the beginning.

To make the tables takes longer than all else of a server's start; the tests of the SQL stores
see them made.
"""

import asyncio
import functools
import threading

import apsw

from server.core.limits import Bounds
from server.stores.durable import Durable
from server.stores.sql.migrations import migrate
from server.stores.sql.sqlite import IN_MEMORY, SQLite

_copying = threading.Lock()
"""The pattern is one connection, which is read by the threads of all databases."""


def durable_in_memory(bounds: Bounds) -> Durable:
    """Durable state as a server has it that was started before: nothing is left to migrate."""
    return Durable(_Copied(IN_MEMORY), bounds)


class _Copied(SQLite):
    """Has the tables of the pattern."""

    def _open(self) -> apsw.Connection:
        connection = super()._open()
        with _copying:
            _copy(_pattern(), connection)
        return connection


@functools.cache
def _pattern() -> apsw.Connection:
    pattern = apsw.Connection(IN_MEMORY)
    asyncio.run(_make(pattern))
    return pattern


async def _make(pattern: apsw.Connection) -> None:
    one = _Pattern(IN_MEMORY)
    await one.start()
    await migrate(one)
    _copy(one.connection, pattern)
    await one.close()


class _Pattern(SQLite):
    """Shows its connection."""

    connection: apsw.Connection

    def _open(self) -> apsw.Connection:
        self.connection = super()._open()
        return self.connection


def _copy(source: apsw.Connection, target: apsw.Connection) -> None:
    with target.backup("main", source, "main") as backup:
        backup.step()
