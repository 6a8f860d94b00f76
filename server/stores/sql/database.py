"""What an engine promises to the stores that stand on it."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from server.core.errors import AppError, Code
from server.stores.sql.steps import Steps

T = TypeVar("T")


class DatabaseAwayError(Exception):
    """The database cannot be had or used; the text says why, to an operator."""


class Database(Protocol):
    """Runs transactions.

    Each is run whole or not at all, as if no other ran at the same time to what it has locked
    by `FOR UPDATE` or changed. When `write` returns, what was written survives a power cut.
    Steps may be run several times, if they met others; so they do nothing but yield.

    Attributes:
        name: Of the engine, for people.
        has_failed: What was to be written last could not be, such as on a full disk.
    """

    name: str

    @property
    def has_failed(self) -> bool: ...

    async def start(self) -> None:
        """Open it.

        Raises:
            DatabaseAwayError: It cannot be had.
        """
        ...

    async def close(self) -> None:
        """Finish what is under way, refuse the rest."""
        ...

    async def write(self, steps: Callable[[], Steps[T]]) -> T:
        """Run a transaction.

        Raises:
            AppError: UNAVAILABLE: it was not kept, or, if the connection was lost at the very
                end, nobody knows; whatever the steps raise.
        """
        ...

    async def change_schema(self, steps: Callable[[], Steps[T]]) -> T:
        """Run a transaction as `write` does, one process at a time, however long it takes.

        Raises:
            AppError: As `write`.
        """
        ...

    async def read(self, steps: Callable[[], Steps[T]]) -> T:
        """Run a transaction that changes nothing, on one state of the whole.

        Raises:
            AppError: UNAVAILABLE; whatever the steps raise.
        """
        ...

    async def look_up(self, steps: Callable[[], Steps[T]]) -> T:
        """Run one statement that reads the few rows that many requests need first.

        It does not queue with reads, nor does it cost as much.

        Raises:
            AppError: UNAVAILABLE; whatever the steps raise.
        """
        ...


def unavailable() -> AppError:
    return AppError(Code.UNAVAILABLE, "the database is away; try again", retry_after_ms=1_000)
