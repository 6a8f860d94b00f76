"""What connections of this process hold, for as long as they do and a while longer."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence

from server.core.clock import Clock
from server.core.errors import AppError
from server.core.ids import UserId
from server.core.ports import PresenceStore

log = logging.getLogger("hushwire.presences")

LIFE_MS = 60_000
"""For so long a process counts that does not say any more whom it has."""

RENEWAL_MS = 20_000

MAX_LAPSED = 500
"""Users of dead processes who are told of in one round."""

AT_ONCE = 16
"""Users of whom it is told, or asked, at a time."""

MAX_UNTOLD = 20_000
"""Users of whom it could not be told yet. Of more it is told no more of the first."""

Tell = Callable[[UserId], Awaitable[None]]


class Held:
    """Who is held by some connection of some process. The first and the last one are told of.

    Args:
        came, went: Called for whom no process had before, and for whom none has any more; again
            later, if they raise an AppError and it still holds.
        grace_ms: Who is back by then never went.
    """

    def __init__(
        self, store: PresenceStore, clock: Clock, grace_ms: int, came: Tell, went: Tell
    ) -> None:
        self._store = store
        self._clock = clock
        self._grace_ms = grace_ms
        self._came = came
        self._went = went
        self._here: Counter[UserId] = Counter()
        self._leaving: dict[UserId, int] = {}  # when their grace is over, the first first
        self._touched: dict[UserId, int] = {}  # the same of those without a connection
        self._untold: dict[UserId, bool] = {}  # whether they have come
        self._renewed_ms = 0

    async def arrive(self, user_id: UserId) -> None:
        """One connection more holds it."""
        self._here[user_id] += 1
        self._touched.pop(user_id, None)
        if self._leaving.pop(user_id, None) is None and self._here[user_id] == 1:
            await self._hold((user_id,))

    def leave(self, user_id: UserId) -> None:
        """One connection holds it no more."""
        if self._here[user_id] > 1:
            self._here[user_id] -= 1
        elif self._here.pop(user_id, 0):
            self._leaving[user_id] = self._clock.now_ms() + self._grace_ms

    async def touch(self, user_id: UserId) -> bool:
        """Hold it for a while, if no connection does. Returns whether it has come by that."""
        if user_id in self._here:
            return False
        self._touched.pop(user_id, None)
        self._touched[user_id] = self._clock.now_ms() + LIFE_MS
        return user_id in await self._hold((user_id,))

    async def expire(self) -> None:
        """Tell who has gone; say again who is here.

        Raises:
            AppError: UNAVAILABLE; it is tried again.
        """
        now_ms = self._clock.now_ms()
        await self._tell_late(now_ms)
        for going in (self._leaving, self._touched):
            due = [user_id for user_id, due_ms in going.items() if due_ms <= now_ms]
            for some in _parts(due):
                await _all(self._let_go(user_id, going, now_ms) for user_id in some)
        if now_ms - self._renewed_ms >= RENEWAL_MS:
            self._renewed_ms = now_ms
            await self._hold(tuple(self._here))
            await self._tell(await self._store.lapsed(now_ms, MAX_LAPSED), have_come=False)

    async def _let_go(self, user_id: UserId, going: dict[UserId, int], now_ms: int) -> None:
        if going.get(user_id, now_ms + 1) > now_ms:  # it came back meanwhile
            return
        others = self._touched if going is self._leaving else self._leaving
        if user_id in others:
            going.pop(user_id, None)
            return
        is_gone = await self._store.release(user_id, now_ms)
        going.pop(user_id, None)
        if user_id in self._here or user_id in others:  # it came back meanwhile
            await self._store.hold((user_id,), now_ms + LIFE_MS, now_ms)
        elif is_gone:
            await self._tell((user_id,), have_come=False)

    async def _hold(self, users: Sequence[UserId]) -> Sequence[UserId]:
        """Hold some; returns whom nobody held before, who are told of."""
        now_ms = self._clock.now_ms()
        try:
            new = await self._store.hold(users, now_ms + LIFE_MS, now_ms)
        except AppError:  # it is said again soon, and nobody is kept out for it
            log.warning("presences_not_held")
            return ()
        await self._tell(new, have_come=True)
        return new

    # --- telling ---

    async def _tell(self, users: Sequence[UserId], *, have_come: bool) -> None:
        for user_id in users:
            self._untold.pop(user_id, None)
            self._untold[user_id] = have_come
        for user_id in list(self._untold)[: max(0, len(self._untold) - MAX_UNTOLD)]:
            del self._untold[user_id]
        await self._tell_untold(users)

    async def _tell_late(self, now_ms: int) -> None:
        """Tell what could not be told before, of whom it still holds."""
        users = tuple(self._untold)
        there = await self._store.present(users, now_ms) if users else ()
        for user_id in users:
            if self._untold.get(user_id) is not (user_id in there):
                self._untold.pop(user_id, None)
        await self._tell_untold(users)

    async def _tell_untold(self, users: Sequence[UserId]) -> None:
        for some in _parts(users):
            if not all(await asyncio.gather(*map(self._tell_one, some))):
                log.warning("presences_not_told")
                return  # of the rest later: each may have to wait for what is away

    async def _tell_one(self, user_id: UserId) -> bool:
        has_come = self._untold.pop(user_id, None)
        if has_come is None:
            return True
        try:
            await (self._came if has_come else self._went)(user_id)
        except AppError:
            self._untold.setdefault(user_id, has_come)
            return False
        return True


def _parts(users: Sequence[UserId]) -> Iterable[Sequence[UserId]]:
    return (users[begun : begun + AT_ONCE] for begun in range(0, len(users), AT_ONCE))


async def _all(doing: Iterable[Awaitable[None]]) -> None:
    """Do all of it, and then raise what was raised first."""
    for done in await asyncio.gather(*doing, return_exceptions=True):
        if done:
            raise done
