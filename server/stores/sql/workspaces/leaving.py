"""Steps by which an account that is deleted leaves its workspaces."""

from server.core.durable import Role
from server.core.ids import DeviceId, UserId, WorkspaceId
from server.stores.sql.audit import Action, note_in_workspace
from server.stores.sql.steps import Steps, row, rows
from server.stores.sql.workspaces.writing import set_role, take_member


def leave_workspaces(user_id: UserId, device_id: DeviceId | None, now_ms: int) -> Steps[None]:
    """Take an account that is deleted out of all workspaces; its rooms are seen to by others.

    A workspace that it alone owned belongs to who is longest there, of admins if there are any.
    """
    if device_id is not None:
        return
    found = yield from rows(
        "SELECT w.workspace_id FROM workspaces w WHERE w.workspace_id IN ("
        "SELECT workspace_id FROM workspace_members WHERE user_id = $1 AND removed_ms IS NULL) "
        "ORDER BY w.workspace_id FOR NO KEY UPDATE",
        user_id,
    )
    for (workspace_id,) in found:
        is_owner = yield from row(
            "SELECT 1 FROM workspace_members "
            "WHERE workspace_id = $1 AND user_id = $2 AND role = 'owner'",
            workspace_id,
            user_id,
        )
        yield from take_member(workspace_id, user_id, now_ms)
        action = Action.WORKSPACE_MEMBER_REMOVED
        yield from note_in_workspace(action, workspace_id, user_id, user_id, now_ms)
        if is_owner:
            yield from _see_to_owner(WorkspaceId(workspace_id), user_id, now_ms)


def _see_to_owner(workspace_id: WorkspaceId, former: UserId, now_ms: int) -> Steps[None]:
    first = yield from row(
        "SELECT user_id, role FROM workspace_members "
        "WHERE workspace_id = $1 AND removed_ms IS NULL "
        "ORDER BY CASE role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END, joined_ms, user_id "
        "LIMIT 1 FOR UPDATE",
        workspace_id,
    )
    if first and Role(first[1]) is not Role.OWNER:
        yield from set_role(workspace_id, first[0], Role.OWNER)
        action = Action.WORKSPACE_MEMBER_ROLE
        yield from note_in_workspace(action, workspace_id, former, first[0], now_ms)
