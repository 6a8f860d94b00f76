"""Steps that tell into how many workspaces somebody can be put by those who do not know it."""

# ruff: noqa: S608  # nothing but names of this package is put into statements

from server.core.errors import AppError, Code
from server.core.ids import UserId
from server.core.limits import Bounds
from server.stores.sql.conversations.newcomers import IS_UNASKED, strangers
from server.stores.sql.steps import Steps, row, rows

_KNOWN = (
    "SELECT 1 FROM workspace_members own JOIN workspace_members m "
    "ON m.workspace_id = own.workspace_id AND m.user_id = $2 AND m.removed_ms IS NULL "
    f"WHERE own.user_id = $1 AND own.removed_ms IS NULL AND NOT ({IS_UNASKED}) LIMIT 1"
)

_COUNTS = (
    "SELECT COUNT(*), SUM(CASE WHEN m.added_by = $1 THEN 1 ELSE 0 END) FROM workspace_members m "
    f"WHERE m.user_id = $2 AND m.removed_ms IS NULL AND {IS_UNASKED}"
)


def check_stranger(asker: UserId, member: UserId, bounds: Bounds) -> Steps[bool]:
    """Whether somebody, whose account is locked, can be put into one more workspace by the asker.

    Returns:
        Whether the asker is a stranger to it: it takes part in no workspace and in no room of the
        asker's.

    Raises:
        AppError: LIMIT_REACHED.
    """
    known = yield from row(_KNOWN, asker, member)
    if known or not (yield from strangers(asker, [member])):
        return False
    ((by_all, by_asker),) = yield from rows(_COUNTS, asker, member)
    if by_all >= bounds.workspaces_by_strangers or (by_asker or 0) >= bounds.workspaces_by_stranger:
        problem = "that one does not know you, and was put into enough workspaces by strangers"
        raise AppError(Code.LIMIT_REACHED, f"{problem}; have it write to you first")
    return True
