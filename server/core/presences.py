"""Who is online: told to those who share a room with them, wherever all of them are connected."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence

from server.core.errors import AppError
from server.core.identity import User
from server.core.ids import ConnectionId, UserId
from server.core.parts import Parts
from server.core.ports import PresenceStore
from server.core.rates import spend
from server.core.user_events import PresenceChanged

log = logging.getLogger("hushwire.presences")

LIFE_MS = 60_000
"""For so long a process counts that does not say any more whom it has."""

RENEWAL_MS = 20_000

MAX_LAPSED = 500
"""Users of dead processes who are told of in one round."""

Acquaintances = Callable[[UserId], Awaitable[Sequence[UserId]]]
"""Who takes part in a room with a user, and may know whether it is online."""


class Presences:
    """A `Watcher` of connections: a user is online with the first, and offline after the last.

    Args:
        grace_ms: Who is back by then was never offline.
    """

    def __init__(
        self,
        parts: Parts,
        store: PresenceStore,
        acquaintances: Acquaintances,
        grace_ms: int,
    ) -> None:
        self._parts = parts
        self._store = store
        self._clock = parts.clock
        self._acquaintances = acquaintances
        self._grace_ms = grace_ms
        self._here: Counter[UserId] = Counter()
        self._leaving: dict[UserId, int] = {}  # when their grace is over, the first first
        self._renewed_ms = 0

    async def online(self, user: User, wanted: Iterable[UserId] | None) -> tuple[UserId, ...]:
        """Those who are online, of whoever takes part in a room with the user; or of some of them.

        Raises:
            AppError: RATE_LIMITED; UNAVAILABLE.
        """
        limiter, rate = self._parts.limiter, self._parts.rates.presence
        await spend(limiter, "presence", user.user_id, rate, self._clock.now_ms())
        known = await self._acquaintances(user.user_id)
        if wanted is not None:
            asked = set(wanted)
            known = [one for one in known if one in asked]
        present = await self._store.present(known, self._clock.now_ms())
        return tuple(one for one in known if one in present)

    # --- as a watcher ---

    async def arrived(self, user: User, connection_id: ConnectionId) -> None:
        user_id = user.user_id
        self._here[user_id] += 1
        if self._leaving.pop(user_id, None) is None and self._here[user_id] == 1:
            await self._hold((user_id,))

    async def lapsed(self, user_id: UserId, connection_id: ConnectionId) -> None:
        self._left(user_id)

    async def departed(
        self, user_id: UserId, connection_id: ConnectionId, *, is_lost: bool
    ) -> None:
        self._left(user_id)

    def _left(self, user_id: UserId) -> None:
        if self._here[user_id] > 1:
            self._here[user_id] -= 1
        elif self._here.pop(user_id, 0):
            self._leaving[user_id] = self._clock.now_ms() + self._grace_ms

    # --- now and then ---

    async def expire(self) -> None:
        """Tell who has gone; say again who is here."""
        now_ms = self._clock.now_ms()
        for user_id, due_ms in list(self._leaving.items()):
            if due_ms > now_ms:
                break
            if user_id in self._leaving:
                await self._let_go(user_id, now_ms)
        if now_ms - self._renewed_ms >= RENEWAL_MS:
            self._renewed_ms = now_ms
            await self._hold(tuple(self._here))
            for user_id in await self._store.lapsed(now_ms, MAX_LAPSED):
                await self._tell_all(user_id, is_online=False)

    async def _let_go(self, user_id: UserId, now_ms: int) -> None:
        is_gone = await self._store.release(user_id, now_ms)
        self._leaving.pop(user_id, None)
        if user_id in self._here:  # it came back meanwhile
            await self._store.hold((user_id,), now_ms + LIFE_MS, now_ms)
        elif is_gone:
            await self._tell_all(user_id, is_online=False)

    async def _hold(self, users: Sequence[UserId]) -> None:
        now_ms = self._clock.now_ms()
        try:
            for user_id in await self._store.hold(users, now_ms + LIFE_MS, now_ms):
                await self._tell_all(user_id, is_online=True)
        except AppError:  # it is said again soon, and nobody is kept out for it
            log.warning("presences_not_told")

    async def _tell_all(self, user_id: UserId, *, is_online: bool) -> None:
        known = await self._acquaintances(user_id)
        if known:
            await self._parts.users.publish(
                PresenceChanged(
                    users=tuple(known),
                    user_id=user_id,
                    is_online=is_online,
                    at_ms=self._clock.now_ms(),
                )
            )
