"""Steps that change who is in a workspace."""

from msgspec import Struct

from server.core.durable import Role
from server.core.errors import AppError, Code
from server.core.ids import UserId, WorkspaceId
from server.core.limits import Bounds
from server.core.ports.workspaces import Departure, Entrant, NewWorkspace
from server.core.workspaces.values import Workspace, WorkspaceMember
from server.stores.sql.audit import Action, note_in_workspace
from server.stores.sql.conversations.leaving import leave_rooms_in
from server.stores.sql.sign_ins import lock_accounts
from server.stores.sql.steps import Steps, row, run, value
from server.stores.sql.workspaces import finding
from server.stores.sql.workspaces.shapes import no_such_workspace, role_in
from server.stores.sql.workspaces.strangers import check_stranger
from server.stores.sql.workspaces.writing import (
    Letting,
    put_member,
    put_workspace,
    set_role,
    take_member,
)

_RANK = {Role.MEMBER: 0, Role.ADMIN: 1, Role.OWNER: 2}


class Entry(Struct, frozen=True):
    """A workspace that is locked, and the roles in it of whoever asks and of whom it is about.

    Attributes:
        held: How many are in it.
        theirs: None of somebody who is not in it.
    """

    held: int
    own: Role
    theirs: Role | None


def create(user_id: UserId, new: NewWorkspace, now_ms: int, bounds: Bounds) -> Steps[Workspace]:
    yield from _lock_people([user_id])
    if (yield from _joined(user_id)) >= bounds.workspaces_per_user:
        problem = f"you are in {bounds.workspaces_per_user} workspaces; leave one"
        raise AppError(Code.TOO_MANY_ROOMS, problem)
    made = yield from value("SELECT COUNT(*) FROM workspaces WHERE created_by = $1", user_id)
    if made >= bounds.workspaces_by_user:
        raise AppError(Code.TOO_MANY_ROOMS, f"nobody makes more than {bounds.workspaces_by_user}")
    yield from put_workspace(user_id, new, now_ms)
    yield from put_member(new.workspace_id, user_id, Role.OWNER, now_ms)
    return (yield from finding.get(Entrant(user_id=user_id), new.workspace_id))


def set_member(
    who: Entrant,
    workspace_id: WorkspaceId,
    member: UserId,
    role: Role | None,
    now_ms: int,
    bounds: Bounds,
) -> Steps[WorkspaceMember]:
    yield from _lock_people([member])
    entry = yield from _enter(who, workspace_id, member)
    wanted = role or entry.theirs or Role.MEMBER
    if entry.theirs is None:
        _check_rank(entry.own, Role.ADMIN if wanted is Role.MEMBER else Role.OWNER)
        is_unasked = yield from _check_newcomer(who.user_id, member, entry.held, bounds)
        by = Letting(who.user_id, is_unasked=is_unasked)
        yield from put_member(workspace_id, member, wanted, now_ms, by)
        action = Action.WORKSPACE_MEMBER_ADDED
    else:
        yield from _change_role(entry, workspace_id, member, wanted)
        action = Action.WORKSPACE_MEMBER_ROLE
    if entry.theirs is not wanted:
        yield from note_in_workspace(action, workspace_id, who.user_id, member, now_ms)
    return (yield from finding.member(workspace_id, member))


def remove_member(
    who: Entrant, workspace_id: WorkspaceId, member: UserId, now_ms: int, bounds: Bounds
) -> Steps[Departure]:
    entry = yield from _enter(who, workspace_id, member)
    if member != who.user_id:
        is_plain = entry.theirs in (None, Role.MEMBER)
        _check_rank(entry.own, Role.ADMIN if is_plain else Role.OWNER)
    if entry.theirs is None:
        raise AppError(Code.RECIPIENT_NOT_FOUND, "that is nobody's id in this workspace")
    if entry.theirs is Role.OWNER:
        yield from _check_other_owner(workspace_id, member)
    yield from take_member(workspace_id, member, now_ms)
    action = Action.WORKSPACE_MEMBER_REMOVED
    yield from note_in_workspace(action, workspace_id, who.user_id, member, now_ms)
    return (yield from leave_rooms_in(workspace_id, who.user_id, member, now_ms, bounds))


def _enter(who: Entrant, workspace_id: WorkspaceId, member: UserId) -> Steps[Entry]:
    """Lock a workspace to change who is in it.

    Raises:
        AppError: NOT_FOUND unless whoever asks is in it.
    """
    held = yield from value(
        "SELECT members FROM workspaces WHERE workspace_id = $1 FOR NO KEY UPDATE", workspace_id
    )
    if held is None:
        raise no_such_workspace()
    own = yield from role_in(who, workspace_id)
    theirs = yield from value(
        "SELECT role FROM workspace_members "
        "WHERE workspace_id = $1 AND user_id = $2 AND removed_ms IS NULL FOR UPDATE",
        workspace_id,
        member,
    )
    return Entry(held, own, None if theirs is None else Role(theirs))


def _change_role(
    entry: Entry, workspace_id: WorkspaceId, member: UserId, wanted: Role
) -> Steps[None]:
    if entry.theirs is wanted:
        return
    _check_rank(entry.own, Role.OWNER)
    if entry.theirs is Role.OWNER:
        yield from _check_other_owner(workspace_id, member)
    yield from set_role(workspace_id, member, wanted)


def _check_rank(own: Role, least: Role) -> None:
    if _RANK[own] < _RANK[least]:
        raise AppError(Code.FORBIDDEN, f"only who is {least.value} of the workspace may do that")


def _check_other_owner(workspace_id: WorkspaceId, member: UserId) -> Steps[None]:
    other = yield from row(
        "SELECT 1 FROM workspace_members WHERE workspace_id = $1 AND user_id <> $2 "
        "AND role = $3 AND removed_ms IS NULL LIMIT 1",
        workspace_id,
        member,
        Role.OWNER.value,
    )
    if not other:
        raise AppError(Code.FORBIDDEN, "make another the owner first")


def _check_newcomer(asker: UserId, member: UserId, held: int, bounds: Bounds) -> Steps[bool]:
    """Whether somebody can be let into a workspace that holds so many.

    Returns:
        Whether it does not know who asks for it.
    """
    if held >= bounds.workspace_members:
        raise AppError(Code.LIMIT_REACHED, f"a workspace holds {bounds.workspace_members}")
    known = yield from row(
        "SELECT 1 FROM accounts a WHERE a.user_id = $1 AND a.deleted_ms IS NULL AND NOT EXISTS ("
        "SELECT 1 FROM account_blocks b WHERE b.user_id = $1 AND b.blocked_id = $2) "
        "UNION ALL SELECT 1 FROM foreign_users f WHERE f.user_id = $1",
        member,
        asker,
    )
    if not known:
        raise AppError(Code.RECIPIENT_NOT_FOUND, "nobody with that id was here yet")
    if (yield from _joined(member)) >= bounds.workspaces_per_user:
        raise AppError(Code.LIMIT_REACHED, "that one is in too many workspaces")
    return (yield from check_stranger(asker, member, bounds))


def _joined(user_id: UserId) -> Steps[int]:
    found: int = yield from value(
        "SELECT COUNT(*) FROM workspace_members WHERE user_id = $1 AND removed_ms IS NULL",
        user_id,
    )
    return found


def _lock_people(user_ids: list[UserId]) -> Steps[None]:
    """Have none of these be deleted, or come into another workspace, until the end."""
    yield from lock_accounts(user_ids)
    yield from run(
        "SELECT 1 FROM foreign_users WHERE user_id = ANY($1::text[]) "
        "ORDER BY user_id FOR NO KEY UPDATE",
        sorted(map(str, user_ids)),
    )
