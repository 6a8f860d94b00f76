"""What connections of this process hold, for as long as they do and a while longer."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

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

Tell = Callable[[UserId], Awaitable[None]]


class Held:
    """Who is held by some connection of some process. The first and the last one are told of.

    Args:
        came, went: Called for whom no process had before, and for whom none has any more.
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

    async def touch(self, user_id: UserId) -> None:
        """Hold it for a while, if no connection does."""
        if user_id not in self._here:
            self._touched.pop(user_id, None)
            self._touched[user_id] = self._clock.now_ms() + LIFE_MS
            await self._hold((user_id,))

    async def expire(self) -> None:
        """Tell who has gone; say again who is here."""
        now_ms = self._clock.now_ms()
        for going in (self._leaving, self._touched):
            for user_id, due_ms in list(going.items()):
                if due_ms > now_ms:
                    break
                if user_id in going:
                    await self._let_go(user_id, going, now_ms)
        if now_ms - self._renewed_ms >= RENEWAL_MS:
            self._renewed_ms = now_ms
            await self._hold(tuple(self._here))
            for user_id in await self._store.lapsed(now_ms, MAX_LAPSED):
                await self._went(user_id)

    async def _let_go(self, user_id: UserId, going: dict[UserId, int], now_ms: int) -> None:
        others = self._touched if going is self._leaving else self._leaving
        if user_id in others:
            going.pop(user_id, None)
            return
        is_gone = await self._store.release(user_id, now_ms)
        going.pop(user_id, None)
        if user_id in self._here or user_id in others:  # it came back meanwhile
            await self._store.hold((user_id,), now_ms + LIFE_MS, now_ms)
        elif is_gone:
            await self._went(user_id)

    async def _hold(self, users: Sequence[UserId]) -> None:
        now_ms = self._clock.now_ms()
        try:
            for user_id in await self._store.hold(users, now_ms + LIFE_MS, now_ms):
                await self._came(user_id)
        except AppError:  # it is said again soon, and nobody is kept out for it
            log.warning("presences_not_told")
