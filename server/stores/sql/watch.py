"""Whether the database is of use, as probes are told."""

import asyncio
import logging
import secrets

from server.core.errors import AppError
from server.core.ids import new_id
from server.core.patience import Patience
from server.stores.sql.database import Database
from server.stores.sql.steps import Steps, run, value

log = logging.getLogger("hushwire.database")

LOOK_AGAIN_S = 1.0

LIMIT_S = 3.0
"""For an answer."""

TRIED_BYTES = 64 * 1024
"""That there has to be room for."""


class Watch:
    """Looks every second, and after a failed write tries to write, until that works again.

    Attributes:
        is_ready: It answered, and what was to be written last was kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looking: asyncio.Task[None] | None = None
        self.is_ready = False

    async def start(self) -> None:
        """Look once, and go on looking."""
        await self._look()
        self._looking = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        self.is_ready = False
        if self._looking:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            await self._look()

    async def _look(self) -> None:
        before = self.is_ready
        try:
            async with Patience(LIMIT_S):
                if self._database.has_failed:
                    await self._database.write(_try_to_write)
                await self._database.read(_answer)
            self.is_ready = not self._database.has_failed
        except (AppError, TimeoutError):
            self.is_ready = False
        except Exception:  # whatever it is, looking goes on
            log.exception("internal_error")
            self.is_ready = False
        if before and not self.is_ready:
            log.warning("database_away")
        elif self.is_ready and not before and self._looking:
            log.info("database_back")


def _answer() -> Steps[None]:
    yield from value("SELECT 1")


def _try_to_write() -> Steps[None]:
    """Write as much as finds no place by chance on a full disk, and leave nothing."""
    entry_id = new_id()
    yield from run(
        "INSERT INTO audit (entry_id, at_ms, action) VALUES ($1, 0, $2)",
        entry_id,
        secrets.token_hex(TRIED_BYTES // 2),  # chance cannot be compressed
    )
    yield from run("DELETE FROM audit WHERE entry_id = $1", entry_id)
