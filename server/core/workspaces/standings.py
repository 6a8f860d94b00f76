"""Who is there in a workspace, and as what it is shown: by choice, and by its connections."""

from collections.abc import Awaitable, Callable

from msgspec import structs

from server.core.held import Held
from server.core.identity import User
from server.core.ids import UserId, WorkspaceId
from server.core.parts import Parts
from server.core.ports import PresenceStore, Topics
from server.core.ports.workspaces import Entrant, StandingAt, WorkspaceStore
from server.core.rates import spend
from server.core.workspaces.events import StandingChanged
from server.core.workspaces.values import Standing

Enter = Callable[[User], Awaitable[Entrant]]


class Standings:
    """Presence in workspaces. Somebody is there who has joined with a connection, on any process,
    or has said what it is within a minute; it is shown as what it chose, and else as offline.

    Args:
        present: Who is there, in a space of its own.
        grace_ms: Who is back by then was never offline.
    """

    def __init__(
        self,
        parts: Parts,
        store: WorkspaceStore,
        present: PresenceStore,
        topics: Topics,
        enter: Enter,
        grace_ms: int,
    ) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._store = store
        self._present = present
        self._topics = topics
        self._enter = enter
        self._held = Held(present, parts.clock, grace_ms, self._came, self._went)

    # --- coming and going ---

    async def arrive(self, workspace_id: WorkspaceId, user_id: UserId) -> None:
        """A connection of somebody has joined a workspace."""
        await self._held.arrive(key_of(workspace_id, user_id))

    def leave(self, workspace_id: WorkspaceId, user_id: UserId) -> None:
        """It hears of it no more."""
        self._held.leave(key_of(workspace_id, user_id))

    async def expire(self) -> None:
        """Tell who has gone; say again who is here.

        Raises:
            AppError: UNAVAILABLE; it is tried again.
        """
        await self._held.expire()

    async def _came(self, key: UserId) -> None:
        workspace_id, user_id = of_key(key)
        chosen = await self._store.standing(workspace_id, user_id)
        if chosen and chosen.standing is not Standing.OFFLINE:  # who chose that comes unseen
            await self._tell(workspace_id, chosen)

    async def _went(self, key: UserId) -> None:
        workspace_id, user_id = of_key(key)
        now_ms = self._clock.now_ms()
        gone = StandingAt(
            user_id=user_id, standing=Standing.OFFLINE, said_ms=now_ms, seen_ms=now_ms
        )
        chosen = await self._store.standing(workspace_id, user_id)
        if chosen is None:  # it was put out, and those who saw it are to see it no more
            await self._tell(workspace_id, gone)
        elif chosen.standing is not Standing.OFFLINE:
            await self._store.note_gone(workspace_id, (user_id,), now_ms)
            await self._tell(workspace_id, structs.replace(gone, said_ms=chosen.said_ms))

    # --- what is shown ---

    async def shown(
        self, user: User, workspace_id: WorkspaceId, after: UserId | None, limit: int
    ) -> tuple[StandingAt, ...]:
        """Who is in a workspace, in order of their ids, each as it is shown.

        Raises:
            AppError: NOT_FOUND unless the user is in it; UNAVAILABLE; as `enter`.
        """
        who = await self._enter(user)
        found = await self._store.standings(who, workspace_id, after, limit)
        keys = {one.user_id: key_of(workspace_id, one.user_id) for one in found}
        there = await self._present.present(tuple(keys.values()), self._clock.now_ms())
        return tuple(
            one if keys[one.user_id] in there else structs.replace(one, standing=Standing.OFFLINE)
            for one in found
        )

    async def choose(self, user: User, workspace_id: WorkspaceId, standing: Standing) -> StandingAt:
        """Be shown as that from now on, while one is there; for a minute without a connection.

        Raises:
            AppError: NOT_FOUND unless the user is in it; RATE_LIMITED; UNAVAILABLE; as `enter`.
        """
        who, now_ms = await self._enter(user), self._clock.now_ms()
        rate, limiter = self._parts.rates.presence, self._parts.limiter
        await spend(limiter, "presence", user.user_id, rate, now_ms)
        await self._store.set_standing(who, workspace_id, standing, now_ms)
        chosen = StandingAt(user_id=user.user_id, standing=standing, said_ms=now_ms, seen_ms=now_ms)
        if not await self._held.touch(key_of(workspace_id, user.user_id)):
            await self._tell(workspace_id, chosen)
        return chosen

    async def _tell(self, workspace_id: WorkspaceId, shown: StandingAt) -> None:
        await self._topics.publish(
            StandingChanged(
                workspace_id=workspace_id,
                user_id=shown.user_id,
                standing=shown.standing,
                seen_ms=shown.seen_ms,
                said_ms=shown.said_ms,
            )
        )


def key_of(workspace_id: WorkspaceId, user_id: UserId) -> UserId:
    """Names somebody in a workspace: no two of them share one, whatever is in their ids."""
    return UserId(f"{len(workspace_id)}:{workspace_id}{user_id}")


def of_key(key: UserId) -> tuple[WorkspaceId, UserId]:
    """Whom a key names, and where."""
    length, _, rest = key.partition(":")
    return WorkspaceId(rest[: int(length)]), UserId(rest[int(length) :])
