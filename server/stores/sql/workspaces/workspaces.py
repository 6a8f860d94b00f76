"""Workspaces in SQL: who is in them."""

from collections.abc import Sequence

from server.core.durable import Role
from server.core.ids import UserId, WorkspaceId
from server.core.limits import Bounds
from server.core.ports.workspaces import (
    Departure,
    Entrant,
    Entry,
    ForeignUser,
    NewWorkspace,
    StandingAt,
)
from server.core.workspaces.values import Standing, Workspace, WorkspaceMember, WrappedKey
from server.stores.sql.database import Database
from server.stores.sql.steps import Steps, run
from server.stores.sql.workspaces import claims, finding, people
from server.stores.sql.workspaces.shapes import role_in


class SqlWorkspaces:
    """A `WorkspaceStore`."""

    def __init__(self, database: Database, bounds: Bounds) -> None:
        self._database = database
        self._bounds = bounds

    # --- people of other systems ---

    async def note_foreign(self, user: ForeignUser, now_ms: int) -> None:
        await self._database.write(lambda: claims.note_foreign(user, now_ms))

    async def unclaimed(self, who: Entrant) -> tuple[WorkspaceId, ...]:
        return await self._database.read(lambda: claims.unclaimed(who))

    async def claim(self, who: Entrant, wanted: Sequence[NewWorkspace], now_ms: int) -> None:
        await self._database.write(lambda: claims.claim(who, wanted, now_ms, self._bounds))

    # --- workspaces and members ---

    async def create(self, user_id: UserId, new: NewWorkspace, now_ms: int) -> Workspace:
        return await self._database.write(lambda: people.create(user_id, new, now_ms, self._bounds))

    async def page(self, who: Entrant) -> tuple[Workspace, ...]:
        return await self._database.read(lambda: finding.page(who))

    async def get(self, who: Entrant, workspace_id: WorkspaceId) -> Workspace:
        return await self._database.look_up(lambda: finding.get(who, workspace_id))

    async def members(
        self, who: Entrant, workspace_id: WorkspaceId, after: UserId | None, limit: int
    ) -> tuple[WorkspaceMember, ...]:
        return await self._database.read(lambda: finding.members(who, workspace_id, after, limit))

    async def set_member(
        self,
        who: Entrant,
        workspace_id: WorkspaceId,
        member: UserId,
        role: Role | None,
        now_ms: int,
    ) -> WorkspaceMember:
        return await self._database.write(
            lambda: people.set_member(who, workspace_id, member, role, now_ms, self._bounds)
        )

    async def remove_member(
        self, who: Entrant, workspace_id: WorkspaceId, member: UserId, now_ms: int
    ) -> Departure:
        return await self._database.write(
            lambda: people.remove_member(who, workspace_id, member, now_ms, self._bounds)
        )

    async def key(self, workspace_id: WorkspaceId, version: int | None = None) -> WrappedKey:
        return await self._database.look_up(lambda: finding.key(workspace_id, version))

    async def audit(
        self, workspace_id: WorkspaceId, before: tuple[int, str] | None, limit: int
    ) -> tuple[Entry, ...]:
        return await self._database.read(lambda: finding.audit(workspace_id, before, limit))

    # --- what they say of themselves ---

    async def set_standing(
        self, who: Entrant, workspace_id: WorkspaceId, standing: Standing, now_ms: int
    ) -> None:
        await self._database.write(lambda: _set_standing(who, workspace_id, standing, now_ms))

    async def standings(
        self, who: Entrant, workspace_id: WorkspaceId, after: UserId | None, limit: int
    ) -> tuple[StandingAt, ...]:
        return await self._database.read(lambda: finding.standings(who, workspace_id, after, limit))

    async def standing(self, workspace_id: WorkspaceId, user_id: UserId) -> StandingAt | None:
        return await self._database.read(lambda: finding.standing(workspace_id, user_id))

    async def note_gone(
        self, workspace_id: WorkspaceId, user_ids: Sequence[UserId], now_ms: int
    ) -> None:
        await self._database.write(lambda: _note_gone(workspace_id, sorted(user_ids), now_ms))


def _set_standing(
    who: Entrant, workspace_id: WorkspaceId, standing: Standing, now_ms: int
) -> Steps[None]:
    yield from role_in(who, workspace_id)
    yield from run(
        "UPDATE workspace_members SET status = $3, status_ms = $4, seen_ms = $4 "
        "WHERE workspace_id = $1 AND user_id = $2",
        workspace_id,
        who.user_id,
        standing.value,
        now_ms,
    )


def _note_gone(workspace_id: WorkspaceId, user_ids: list[UserId], now_ms: int) -> Steps[None]:
    # Locked in their order: others note some of the same.
    yield from run(
        "SELECT 1 FROM workspace_members WHERE workspace_id = $1 AND user_id = ANY($2::text[]) "
        "ORDER BY user_id FOR UPDATE",
        workspace_id,
        list(map(str, user_ids)),
    )
    yield from run(
        "UPDATE workspace_members SET seen_ms = $3 "
        "WHERE workspace_id = $1 AND user_id = ANY($2::text[]) AND seen_ms < $3",
        workspace_id,
        list(map(str, user_ids)),
        now_ms,
    )
