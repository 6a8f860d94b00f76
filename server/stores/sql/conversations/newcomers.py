"""Steps that tell who can be put into a room."""

from collections.abc import Iterable

from server.core.errors import AppError, Code
from server.core.ids import UserId
from server.core.limits import Bounds
from server.stores.sql.scopes import SHARED
from server.stores.sql.steps import Steps, row, rows, value

IS_UNASKED = (
    "m.unasked AND NOT EXISTS (SELECT 1 FROM room_members said JOIN rooms r "
    "ON r.room_id = said.room_id AND r.workspace_id = m.workspace_id "
    "WHERE said.user_id = m.user_id AND NOT said.unasked)"
)
"""The condition under which a stranger has put a member `m` into its workspace, where it has said
nothing and made nothing yet."""


def check_newcomers(
    asker: UserId, newcomers: Iterable[UserId], bounds: Bounds
) -> Steps[frozenset[str]]:
    """Whether all of these, whose accounts are locked, can be put into a room by the asker.

    Returns:
        To whom of them the asker is a stranger.

    Raises:
        AppError: RECIPIENT_NOT_FOUND, LIMIT_REACHED.
    """
    wanted = sorted(newcomers)
    known = yield from value(
        "SELECT COUNT(*) FROM accounts WHERE user_id = ANY($1::text[]) AND deleted_ms IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM account_blocks b "
        "WHERE b.user_id = accounts.user_id AND b.blocked_id = $2)",
        wanted,
        asker,
    )
    if known < len(wanted):
        raise AppError(Code.RECIPIENT_NOT_FOUND, "one of them has no account here")
    busiest = yield from most_rooms(wanted)
    if busiest >= bounds.rooms_per_user:
        raise AppError(Code.LIMIT_REACHED, "one of them is in too many rooms")
    unasked = yield from strangers(asker, wanted)
    yield from _check_unasked(asker, sorted(unasked), bounds)
    return unasked


def strangers(asker: UserId, newcomers: list[UserId]) -> Steps[frozenset[str]]:
    """Those who take part in no room of the asker's."""
    known = yield from rows(
        "SELECT DISTINCT theirs.user_id FROM room_members theirs "
        "JOIN room_members own ON own.room_id = theirs.room_id AND own.user_id = $1 "
        f"JOIN rooms r ON r.room_id = own.room_id AND {SHARED} "
        "WHERE theirs.user_id = ANY($2::text[]) AND NOT theirs.unasked",
        asker,
        newcomers,
    )
    return frozenset(newcomers) - {one for (one,) in known}


def _check_unasked(asker: UserId, strangers: list[str], bounds: Bounds) -> Steps[None]:
    """Whether all of these can be put into one more room unasked that is of no workspace.

    Raises:
        AppError: LIMIT_REACHED.
    """
    counts = yield from rows(
        "SELECT COUNT(*), SUM(CASE WHEN me.added_by = $1 THEN 1 ELSE 0 END) "
        "FROM room_members me JOIN rooms r ON r.room_id = me.room_id "
        "WHERE me.user_id = ANY($2::text[]) AND me.unasked AND r.pair_key IS NULL "
        "AND r.workspace_id IS NULL GROUP BY me.user_id",
        asker,
        strangers,
    )
    for by_all, by_asker in counts:
        if by_asker >= bounds.rooms_by_stranger or by_all >= bounds.rooms_by_strangers:
            problem = "one of them does not know you, and was put into enough rooms by strangers"
            raise AppError(Code.LIMIT_REACHED, f"{problem}; have them write to you first")


def most_rooms(user_ids: list[UserId]) -> Steps[int]:
    """In how many rooms with roles is whoever of them is in most."""
    found = yield from value(
        "SELECT COUNT(*) FROM room_members me JOIN rooms r ON r.room_id = me.room_id "
        "WHERE me.user_id = ANY($1::text[]) AND r.pair_key IS NULL "
        "GROUP BY me.user_id ORDER BY COUNT(*) DESC LIMIT 1",
        user_ids,
    )
    return found or 0


def lock_people(workspace_id: str, user_ids: Iterable[str]) -> Steps[frozenset[str]]:
    """Have none of these leave a workspace until the end.

    After accounts and before any room, as who takes somebody out of a workspace has it.

    Returns:
        Those who are in it.
    """
    found = yield from rows(
        "SELECT user_id FROM workspace_members WHERE workspace_id = $1 "
        "AND user_id = ANY($2::text[]) AND removed_ms IS NULL ORDER BY user_id FOR SHARE",
        workspace_id,
        sorted(map(str, user_ids)),
    )
    return frozenset(one for (one,) in found)


def check_people(
    asker: UserId, newcomers: Iterable[str], people: frozenset[str], bounds: Bounds
) -> Steps[None]:
    """Whether all of these can be put into a room of a workspace by the asker.

    Being in the workspace is to know each other, for all but those of `unasked_in`.

    Args:
        people: Those of them who are in the workspace, locked.

    Raises:
        AppError: RECIPIENT_NOT_FOUND, LIMIT_REACHED.
    """
    wanted = sorted(map(UserId, newcomers))
    blocking = yield from value(
        "SELECT 1 FROM account_blocks WHERE user_id = ANY($1::text[]) AND blocked_id = $2 LIMIT 1",
        wanted,
        asker,
    )
    if blocking or not people.issuperset(wanted):
        raise AppError(Code.RECIPIENT_NOT_FOUND, "one of them is not in this workspace")
    if (yield from most_rooms(wanted)) >= bounds.rooms_per_user:
        raise AppError(Code.LIMIT_REACHED, "one of them is in too many rooms")


def unasked_in(
    workspace_id: str, newcomers: Iterable[str], bounds: Bounds, *, is_pair: bool
) -> Steps[frozenset[str]]:
    """Those of these members of a workspace whom a stranger has put there.

    Raises:
        AppError: LIMIT_REACHED if one of them cannot be put into one more room with roles.
    """
    found = yield from rows(
        "SELECT m.user_id FROM workspace_members m WHERE m.workspace_id = $1 "
        f"AND m.user_id = ANY($2::text[]) AND {IS_UNASKED}",
        workspace_id,
        sorted(map(str, newcomers)),
    )
    unasked = sorted(one for (one,) in found)
    if not unasked or is_pair:
        return frozenset(unasked)
    most = yield from value(
        "SELECT COUNT(*) FROM room_members me JOIN rooms r ON r.room_id = me.room_id "
        "WHERE me.user_id = ANY($1::text[]) AND me.unasked AND r.pair_key IS NULL "
        "AND r.workspace_id IS NOT NULL GROUP BY me.user_id ORDER BY COUNT(*) DESC LIMIT 1",
        unasked,
    )
    if (most or 0) >= bounds.rooms_by_strangers:
        problem = "one of them was put into enough rooms by strangers"
        raise AppError(Code.LIMIT_REACHED, f"{problem}; have it say something in one of them first")
    return frozenset(unasked)


def is_account(user_id: UserId) -> Steps[bool]:
    found = yield from row(
        "SELECT 1 FROM accounts WHERE user_id = $1 AND deleted_ms IS NULL", user_id
    )
    return found is not None
