"""Steps that find workspaces, and who is in them."""

# ruff: noqa: S608  # nothing but names of this package is put into statements

from server.core.ids import RoomId, UserId, WorkspaceId
from server.core.ports.workspaces import Entrant, Entry, StandingAt
from server.core.workspaces.values import Standing, Workspace, WorkspaceMember, WrappedKey
from server.stores.sql.conversations.history import NO_END
from server.stores.sql.steps import Row, Steps, row, rows
from server.stores.sql.workspaces import shapes
from server.stores.sql.workspaces.shapes import claimed, is_in, no_such_workspace, role_in

_KEY = "JOIN workspace_keys k ON k.workspace_id = w.workspace_id AND k.version = w.key_version"


def page(who: Entrant) -> Steps[tuple[Workspace, ...]]:
    found = yield from rows(
        f"SELECT {shapes.WORKSPACE} FROM workspace_members m "
        f"JOIN workspaces w ON w.workspace_id = m.workspace_id {_KEY} "
        f"WHERE m.user_id = $1 AND {is_in('m', '$2')} ORDER BY m.joined_ms, m.workspace_id",
        who.user_id,
        claimed(who),
    )
    return tuple(map(shapes.workspace, found))


def get(who: Entrant, workspace_id: WorkspaceId) -> Steps[Workspace]:
    found = yield from row(
        f"SELECT {shapes.WORKSPACE} FROM workspace_members m "
        f"JOIN workspaces w ON w.workspace_id = m.workspace_id {_KEY} "
        f"WHERE m.workspace_id = $1 AND m.user_id = $2 AND {is_in('m', '$3')}",
        workspace_id,
        who.user_id,
        claimed(who),
    )
    if not found:
        raise no_such_workspace()
    return shapes.workspace(found)


def members(
    who: Entrant, workspace_id: WorkspaceId, after: UserId | None, limit: int
) -> Steps[tuple[WorkspaceMember, ...]]:
    yield from role_in(who, workspace_id)
    found = yield from rows(
        f"SELECT {shapes.MEMBER} FROM workspace_members m {shapes.NAMED} "
        "WHERE m.workspace_id = $1 AND m.user_id > $2 AND m.removed_ms IS NULL "
        "ORDER BY m.user_id LIMIT $3",
        workspace_id,
        after or "",
        limit,
    )
    return tuple(map(shapes.member, found))


def member(workspace_id: WorkspaceId, user_id: UserId) -> Steps[WorkspaceMember]:
    """Somebody who is in a workspace."""
    found = yield from rows(
        f"SELECT {shapes.MEMBER} FROM workspace_members m {shapes.NAMED} "
        "WHERE m.workspace_id = $1 AND m.user_id = $2",
        workspace_id,
        user_id,
    )
    return shapes.member(found[0])


def key(workspace_id: WorkspaceId, version: int | None) -> Steps[WrappedKey]:
    found = yield from row(
        "SELECT k.workspace_id, k.version, k.wrapped, k.wrapped_by FROM workspaces w "
        "JOIN workspace_keys k ON k.workspace_id = w.workspace_id "
        "AND k.version = COALESCE($2::bigint, w.key_version) WHERE w.workspace_id = $1",
        workspace_id,
        version,
    )
    if not found:
        raise no_such_workspace()
    return shapes.wrapped_key(found)


def audit(
    workspace_id: WorkspaceId, before: tuple[int, str] | None, limit: int
) -> Steps[tuple[Entry, ...]]:
    yield from key(workspace_id, None)  # there is such a workspace
    found = yield from rows(
        "SELECT entry_id, at_ms, action, user_id, subject_id, room_id FROM audit "
        "WHERE workspace_id = $1 AND (at_ms < $2 OR (at_ms = $2 AND entry_id < $3)) "
        "ORDER BY at_ms DESC, entry_id DESC LIMIT $4",
        workspace_id,
        *(before or (NO_END, "")),
        limit,
    )
    return tuple(map(_entry, found))


def _entry(found: Row) -> Entry:
    entry_id, at_ms, action, user_id, subject_id, room_id = found
    return Entry(
        entry_id=entry_id,
        at_ms=at_ms,
        action=action,
        user_id=None if user_id is None else UserId(user_id),
        subject_id=subject_id,
        room_id=None if room_id is None else RoomId(room_id),
    )


_STANDING = "SELECT m.user_id, m.status, m.status_ms, m.seen_ms FROM workspace_members m"


def standings(
    who: Entrant, workspace_id: WorkspaceId, after: UserId | None, limit: int
) -> Steps[tuple[StandingAt, ...]]:
    yield from role_in(who, workspace_id)
    found = yield from rows(
        f"{_STANDING} WHERE m.workspace_id = $1 AND m.user_id > $2 AND m.removed_ms IS NULL "
        "ORDER BY m.user_id LIMIT $3",
        workspace_id,
        after or "",
        limit,
    )
    return tuple(map(_standing, found))


def standing(workspace_id: WorkspaceId, user_id: UserId) -> Steps[StandingAt | None]:
    found = yield from row(
        f"{_STANDING} WHERE m.workspace_id = $1 AND m.user_id = $2 AND m.removed_ms IS NULL",
        workspace_id,
        user_id,
    )
    return _standing(found) if found else None


def _standing(found: Row) -> StandingAt:
    user_id, status, said_ms, seen_ms = found
    return StandingAt(
        user_id=UserId(user_id), standing=Standing(status), said_ms=said_ms, seen_ms=seen_ms
    )
