"""Steps by which members leave rooms: one, those of a workspace, or all with the account."""

from server.core.durable import Role
from server.core.errors import AppError, Code
from server.core.ids import DeviceId, RoomId, UserId
from server.core.limits import Bounds
from server.core.ports.conversations import Left
from server.core.ports.workspaces import Departure
from server.stores.sql.audit import Action, note_in_room
from server.stores.sql.conversations.epochs import Reason, raise_epoch, removal
from server.stores.sql.conversations.members import (
    MEMBER_TABLES,
    RANK,
    Roles,
    end_room,
    hold,
    roles_in,
    set_role,
    touch,
)
from server.stores.sql.conversations.shapes import whole_room
from server.stores.sql.queues.announcing import announce
from server.stores.sql.scopes import SHARED
from server.stores.sql.steps import Steps, rows, run, value

USUAL = Bounds()


def remove_member(
    user_id: UserId,
    room_id: RoomId,
    member: UserId,
    now_ms: int,
    bounds: Bounds,
    among: str = SHARED,
) -> Steps[Left]:
    room = yield from hold(room_id, user_id, among)
    roles = room.roles
    if member != user_id:
        is_plain = roles.get(member, Role.MEMBER) is Role.MEMBER
        room.check_rank(user_id, Role.ADMIN if is_plain else Role.OWNER)
    if member not in roles:
        raise AppError(Code.RECIPIENT_NOT_FOUND, "that is nobody's id in this conversation")
    yield from room.note(Action.MEMBER_REMOVED, user_id, [member], now_ms)
    reason = Reason.LEFT if member == user_id else Reason.REMOVED
    is_left = yield from _take_out(room_id, member, roles, now_ms)
    said = [removal(room_id, [member], reason)]
    if is_left:
        said.append((yield from raise_epoch(room_id, reason)))
    yield from room.announce(said, user_id, now_ms, bounds)
    rest = (yield from whole_room(room_id, among=among)) if is_left else None
    return Left(rest, room.workspace_id, room.is_sealed)


def _take_out(room_id: RoomId, member: UserId, roles: Roles, now_ms: int) -> Steps[bool]:
    """Take a member out of a locked room, and see to who owns it then.

    Returns:
        Whether there is anybody left.
    """
    for table in MEMBER_TABLES:
        yield from run(f"DELETE FROM {table} WHERE room_id = $1 AND user_id = $2", room_id, member)
    others = {one: role for one, role in roles.items() if one != member}
    if not others:
        yield from end_room(room_id, now_ms)
        return False
    if roles[member] is Role.OWNER:
        heir = max(others, key=lambda one: RANK[others[one]])  # the first of the highest
        yield from set_role(room_id, heir, Role.OWNER)
        of = yield from value("SELECT workspace_id FROM rooms WHERE room_id = $1", room_id)
        yield from note_in_room(Action.MADE_OWNER, room_id, member, [heir], now_ms, of)
    yield from touch(room_id, now_ms)
    return True


def leave_rooms(
    user_id: UserId, device_id: DeviceId | None, now_ms: int, bounds: Bounds = USUAL
) -> Steps[None]:
    """Forget how far a device was that is revoked; or take an account out that is deleted.

    Its direct rooms stay for the others, and so does what it said; those that were left to it
    alone end.
    """
    if device_id is not None:
        yield from _lock_places(user_id)
        yield from run(
            "DELETE FROM device_cursors WHERE user_id = $1 AND device_id = $2", user_id, device_id
        )
        return
    found = yield from rows(
        "SELECT r.room_id, r.pair_key, r.is_sealed FROM rooms r WHERE r.room_id IN ("
        "SELECT room_id FROM room_members WHERE user_id = $1) "
        "ORDER BY r.room_id FOR NO KEY UPDATE",
        user_id,
    )
    yield from _lock_places(user_id)
    for room_id in (yield from _left_to(user_id, [one[0] for one in found if one[1]])):
        yield from end_room(room_id, now_ms)
    said = []
    for room_id, _, is_sealed in (one for one in found if one[1] is None):
        roles = yield from roles_in(room_id)
        if user_id in roles and (yield from _take_out(room_id, user_id, roles, now_ms)):
            rotation = yield from raise_epoch(room_id, Reason.LEFT)
            said += [] if is_sealed else [rotation]
    yield from run("DELETE FROM device_cursors WHERE user_id = $1", user_id)
    yield from announce(said, user_id, now_ms, bounds, [user_id])  # after all rooms are locked


def leave_rooms_in(
    workspace_id: str, by: UserId, user_id: UserId, now_ms: int, bounds: Bounds
) -> Steps[Departure]:
    """Take somebody out of the rooms of a workspace, direct ones too, which stay for the others.

    Args:
        by: Who does it.
    """
    found = yield from rows(
        "SELECT r.room_id, r.pair_key, r.is_sealed FROM rooms r WHERE r.workspace_id = $1 "
        "AND r.room_id IN (SELECT room_id FROM room_members WHERE user_id = $2) "
        "ORDER BY r.room_id FOR NO KEY UPDATE",
        workspace_id,
        user_id,
    )
    reason = Reason.LEFT if by == user_id else Reason.REMOVED
    abandoned = yield from _left_to(user_id, [one[0] for one in found if one[1]])
    said, left, living = [], [], []
    for room_id, key, is_sealed in found:
        roles = yield from roles_in(room_id)
        if user_id not in roles:
            continue  # it was faster
        left.append(room_id)
        told = [removal(room_id, [user_id], reason)]
        if room_id in abandoned:
            yield from end_room(room_id, now_ms)
        elif (yield from _take_out(room_id, user_id, roles, now_ms)):
            living.append(room_id)
            if key is None:
                told.append((yield from raise_epoch(room_id, reason)))
        said += [] if is_sealed or key else told
    yield from announce(said, by, now_ms, bounds)  # after all rooms are locked
    opaque = [one[0] for one in found if one[0] in left and not one[2]]
    return Departure(left=tuple(left), changed=tuple(living), opaque=tuple(opaque))


def _left_to(user_id: UserId, direct_rooms: list[RoomId]) -> Steps[list[RoomId]]:
    """Those of these rooms, which are locked, whose other member was deleted, or left, before."""
    found = yield from rows(
        "SELECT r.room_id FROM rooms r WHERE r.room_id = ANY($1::text[]) AND NOT EXISTS ("
        "SELECT 1 FROM room_members other LEFT JOIN accounts a ON a.user_id = other.user_id "
        "WHERE other.room_id = r.room_id AND other.user_id <> $2 AND a.deleted_ms IS NULL) "
        "ORDER BY r.room_id",
        direct_rooms,
        user_id,
    )
    return [RoomId(one) for (one,) in found]


def _lock_places(user_id: UserId) -> Steps[None]:
    """Have a user acknowledge nothing until the end."""
    yield from run(
        "SELECT 1 FROM room_members WHERE user_id = $1 ORDER BY room_id FOR UPDATE", user_id
    )
