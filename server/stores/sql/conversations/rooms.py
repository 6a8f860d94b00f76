"""Steps that make, find, change and end rooms."""

from server.core.durable import Conversation, Role
from server.core.errors import AppError, Code
from server.core.ids import RoomId, UserId
from server.core.kinds import Kind
from server.core.limits import REQUEST_LIFE_MS, Bounds
from server.core.ports.conversations import Changed, Ended, NewRoom, RoomChange
from server.stores.sql.audit import Action, note_in_room
from server.stores.sql.conversations.epochs import Reason, first_epoch, removal
from server.stores.sql.conversations.members import (
    Adding,
    Roles,
    end_room,
    hold,
    put_members,
)
from server.stores.sql.conversations.newcomers import (
    check_newcomers,
    is_account,
    most_rooms,
    strangers,
)
from server.stores.sql.conversations.shapes import pair_key, whole_room
from server.stores.sql.queues.announcing import announce
from server.stores.sql.scopes import SHARED
from server.stores.sql.sign_ins import lock_accounts
from server.stores.sql.steps import Steps, row, run, value

_INSERT = (
    "INSERT INTO rooms (room_id, kind, pair_key, name, description, created_by, created_ms, "
    "updated_ms, seq, active_ms, ttl_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 0, $7, $8)"
)


def create(new: NewRoom, now_ms: int, bounds: Bounds) -> Steps[Conversation]:
    members: Roles = {one: Role.MEMBER for one in new.members if one != new.creator}
    if len(members) >= bounds.room_members:
        raise AppError(Code.LIMIT_REACHED, f"a conversation holds {bounds.room_members}")
    yield from lock_accounts([new.creator, *members])
    if (yield from most_rooms([new.creator])) >= bounds.rooms_per_user:
        raise AppError(Code.TOO_MANY_ROOMS, f"you are in {bounds.rooms_per_user} rooms; leave one")
    unasked: frozenset[str] = frozenset()
    if members:
        unasked = yield from check_newcomers(new.creator, map(UserId, members), bounds)
    yield from run(
        _INSERT,
        new.room_id,
        Kind.GROUP.value,
        None,
        new.name.encode(),
        new.description.encode(),
        new.creator,
        now_ms,
        new.ttl_ms,
    )
    adding = Adding(new.creator, now_ms, unasked)
    yield from put_members(new.room_id, {new.creator: Role.OWNER, **members}, adding)
    yield from note_in_room(Action.MEMBER_ADDED, new.room_id, new.creator, members, now_ms)
    said = [first_epoch(new.room_id, [new.creator, *members])]
    yield from announce(said, new.creator, now_ms, bounds)
    return (yield from whole_room(new.room_id, new.creator))


def update(user_id: UserId, room_id: RoomId, change: RoomChange, now_ms: int) -> Steps[Changed]:
    (yield from hold(room_id, user_id)).check_rank(user_id, Role.ADMIN)
    before = yield from whole_room(room_id, user_id)
    name = before.name if change.name is None else change.name
    text = before.description if change.description is None else change.description
    ttl_ms = before.ttl_ms if change.ttl_ms is None else change.ttl_ms or None
    if (name, text, ttl_ms) == (before.name, before.description, before.ttl_ms):
        return Changed(before, is_changed=False)
    yield from run(
        "UPDATE rooms SET name = $2, description = $3, ttl_ms = $4, updated_ms = $5 "
        "WHERE room_id = $1",
        room_id,
        name.encode(),
        text.encode(),
        ttl_ms,
        now_ms,
    )
    after = yield from whole_room(room_id, user_id)
    return Changed(after, is_changed=True)


def delete(
    user_id: UserId, room_id: RoomId, now_ms: int, bounds: Bounds, among: str = SHARED
) -> Steps[Ended]:
    room = yield from hold(room_id, user_id, among)
    room.check_rank(user_id, Role.OWNER)
    yield from end_room(room_id, now_ms)
    yield from room.note(Action.ROOM_ENDED, user_id, [room_id], now_ms)
    yield from room.announce(
        [removal(room_id, room.roles, Reason.DELETED)], user_id, now_ms, bounds
    )
    users = tuple(UserId(one) for one in room.roles)
    return Ended(users, room.workspace_id, room.is_sealed)


# --- direct rooms ---


def make_direct(
    user_id: UserId, other: UserId, room_id: RoomId, now_ms: int, bounds: Bounds
) -> Steps[None]:
    """Make the direct room of two, as `room_id`, unless it is there.

    Raises:
        AppError: RECIPIENT_NOT_FOUND, TOO_MANY_ROOMS, LIMIT_REACHED; FORBIDDEN to oneself.
    """
    if user_id == other:
        raise AppError(Code.FORBIDDEN, "that is you; write to somebody else")
    if not (yield from is_account(other)):
        raise no_such_recipient()
    yield from lock_accounts([user_id, other])  # so that rooms at once are counted one by one
    begun = yield from value(
        "SELECT COUNT(*) FROM rooms WHERE created_by = $1 AND pair_key IS NOT NULL", user_id
    )
    if begun >= bounds.rooms_per_user:
        raise AppError(Code.TOO_MANY_ROOMS, "you have begun too many conversations")
    yield from _check_requests(user_id, other, now_ms, bounds)
    made = yield from value(
        f"{_INSERT} ON CONFLICT (pair_key) DO NOTHING RETURNING room_id",
        room_id,
        Kind.DIRECT.value,
        pair_key(user_id, other),
        b"",
        b"",
        user_id,
        now_ms,
        None,
    )
    if made:
        both: Roles = {user_id: Role.MEMBER, other: Role.MEMBER}
        yield from put_members(room_id, both, Adding(user_id, now_ms, frozenset((other,))))


# Who was banned, deleted or blocked takes no place.
_REQUESTS = (
    "SELECT COUNT(*) FROM room_members me JOIN rooms r ON r.room_id = me.room_id "
    "JOIN accounts a ON a.user_id = me.added_by AND a.deleted_ms IS NULL AND a.banned_ms IS NULL "
    "WHERE me.user_id = $1 AND me.unasked AND me.joined_ms > $2 AND r.pair_key IS NOT NULL "
    "AND r.workspace_id IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM account_blocks b "
    "WHERE b.user_id = $1 AND b.blocked_id = me.added_by)"
)


def _check_requests(user_id: UserId, other: UserId, now_ms: int, bounds: Bounds) -> Steps[None]:
    """Whether a user can begin a conversation with somebody: who knows the other always can.

    Raises:
        AppError: LIMIT_REACHED.
    """
    if not (yield from strangers(user_id, [other])):
        return
    waiting = yield from value(_REQUESTS, other, now_ms - REQUEST_LIFE_MS)
    if waiting >= bounds.requests_by_strangers:
        problem = "too many who do not know this user wait for its answer"
        raise AppError(Code.LIMIT_REACHED, f"{problem}; have it write to you first")


def no_such_recipient() -> AppError:
    return AppError(Code.RECIPIENT_NOT_FOUND, "there is no such user")


def direct_room(user_id: UserId, other: UserId) -> Steps[RoomId | None]:
    """The id of the direct room of two, if there is one."""
    found = yield from value(
        "SELECT room_id FROM rooms WHERE pair_key = $1 AND deleted_ms IS NULL",
        pair_key(user_id, other),
    )
    return None if found is None else RoomId(found)


def open_direct_room(user_id: UserId, other: UserId) -> Steps[RoomId | None]:
    """The same, unless one blocks the other."""
    blocked = yield from row(
        "SELECT 1 FROM account_blocks WHERE (user_id = $1 AND blocked_id = $2) "
        "OR (user_id = $2 AND blocked_id = $1)",
        user_id,
        other,
    )
    return None if blocked else (yield from direct_room(user_id, other))
