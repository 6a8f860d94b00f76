"""What people do in a channel, and how it is looked over when they have done it."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from random import Random
from typing import Any

from msgspec import Struct

from scripts.crowd_parts.channel.member import Member
from scripts.crowd_parts.channel.model import Model

TYPING_PER_S = 10
DELETED_PART = 0.01
READ_EVERY_S = 5
"""On average, by each who reads at all."""

LATE_READER = 10
"""One of so many reads nothing until the end."""

QUIET_LIMIT_S = 60


class Plan(Struct, frozen=True):
    """How much happens."""

    rate_per_s: int
    seconds: float

    @property
    def messages(self) -> int:
        return int(self.rate_per_s * self.seconds)


class Day:
    """One channel with its members."""

    def __init__(self, model: Model, members: Sequence[Member], chance: Random) -> None:
        self._model = model
        self._members = members
        self._chance = chance

    async def live(self, plan: Plan) -> None:
        """Say, type, read and delete, in the open: whoever is slow has more to do at once."""
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as doing:
            for at, member in enumerate(self._members):
                if at % LATE_READER:
                    doing.create_task(self._keep_reading(member, enough))
            doing.create_task(self._keep_typing(doing, enough))
            await self._say_all(plan, doing)
            enough.set()
        await self._until_all_is_heard()

    async def look_over(self, workspace_id: str) -> None:
        """Compare everybody's unread count; then some read all, and once more."""
        await self._each(one.count_unread(workspace_id) for one in self._members)
        last = max(self._model.said)
        await self._each(one.read_all(last) for one in self._members[::2])
        await self._each(one.count_unread(workspace_id) for one in self._members)
        self._model.close()

    async def _say_all(self, plan: Plan, doing: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        for number in range(plan.messages):
            await asyncio.sleep(started_s + number / plan.rate_per_s - loop.time())
            doing.create_task(self._chance.choice(self._members).say(number))
            if self._model.said and self._chance.random() < DELETED_PART:
                doing.create_task(self._delete_one())

    async def _delete_one(self) -> None:
        said = self._chance.choice(list(self._model.said.values()))
        author = next(one for one in self._members if one.user_id == said.author)
        await author.delete(said.message_id, said.seq)

    async def _keep_reading(self, member: Member, enough: asyncio.Event) -> None:
        while await _pauses(enough, 2 * READ_EVERY_S * self._chance.random()):
            if member.newest:
                await member.read(*member.newest)

    async def _keep_typing(self, doing: asyncio.TaskGroup, enough: asyncio.Event) -> None:
        while await _pauses(enough, 1 / TYPING_PER_S):
            doing.create_task(self._chance.choice(self._members).type())

    async def _until_all_is_heard(self) -> None:
        async with asyncio.timeout(QUIET_LIMIT_S):
            while not all(self._model.has_all(one.witness) for one in self._members):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def _each(self, some: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Do them, a few at a time."""
        few = asyncio.Semaphore(20)

        async def one(doing: Coroutine[Any, Any, None]) -> None:
            async with few:
                await doing

        await asyncio.gather(*map(one, some))


async def _pauses(enough: asyncio.Event, seconds: float) -> bool:
    """Wait; whether it is not enough yet."""
    try:
        async with asyncio.timeout(seconds):
            await enough.wait()
    except TimeoutError:
        return True
    return False
