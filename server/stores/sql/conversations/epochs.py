"""Steps that count who has come and gone in a room, and have its members told by their queues."""

from collections.abc import Iterable, Sequence
from enum import Enum

from server.core.queued import KEY_ROTATION, MEMBER_REMOVED
from server.stores.sql.queues.announcing import Announcement
from server.stores.sql.scopes import SHARED
from server.stores.sql.steps import Steps, rows, value


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


def raise_epochs_of(user_id: str, reason: Reason) -> Steps[list[Announcement]]:
    """Count a change in all rooms with roles in which somebody is."""
    found = yield from rows(
        "SELECT r.room_id FROM rooms r JOIN room_members me ON me.room_id = r.room_id "
        "WHERE me.user_id = $1 AND r.pair_key IS NULL AND r.deleted_ms IS NULL "
        f"AND {SHARED} "
        "ORDER BY r.room_id FOR NO KEY UPDATE OF r",
        user_id,
    )
    said = []
    for (room_id,) in found:
        said.append((yield from raise_epoch(room_id, reason)))
    return said
