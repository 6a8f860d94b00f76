"""Steps that count who has come and gone in a room, and have its members told by their queues."""

from collections.abc import Iterable, Sequence
from enum import Enum

from server.core.limits import Bounds
from server.core.queued import KEY_ROTATION, MEMBER_REMOVED
from server.stores.sql.queues.announcing import Announcement, announce
from server.stores.sql.scopes import SHARED
from server.stores.sql.steps import Row, Steps, rows, run, value


class Reason(Enum):
    """Why members need another key, or are none any more."""

    CREATED = "created"
    ADDED = "member_added"
    REMOVED = "member_removed"
    LEFT = "member_left"
    KEY_CHANGED = "key_changed"
    DELETED = "group_deleted"


def first_epoch(room_id: str, members: Sequence[str]) -> Announcement:
    """What the members of a new room are told."""
    return _rotation(room_id, 1, members, Reason.CREATED)


def raise_epoch(room_id: str, reason: Reason) -> Steps[Announcement]:
    """Count a change of a locked room, after it was made.

    Returns:
        What its members are to be told.
    """
    epoch = yield from value(
        "UPDATE rooms SET epoch = epoch + 1 WHERE room_id = $1 RETURNING epoch", room_id
    )
    found = yield from rows(
        "SELECT user_id FROM room_members WHERE room_id = $1 ORDER BY joined_ms, user_id", room_id
    )
    return _rotation(room_id, epoch, [user_id for (user_id,) in found], reason)


def removal(room_id: str, users: Iterable[str], reason: Reason) -> Announcement:
    """What those are told who are no members any more."""
    metadata = {"group_id": str(room_id), "reason": reason.value}
    return Announcement(MEMBER_REMOVED, room_id, tuple(map(str, users)), metadata)


def _rotation(room_id: str, epoch: int, members: Sequence[str], reason: Reason) -> Announcement:
    users = tuple(map(str, members))
    metadata = {
        "group_id": str(room_id),
        "epoch": epoch,
        "members": users,
        "reason": reason.value,
    }
    return Announcement(KEY_ROTATION, room_id, users, metadata)


def have_rotated(user_id: str) -> Steps[None]:
    """Note that another key is due in all rooms with roles in which somebody is.

    The account is locked, so it comes into no other one meanwhile.
    """
    yield from run(
        "INSERT INTO rotations_due (user_id, room_id) "
        "SELECT me.user_id, r.room_id FROM rooms r JOIN room_members me ON me.room_id = r.room_id "
        "WHERE me.user_id = $1 AND r.pair_key IS NULL AND r.deleted_ms IS NULL "
        f"AND {SHARED} ORDER BY r.room_id ON CONFLICT (user_id, room_id) DO NOTHING",
        user_id,
    )


def due(user_id: str | None, limit: int) -> Steps[list[Row]]:
    """For whom another key is due, of one or of all, and in which rooms."""
    return (
        yield from rows(
            "SELECT user_id, room_id FROM rotations_due "
            "WHERE ($1::text IS NULL OR user_id = $1) ORDER BY user_id, room_id LIMIT $2",
            user_id,
            limit,
        )
    )


def rotate(user_id: str, room_id: str, now_ms: int, bounds: Bounds) -> Steps[Sequence[str]]:
    """Count one change that is due, unless another has, and have the room's members told.

    Returns:
        These members.
    """
    is_there = yield from value(
        "SELECT 1 FROM rooms WHERE room_id = $1 AND deleted_ms IS NULL FOR NO KEY UPDATE", room_id
    )
    was_due = yield from value(
        "DELETE FROM rotations_due WHERE user_id = $1 AND room_id = $2 RETURNING 1",
        user_id,
        room_id,
    )
    if not (is_there and was_due):
        return ()
    said = yield from raise_epoch(room_id, Reason.KEY_CHANGED)
    yield from announce([said], user_id, now_ms, bounds)
    return said.users
