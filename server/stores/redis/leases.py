"""Bounds that hold for all processes and all tags together, leased to the tags in chunks.

What is left is known in one place (`keys.NODES`): there stands how much each tag was granted.
A copy of its own grant stands with each tag, so that a script there can check it. Grants are
whole amounts with a version and not steps, so that nothing is lost or counted twice
if a process ends in between: more is granted in the one place first, less at the tag first.
If the one place has been lost, nothing is granted before it knows again what all tags have.
"""

import asyncio
import time
from itertools import chain
from typing import Any

from server.core.limits import Bounds
from server.stores import refusals
from server.stores.redis import keys
from server.stores.redis.link import Call, Link, RefusedError, Value, unavailable
from server.stores.redis.scripts import Script

RAISE = Script("leases/raise")
TAKE = Script("leases/take")
SPARE = Script("leases/spare")
GIVE_BACK = Script("leases/give_back")
LIST = Script("leases/list")
GRANTED = Script("leases/granted")
NOTE = Script("leases/note")

_CHUNKS = 256
"""A tag gets this part of everything beyond what it needs, so that it rarely asks."""

_TRIES = 8
"""Others may take what was granted, before it is used."""

FULL_S = 0.25
"""So long who lacks as much is refused without asking all tags for what they can spare."""

FULL = {"rooms": refusals.rooms_full, "bytes": refusals.space_full}
"""What is leased, and what is said when there is none."""


class Leases:
    """Runs scripts that need more of what is bounded; `lua/books.lua` is how they check it."""

    def __init__(self, link: Link, bounds: Bounds) -> None:
        self._link = link
        self._limits = {"rooms": bounds.rooms, "bytes": bounds.total_bytes}
        self._full: dict[str, tuple[int, float]] = {}  # what was lacking, and until when
        self._taking_back = asyncio.Lock()
        self._noting = asyncio.Lock()

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
        lacking = needed - granted
        if self._is_full(what, lacking):
            return False
        if await self._raise(what, tag, needed, granted, version):
            return True
        async with self._taking_back:
            if self._is_full(what, lacking):
                return False
            await self._take_back(what, tag)
            if await self._raise(what, tag, needed, granted, version):
                return True
            self._full[what] = lacking, time.monotonic() + FULL_S
            return False

    def _is_full(self, what: str, lacking: int) -> bool:
        refused, until_s = self._full.get(what, (lacking, 0.0))
        return refused <= lacking and time.monotonic() < until_s

    async def _raise(self, what: str, tag: str, needed: int, granted: int, version: int) -> bool:
        limit = self._limits[what]
        wished = needed + limit // _CHUNKS
        asked = (what, tag, needed, wished, limit, granted, version)
        answer = await self._link.run(RAISE, keys.NODES, *asked)
        if answer is None:
            async with self._noting:
                answer = await self._link.run(RAISE, keys.NODES, *asked)
                if answer is None:  # still
                    await self.note_all()
                    answer = await self._link.run(RAISE, keys.NODES, *asked)
        if answer is None:
            raise unavailable()  # it was lost again
        amount, new_version = answer
        await self._link.run(TAKE, tag, what, amount, new_version)
        return bool(amount >= needed)

    async def note_all(self) -> None:
        """Note in the one place what all tags were granted, as each of them knows it.

        As long as some of them do not answer, that place is as it was: if it has lost what it
        knew, it grants nothing until they do.

        Raises:
            AppError: UNAVAILABLE.
        """
        tags = tuple(filter(self._link.is_there, keys.ROOM_TAGS))
        calls: list[Call] = [(tag, *self._limits) for tag in tags]
        found = await self._link.run_many(GRANTED, calls)
        noted: list[Value] = [int(tags == keys.ROOM_TAGS)]
        for (tag, *names), numbers in zip(calls, found, strict=True):
            for what, amount, version in zip(names, numbers[::2], numbers[1::2], strict=True):
                noted += (f"{what!s}:{tag}", amount, version)
        await self._link.run(NOTE, keys.NODES, *noted)

    async def _take_back(self, what: str, tag: str) -> None:
        """Take from all other tags what they do not use."""
        found = await self._link.run(LIST, keys.NODES, what)
        granted = zip(map(bytes.decode, found[::2]), found[1::2], strict=True)
        calls: list[Call] = [
            (other, what, version)
            for other, version in granted
            if other != tag and self._link.is_there(other)
        ]
        kept = await self._link.run_many(SPARE, calls)
        said = [(other, *numbers) for (other, *_), numbers in zip(calls, kept, strict=True)]
        await self._link.run(GIVE_BACK, keys.NODES, what, *chain.from_iterable(said))
