"""Bounds that hold for all processes and all tags together, leased to the tags in chunks.

What is left is known in one place (`keys.NODES`): there stands how much each tag was granted.
A copy of its own grant stands with each tag, so that a script there can check it. Grants are
whole amounts with a version and not steps, so that nothing is lost or counted twice
if a process ends in between: more is granted in the one place first, less at the tag first.
"""

import asyncio
import time
from typing import Any

from server.core.limits import Bounds
from server.stores import refusals
from server.stores.redis import keys
from server.stores.redis.link import Link, RefusedError, Value
from server.stores.redis.scripts import Script

_RAISE = Script("leases/raise")
_TAKE = Script("leases/take")
_SPARE = Script("leases/spare")
_GIVE_BACK = Script("leases/give_back")
_LIST = Script("leases/list")

_CHUNKS = 256
"""A tag gets this part of everything beyond what it needs, so that it rarely asks."""

_TRIES = 8
"""Others may take what was granted, before it is used."""

_FULL_S = 0.25
"""So long who needs as much again is refused without asking all tags for what they can spare."""

FULL = {"rooms": refusals.rooms_full, "bytes": refusals.space_full}
"""What is leased, and what is said when there is none."""


class Leases:
    """Runs scripts that need more of what is bounded; `lua/books.lua` is how they check it."""

    def __init__(self, link: Link, bounds: Bounds) -> None:
        self._link = link
        self._limits = {"rooms": bounds.rooms, "bytes": bounds.total_bytes}
        self._full: dict[tuple[str, str], tuple[int, float]] = {}
        self._taking_back = asyncio.Lock()

    async def run(self, script: Script, tag: str, *arguments: Value) -> Any:
        """Run a script under a tag, which is granted what it lacks.

        Raises:
            RefusedError: The script has refused for another reason.
            AppError: SERVER_FULL; UNAVAILABLE, and the script may have run.
        """
        for _ in range(_TRIES):
            try:
                return await self._link.run(script, tag, *arguments)
            except RefusedError as refused:
                if refused.word != "LEASE":
                    raise
                what, *numbers = refused.details
                needed, granted, version = map(int, numbers)
            if not await self._grant(what, tag, needed, granted, version):
                break
        refusal = FULL[what]()
        raise refusal

    def freed(self) -> None:
        """Something was freed here: who was refused before may ask again at once."""
        self._full.clear()

    async def _grant(self, what: str, tag: str, needed: int, granted: int, version: int) -> bool:
        if self._is_full(what, tag, needed):
            return False
        if await self._raise(what, tag, needed, granted, version):
            return True
        async with self._taking_back:
            if self._is_full(what, tag, needed):
                return False
            await self._take_back(what, tag)
            if await self._raise(what, tag, needed, granted, version):
                return True
            self._full[what, tag] = needed, time.monotonic() + _FULL_S
            return False

    def _is_full(self, what: str, tag: str, needed: int) -> bool:
        refused, until_s = self._full.get((what, tag), (needed + 1, 0.0))
        return refused <= needed and time.monotonic() < until_s

    async def _raise(self, what: str, tag: str, needed: int, granted: int, version: int) -> bool:
        limit = self._limits[what]
        wished = needed + limit // _CHUNKS
        amount, new_version = await self._link.run(
            _RAISE, keys.NODES, what, tag, needed, wished, limit, granted, version
        )
        await self._link.run(_TAKE, tag, what, amount, new_version)
        return bool(amount >= needed)

    async def _take_back(self, what: str, tag: str) -> None:
        """Take from all other tags what they do not use."""
        found = await self._link.run(_LIST, keys.NODES, what)
        for name, version in zip(found[::2], found[1::2], strict=True):
            other = name.decode()
            if other != tag:
                kept, newest = await self._link.run(_SPARE, other, what, version)
                await self._link.run(_GIVE_BACK, keys.NODES, what, other, kept, newest)
