"""Who is online: told to those who share a room with them, wherever all of them are connected."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from server.core.held import Held
from server.core.identity import User
from server.core.ids import ConnectionId, UserId
from server.core.parts import Parts
from server.core.ports import PresenceStore
from server.core.rates import spend
from server.core.user_events import PresenceChanged

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
        self._held = Held(store, parts.clock, grace_ms, self._came, self._went)

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
        await self._held.arrive(user.user_id)

    async def lapsed(self, user_id: UserId, connection_id: ConnectionId) -> None:
        self._held.leave(user_id)

    async def departed(
        self, user_id: UserId, connection_id: ConnectionId, *, is_lost: bool
    ) -> None:
        self._held.leave(user_id)

    # --- now and then ---

    async def expire(self) -> None:
        """Tell who has gone; say again who is here."""
        await self._held.expire()

    async def _came(self, user_id: UserId) -> None:
        await self._tell_all(user_id, is_online=True)

    async def _went(self, user_id: UserId) -> None:
        await self._tell_all(user_id, is_online=False)

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
