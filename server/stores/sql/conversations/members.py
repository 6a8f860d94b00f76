"""Steps that change who is in a room."""

from collections.abc import Iterable

from msgspec import Struct

from server.core.durable import Role
from server.core.errors import AppError, Code
from server.core.ids import RoomId, UserId, WorkspaceId
from server.core.kinds import DURABLE, Kind
from server.core.limits import Bounds
from server.core.ports.conversations import Changed
from server.stores.sql.audit import Action, note_in_room
from server.stores.sql.conversations.epochs import Reason, raise_epoch
from server.stores.sql.conversations.newcomers import (
    check_newcomers,
    check_people,
    lock_people,
    unasked_in,
)
from server.stores.sql.conversations.shapes import no_such_room, whole_room
from server.stores.sql.queues.announcing import Announcement, announce
from server.stores.sql.scopes import OF_WORKSPACES, SHARED
from server.stores.sql.sign_ins import lock_accounts
from server.stores.sql.steps import Steps, row, rows, run, run_many, value

RANK = {Role.MEMBER: 0, Role.ADMIN: 1, Role.OWNER: 2}

Roles = dict[str, Role]

MEMBER_TABLES = ("room_members", "device_cursors")
"""What is of a member of a room; it is deleted in the order in which receipts lock it."""


class Held(Struct, frozen=True):
    """A room with roles, locked.

    Attributes:
        roles: Of all its members, in order of joining.
    """

    room_id: RoomId
    workspace_id: WorkspaceId | None
    is_sealed: bool
    roles: Roles

    def check_rank(self, user_id: UserId, least: Role) -> None:
        """Let pass who is at least that.

        Raises:
            AppError: FORBIDDEN.
        """
        if RANK[self.roles[user_id]] < RANK[least]:
            told = f"only who is {least.value} of the conversation may do that"
            raise AppError(Code.FORBIDDEN, told)

    def note(
        self, action: Action, user_id: str, members: Iterable[str], now_ms: int
    ) -> Steps[None]:
        """Note what a member did to others there, or to itself."""
        yield from note_in_room(
            action, self.room_id, user_id, members, now_ms, workspace_id=self.workspace_id
        )

    def announce(
        self, said: list[Announcement], by: UserId, now_ms: int, bounds: Bounds
    ) -> Steps[None]:
        """Have the queues of its members say so, if they know of such rooms."""
        if not self.is_sealed:
            yield from announce(said, by, now_ms, bounds)


class Adding(Struct, frozen=True):
    """Who lets somebody into a room and when, and who of them has not asked for it."""

    user_id: UserId
    now_ms: int
    unasked: frozenset[str]


_MADE = {
    Role.OWNER: Action.MADE_OWNER,
    Role.ADMIN: Action.MADE_ADMIN,
    Role.MEMBER: Action.MADE_MEMBER,
}


def hold(
    room_id: RoomId, user_id: UserId, among: str = SHARED, *, comes_by_itself: bool = False
) -> Steps[Held]:
    """Lock a room with roles, of which the user is a member.

    Args:
        comes_by_itself: It need not be one yet, if the room is open to it.

    Raises:
        AppError: NOT_FOUND; FORBIDDEN of a room without roles.
    """
    found = yield from row(
        "SELECT r.kind, r.workspace_id, r.is_sealed FROM rooms r "
        f"WHERE r.room_id = $1 AND r.deleted_ms IS NULL AND {among} FOR NO KEY UPDATE",
        room_id,
    )
    roles = yield from roles_in(room_id)
    if not found:
        raise no_such_room()
    kind, workspace_id, is_sealed = found
    policy = DURABLE[Kind(kind)]
    if user_id not in roles and not (comes_by_itself and policy.is_open):
        raise no_such_room()
    if not policy.is_managed:
        raise AppError(Code.FORBIDDEN, "a direct conversation stays as it is")
    of = None if workspace_id is None else WorkspaceId(workspace_id)
    return Held(room_id, of, bool(is_sealed), roles)


def roles_in(room_id: RoomId) -> Steps[Roles]:
    """Of all members of a room, in order of joining."""
    found = yield from rows(
        "SELECT user_id, role FROM room_members WHERE room_id = $1 ORDER BY joined_ms, user_id",
        room_id,
    )
    return {member: Role(role) for member, role in found}


def put_members(
    room_id: RoomId, roles: Roles, by: Adding, seq: int = 0, *, reads_back: bool = False
) -> Steps[None]:
    """Let newcomers in.

    Args:
        seq: Of the newest message; what was sent up to that is not for them.
        reads_back: It is, but nothing of it is new.
    """
    since = 0 if reads_back else seq
    yield from run_many(
        "INSERT INTO room_members (room_id, user_id, role, joined_ms, joined_seq, read_seq, "
        "added_by, unasked) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (room_id, user_id, role.value, by.now_ms, since, seq, by.user_id, user_id in by.unasked)
            for user_id, role in roles.items()
        ],
    )


def take_part(members: Iterable[tuple[str, str]]) -> Steps[None]:
    """Note of members of rooms that they have said something where a stranger has put them."""
    yield from run_many(
        "UPDATE room_members SET unasked = FALSE WHERE room_id = $1 AND user_id = $2",
        sorted(members),
    )


def add_member(
    user_id: UserId,
    room_id: RoomId,
    member: UserId,
    role: Role | None,
    now_ms: int,
    bounds: Bounds,
    among: str = SHARED,
    *,
    may_join: bool = True,
) -> Steps[Changed]:
    yield from lock_accounts([member])
    of = yield from value("SELECT workspace_id FROM rooms WHERE room_id = $1", room_id)
    people = (yield from lock_people(of, [member])) if of else frozenset()
    comes_by_itself = among == OF_WORKSPACES and user_id == member and member in people
    room = yield from hold(room_id, user_id, among, comes_by_itself=comes_by_itself)
    roles = room.roles
    wanted = role or roles.get(member, Role.MEMBER)
    is_changed = roles.get(member) is not wanted
    if is_changed:
        is_plain = member not in roles and wanted is Role.MEMBER
        if user_id in roles:
            room.check_rank(user_id, Role.ADMIN if is_plain else Role.OWNER)
        elif not is_plain:
            raise AppError(Code.FORBIDDEN, "come in as a member")
        if roles.get(member) is Role.OWNER:
            raise AppError(Code.FORBIDDEN, "the owner makes another the owner first, or leaves")
        if member not in roles:
            if not may_join:
                raise AppError(Code.RECIPIENT_NOT_FOUND, "that is nobody's id in this conversation")
            yield from _let_in(user_id, room, member, people, now_ms, bounds)
        if member in roles or wanted is not Role.MEMBER:
            yield from set_role(room_id, member, wanted)
            yield from room.note(_MADE[wanted], user_id, [member], now_ms)
        if wanted is Role.OWNER:
            yield from set_role(room_id, user_id, Role.ADMIN)
        yield from touch(room_id, now_ms)
    shown = yield from whole_room(room_id, user_id, among)
    return Changed(shown, is_changed, has_joined=member not in roles)


def _let_in(
    asker: UserId,
    room: Held,
    member: UserId,
    people: frozenset[str],
    now_ms: int,
    bounds: Bounds,
) -> Steps[None]:
    if len(room.roles) >= bounds.room_members:
        told = f"a conversation holds {bounds.room_members}; make another one"
        raise AppError(Code.ROOM_FULL, told)
    unasked: frozenset[str] = frozenset()
    if room.workspace_id is None:
        unasked = yield from check_newcomers(asker, [member], bounds)
    else:
        yield from check_people(asker, [member], people, bounds)
        if member != asker:
            unasked = yield from unasked_in(room.workspace_id, [member], bounds, is_pair=False)
    seq = yield from value("SELECT seq FROM rooms WHERE room_id = $1", room.room_id)
    adding = Adding(asker, now_ms, unasked)
    newcomer: Roles = {member: Role.MEMBER}
    yield from put_members(room.room_id, newcomer, adding, seq, reads_back=room.is_sealed)
    yield from room.note(Action.MEMBER_ADDED, asker, [member], now_ms)
    said = yield from raise_epoch(room.room_id, Reason.ADDED)
    yield from room.announce([said], asker, now_ms, bounds)


def set_role(room_id: RoomId, member: str, role: Role) -> Steps[None]:
    yield from run(
        "UPDATE room_members SET role = $3 WHERE room_id = $1 AND user_id = $2",
        room_id,
        member,
        role.value,
    )


def touch(room_id: RoomId, now_ms: int) -> Steps[None]:
    """Note that a room was changed."""
    yield from run("UPDATE rooms SET updated_ms = $2 WHERE room_id = $1", room_id, now_ms)


def end_room(room_id: RoomId, now_ms: int) -> Steps[None]:
    """Have a room be nobody's; its messages are forgotten by and by."""
    for table in MEMBER_TABLES:
        yield from run(f"DELETE FROM {table} WHERE room_id = $1", room_id)
    # So that another one may take its place: for these two, or for this document.
    yield from run(
        "UPDATE rooms SET deleted_ms = $2, pair_key = NULL, document_id = NULL WHERE room_id = $1",
        room_id,
        now_ms,
    )


def all_members(user_id: UserId, room_id: RoomId) -> Steps[tuple[UserId, ...]]:
    found = yield from rows(
        "SELECT me.user_id FROM room_members me JOIN rooms r ON r.room_id = me.room_id "
        f"WHERE me.room_id = $1 AND {SHARED}",
        room_id,
    )
    members = tuple(UserId(one) for (one,) in found)
    if user_id not in members:
        raise no_such_room()
    return members


def acquaintances(user_id: UserId, limit: int) -> Steps[tuple[UserId, ...]]:
    found = yield from rows(
        "SELECT DISTINCT others.user_id FROM room_members AS own "
        "JOIN room_members AS others ON others.room_id = own.room_id "
        f"JOIN rooms r ON r.room_id = own.room_id AND {SHARED} "
        "WHERE own.user_id = $1 AND others.user_id <> $1 "
        "AND NOT own.unasked AND NOT others.unasked AND NOT EXISTS ("
        "SELECT 1 FROM account_blocks AS b WHERE (b.user_id = $1 AND "
        "b.blocked_id = others.user_id) OR (b.user_id = others.user_id AND b.blocked_id = $1)) "
        "LIMIT $2",
        user_id,
        limit,
    )
    return tuple(UserId(one) for (one,) in found)


def rooms_of(user_id: UserId, limit: int) -> Steps[tuple[RoomId, ...]]:
    """The rooms that somebody is in, the newest first."""
    found = yield from rows(
        "SELECT room_id FROM room_members WHERE user_id = $1 ORDER BY room_id DESC LIMIT $2",
        user_id,
        limit,
    )
    return tuple(RoomId(one) for (one,) in found)
