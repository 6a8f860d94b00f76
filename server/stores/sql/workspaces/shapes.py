"""From rows to what the core knows of workspaces."""

from server.core.durable import Role
from server.core.errors import AppError, Code
from server.core.ids import NumericUserId, UserId, WorkspaceId
from server.core.ports.workspaces import Entrant
from server.core.workspaces.values import Workspace, WorkspaceMember, WrappedKey
from server.stores.sql.steps import Row, Steps, value

WORKSPACE = (
    "w.workspace_id, w.name, w.created_by, w.created_ms, w.updated_ms, m.role, w.members, "
    "k.version, k.wrapped, k.wrapped_by"
)
"""What `workspace` takes, of a workspace, its newest key and a member."""

MEMBER = "m.user_id, m.role, m.joined_ms, a.username, f.name, f.is_numeric"
"""What `member` takes, of a member, and of its account or what is known of it from elsewhere."""

NAMED = (
    "LEFT JOIN accounts a ON a.user_id = m.user_id AND a.deleted_ms IS NULL "
    "LEFT JOIN foreign_users f ON f.user_id = m.user_id"
)
"""Both of them, of a member `m`."""


def is_in(member: str, claimed: str) -> str:
    """The condition under which a row of `workspace_members` means something to its user.

    Args:
        claimed: The parameter with what the user's token names.
    """
    return (
        f"{member}.removed_ms IS NULL "
        f"AND ({member}.source = 'here' OR {member}.workspace_id = ANY({claimed}::text[]))"
    )


def no_such_workspace() -> AppError:
    return AppError(Code.NOT_FOUND, "there is no such workspace for you")


def claimed(who: Entrant) -> list[str]:
    """As a parameter."""
    return sorted(map(str, who.claimed))


def role_in(who: Entrant, workspace_id: str) -> Steps[Role]:
    """Which role somebody has in a workspace.

    Raises:
        AppError: NOT_FOUND unless it is in it.
    """
    found = yield from value(
        "SELECT m.role FROM workspace_members m "  # noqa: S608
        f"WHERE m.workspace_id = $1 AND m.user_id = $2 AND {is_in('m', '$3')}",
        workspace_id,
        who.user_id,
        claimed(who),
    )
    if found is None:
        raise no_such_workspace()
    return Role(found)


def workspace(found: Row) -> Workspace:
    workspace_id, name, created_by, created_ms, updated_ms, role, members = found[:7]
    return Workspace(
        workspace_id=WorkspaceId(workspace_id),
        name=name.decode(),
        key=wrapped_key((workspace_id, *found[7:10])),
        created_by=UserId(created_by),
        created_ms=created_ms,
        updated_ms=updated_ms,
        role=Role(role),
        members=members,
    )


def wrapped_key(found: Row) -> WrappedKey:
    workspace_id, version, wrapped, wrapped_by = found
    return WrappedKey(
        workspace_id=WorkspaceId(workspace_id),
        version=version,
        wrapped=bytes(wrapped),
        wrapped_by=bytes(wrapped_by),
    )


def member(found: Row) -> WorkspaceMember:
    user_id, role, joined_ms, username, foreign_name, is_numeric = found
    return WorkspaceMember(
        user_id=NumericUserId(user_id) if is_numeric else UserId(user_id),
        name=username or (foreign_name or b"").decode(),
        role=Role(role),
        joined_ms=joined_ms,
    )
