"""Steps by which users of other systems come to be, and come into workspaces that tokens name."""

from collections.abc import Sequence

from server.core.errors import AppError, Code
from server.core.ids import WorkspaceId
from server.core.limits import Bounds
from server.core.ports.workspaces import Entrant, ForeignUser, NewWorkspace
from server.stores.sql.audit import Action, note_in_workspace
from server.stores.sql.steps import Steps, row, rows, value
from server.stores.sql.workspaces.shapes import claimed
from server.stores.sql.workspaces.writing import Letting, put_member, put_workspace


def note_foreign(user: ForeignUser, now_ms: int) -> Steps[None]:
    noted = yield from row(
        "INSERT INTO foreign_users (user_id, issuer, is_numeric, name, seen_ms) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id) DO UPDATE "
        "SET is_numeric = excluded.is_numeric, name = excluded.name, seen_ms = excluded.seen_ms "
        "WHERE foreign_users.issuer = excluded.issuer RETURNING user_id",
        user.user_id,
        user.issuer,
        user.is_numeric,
        user.name.encode(),
        now_ms,
    )
    account = yield from value("SELECT 1 FROM accounts WHERE user_id = $1", user.user_id)
    if account or not noted:
        raise AppError(Code.FORBIDDEN, "that user id is somebody else's here; use another token")


def unclaimed(who: Entrant) -> Steps[tuple[WorkspaceId, ...]]:
    found = yield from rows(
        "SELECT workspace_id FROM workspace_members "
        "WHERE user_id = $1 AND workspace_id = ANY($2::text[])",
        who.user_id,
        claimed(who),
    )
    return tuple(sorted(who.claimed - {WorkspaceId(one) for (one,) in found}))


def claim(who: Entrant, wanted: Sequence[NewWorkspace], now_ms: int, bounds: Bounds) -> Steps[None]:
    # In order, so that no two who make and lock some of the same wait for each other.
    for new in sorted(wanted, key=lambda one: one.workspace_id):
        yield from put_workspace(who.user_id, new, now_ms)
    found = yield from rows(
        "SELECT w.workspace_id, w.members FROM workspaces w "
        "WHERE w.workspace_id = ANY($1::text[]) ORDER BY w.workspace_id FOR NO KEY UPDATE",
        sorted(str(one.workspace_id) for one in wanted),
    )
    new_to = yield from unclaimed(who)
    for workspace_id, members in found:
        if workspace_id in new_to and members < bounds.workspace_members:
            yield from put_member(
                workspace_id, who.user_id, who.claims_role, now_ms, Letting(source="claim")
            )
            yield from note_in_workspace(
                Action.WORKSPACE_MEMBER_ADDED, workspace_id, who.user_id, who.user_id, now_ms
            )
