"""Steps that write workspaces and their members, for whoever holds the lock on the workspace."""

from msgspec import Struct

from server.core.durable import Role
from server.core.ids import UserId
from server.core.ports.workspaces import NewWorkspace
from server.core.workspaces.values import Standing
from server.stores.sql.audit import Action, note_in_workspace
from server.stores.sql.steps import Steps, row, run


def put_workspace(user_id: str, new: NewWorkspace, now_ms: int) -> Steps[None]:
    """Make a workspace with its first key, unless it is there."""
    made = yield from row(
        "INSERT INTO workspaces (workspace_id, name, key_version, created_by, created_ms, "
        "updated_ms, members, file_bytes) VALUES ($1, $2, $3, $4, $5, $5, 0, 0) "
        "ON CONFLICT (workspace_id) DO NOTHING RETURNING workspace_id",
        new.workspace_id,
        new.name.encode(),
        new.key.version,
        user_id,
        now_ms,
    )
    if not made:
        return
    yield from run(
        "INSERT INTO workspace_keys (workspace_id, version, wrapped, wrapped_by, created_ms) "
        "VALUES ($1, $2, $3, $4, $5)",
        new.workspace_id,
        new.key.version,
        new.key.wrapped,
        new.key.wrapped_by,
        now_ms,
    )
    yield from note_in_workspace(Action.WORKSPACE_MADE, new.workspace_id, user_id, None, now_ms)


class Letting(Struct, frozen=True):
    """How somebody comes into a workspace.

    Attributes:
        by: Who lets it in; None if it comes by itself.
        is_unasked: That is a stranger to it.
        source: `here`, or `claim`: a token names the workspace.
    """

    by: UserId | None = None
    is_unasked: bool = False
    source: str = "here"


BY_ITSELF = Letting()


def put_member(
    workspace_id: str, user_id: str, role: Role, now_ms: int, how: Letting = BY_ITSELF
) -> Steps[None]:
    """Let somebody in who is not in, maybe again."""
    yield from run(
        "INSERT INTO workspace_members (workspace_id, user_id, role, source, joined_ms, status, "
        "status_ms, seen_ms, added_by, unasked) VALUES ($1, $2, $3, $4, $5, $6, $5, $5, $7, $8) "
        "ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = excluded.role, "
        "source = excluded.source, joined_ms = excluded.joined_ms, removed_ms = NULL, "
        "added_by = excluded.added_by, unasked = excluded.unasked",
        workspace_id,
        user_id,
        role.value,
        how.source,
        now_ms,
        Standing.ONLINE.value,
        how.by,
        how.is_unasked,
    )
    yield from _count(workspace_id, 1)


def take_member(workspace_id: str, user_id: str, now_ms: int) -> Steps[None]:
    """Have somebody in no more who is in."""
    yield from run(
        "UPDATE workspace_members SET removed_ms = $3 WHERE workspace_id = $1 AND user_id = $2",
        workspace_id,
        user_id,
        now_ms,
    )
    yield from _count(workspace_id, -1)


def set_role(workspace_id: str, user_id: str, role: Role) -> Steps[None]:
    yield from run(
        "UPDATE workspace_members SET role = $3 WHERE workspace_id = $1 AND user_id = $2",
        workspace_id,
        user_id,
        role.value,
    )


def _count(workspace_id: str, change: int) -> Steps[None]:
    yield from run(
        "UPDATE workspaces SET members = members + $2 WHERE workspace_id = $1",
        workspace_id,
        change,
    )
