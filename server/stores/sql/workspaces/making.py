"""Steps that make conversations of workspaces, and change who is in them."""

# ruff: noqa: S608  # nothing but names of this package is put into statements

from server.core.durable import Role
from server.core.errors import AppError, Code
from server.core.ids import RoomId, UserId
from server.core.kinds import DURABLE, Kind
from server.core.limits import Bounds
from server.core.ports.channels import (
    ChangedChannel,
    Made,
    NewChannel,
    Texts,
)
from server.core.ports.workspaces import Entrant
from server.core.workspaces.values import Channel
from server.stores.sql.audit import Action
from server.stores.sql.conversations import members
from server.stores.sql.conversations.epochs import Reason, first_epoch, raise_epoch
from server.stores.sql.conversations.members import Adding, Held, Roles, hold, put_members
from server.stores.sql.conversations.newcomers import (
    check_people,
    lock_people,
    most_rooms,
    unasked_in,
)
from server.stores.sql.conversations.shapes import no_such_room, pair_key
from server.stores.sql.scopes import OF_WORKSPACES
from server.stores.sql.sealing import check_key
from server.stores.sql.sign_ins import lock_accounts
from server.stores.sql.steps import Steps, row, rows, value
from server.stores.sql.workspaces.listing import channel
from server.stores.sql.workspaces.shapes import role_in

_INSERT = (
    "INSERT INTO rooms (room_id, kind, pair_key, name, description, created_by, created_ms, "
    "updated_ms, seq, active_ms, workspace_id, is_sealed, key_version, icon, document_id) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 0, $7, $8, $9, $10, $11, $12) "
    "ON CONFLICT DO NOTHING RETURNING room_id"
)


def create(who: Entrant, new: NewChannel, now_ms: int, bounds: Bounds) -> Steps[Made]:
    creator = who.user_id
    others = tuple(dict.fromkeys(one for one in new.members if one != creator))
    is_pair = not DURABLE[new.kind].is_managed
    if is_pair and len(others) != 1:
        raise AppError(Code.FORBIDDEN, "a direct conversation is that of you and just one other")
    if len(others) >= bounds.room_members:
        raise AppError(Code.LIMIT_REACHED, f"a conversation holds {bounds.room_members}")
    yield from lock_accounts([creator, *others])
    people = yield from lock_people(new.workspace_id, [creator, *others])
    yield from role_in(who, new.workspace_id)
    key = pair_key(creator, others[0], new.workspace_id) if is_pair else None
    there = yield from _there(new, key)
    if there is not None:
        return (yield from _come_in(who, there, people, now_ms, bounds))
    yield from _check_count(creator, bounds, is_pair=is_pair)
    yield from check_people(creator, others, people, bounds)
    yield from check_key(new.workspace_id, new.key_version)
    if not (yield from _insert(new, creator, key, now_ms)):  # another one has, meanwhile
        there = yield from _there(new, key)
        return (yield from _come_in(who, there or new.room_id, people, now_ms, bounds))
    roles: Roles = {creator: Role.MEMBER if is_pair else Role.OWNER}
    roles.update(dict.fromkeys(others, Role.MEMBER))
    unasked = yield from unasked_in(new.workspace_id, others, bounds, is_pair=is_pair)
    yield from put_members(new.room_id, roles, Adding(creator, now_ms, unasked))
    room = Held(new.room_id, new.workspace_id, new.key_version is not None, roles)
    yield from room.note(Action.ROOM_MADE, creator, [new.room_id], now_ms)
    yield from room.note(Action.MEMBER_ADDED, creator, others, now_ms)
    if not is_pair:
        yield from room.announce([first_epoch(new.room_id, list(roles))], creator, now_ms, bounds)
    return Made(channel=(yield from channel(new.room_id, creator)), is_new=True)


def _insert(new: NewChannel, creator: UserId, key: str | None, now_ms: int) -> Steps[bool]:
    made = yield from value(
        _INSERT,
        new.room_id,
        new.kind.value,
        key,
        new.name.encode(),
        new.description.encode(),
        creator,
        now_ms,
        new.workspace_id,
        new.key_version is not None,
        new.key_version,
        new.icon.encode(),
        new.document_id,
    )
    return made is not None


def _there(new: NewChannel, key: str | None) -> Steps[RoomId | None]:
    """The conversation of these two, or of this document, if there is one."""
    found = yield from value(
        "SELECT room_id FROM rooms WHERE pair_key = $1 OR (workspace_id = $2 AND document_id = $3)",
        key,
        new.workspace_id,
        new.document_id,
    )
    return None if found is None else RoomId(found)


def _check_count(creator: UserId, bounds: Bounds, *, is_pair: bool) -> Steps[None]:
    held = yield from (_begun(creator) if is_pair else most_rooms([creator]))
    if held >= bounds.rooms_per_user:
        raise AppError(Code.TOO_MANY_ROOMS, f"you are in {bounds.rooms_per_user} rooms; leave one")


def _begun(creator: UserId) -> Steps[int]:
    found: int = yield from value(
        "SELECT COUNT(*) FROM rooms WHERE created_by = $1 AND pair_key IS NOT NULL", creator
    )
    return found


def _come_in(
    who: Entrant, room_id: RoomId, people: frozenset[str], now_ms: int, bounds: Bounds
) -> Steps[Made]:
    """Come into a conversation that is there; into that of two, both of them who are not in it."""
    found = yield from row(
        "SELECT r.kind, r.pair_key, r.is_sealed, r.workspace_id, r.seq FROM rooms r "
        f"WHERE r.room_id = $1 AND r.deleted_ms IS NULL AND {OF_WORKSPACES} FOR NO KEY UPDATE",
        room_id,
    )
    if not found:
        raise no_such_room()
    kind, key, is_sealed, workspace_id, seq = found
    roles = yield from members.roles_in(room_id)
    wanted = people if key else frozenset((str(who.user_id),))
    newcomers = sorted(UserId(one) for one in wanted - roles.keys())
    room = Held(room_id, workspace_id, bool(is_sealed), roles)
    if newcomers:
        if DURABLE[Kind(kind)].is_managed and len(roles) >= bounds.room_members:
            raise AppError(Code.ROOM_FULL, f"a conversation holds {bounds.room_members}")
        yield from _check_count(who.user_id, bounds, is_pair=key is not None)
        others = [one for one in newcomers if one != who.user_id]
        unasked = yield from unasked_in(workspace_id, others, bounds, is_pair=True)
        adding = Adding(who.user_id, now_ms, unasked)
        coming: Roles = dict.fromkeys(newcomers, Role.MEMBER)
        yield from put_members(room_id, coming, adding, seq, reads_back=room.is_sealed)
        yield from room.note(Action.MEMBER_ADDED, who.user_id, newcomers, now_ms)
        yield from members.touch(room_id, now_ms)
        said = yield from raise_epoch(room_id, Reason.ADDED)
        if not key:
            yield from room.announce([said], who.user_id, now_ms, bounds)
    shown = yield from channel(room_id, who.user_id)
    return Made(channel=shown, is_new=False, joined=tuple(newcomers))


def update(
    user_id: UserId, room_id: RoomId, texts: Texts, before: Texts, now_ms: int
) -> Steps[Channel]:
    room = yield from hold(room_id, user_id, OF_WORKSPACES)
    room.check_rank(user_id, Role.ADMIN)
    if texts == before:
        return (yield from channel(room_id, user_id))
    yield from check_key(room.workspace_id, texts.key_version)
    changed = yield from rows(
        "UPDATE rooms SET name = $2, description = $3, icon = $4, key_version = $5, "
        "updated_ms = $6 WHERE room_id = $1 AND name = $7 AND description = $8 "
        "AND COALESCE(icon, $9) = $9 AND is_sealed = ($5::bigint IS NOT NULL) RETURNING room_id",
        room_id,
        texts.name.encode(),
        texts.description.encode(),
        texts.icon.encode(),
        texts.key_version,
        now_ms,
        before.name.encode(),
        before.description.encode(),
        before.icon.encode(),
    )
    if not changed:
        raise AppError(Code.ID_CONFLICT, "somebody else has changed it; look at it again")
    yield from room.note(Action.ROOM_CHANGED, user_id, [room_id], now_ms)
    return (yield from channel(room_id, user_id))


def add_member(
    who: Entrant,
    room_id: RoomId,
    member: UserId,
    role: Role | None,
    now_ms: int,
    bounds: Bounds,
) -> Steps[ChangedChannel]:
    if member == who.user_id:
        yield from _check_own_way(who, room_id)
    changed = yield from members.add_member(
        who.user_id, room_id, member, role, now_ms, bounds, OF_WORKSPACES
    )
    joined = (member,) if changed.has_joined else ()
    shown = yield from channel(room_id, who.user_id)
    what = ("members",) if changed.is_changed else ()
    return ChangedChannel(channel=shown, changed=what, joined=joined)


def _check_own_way(who: Entrant, room_id: RoomId) -> Steps[None]:
    """Whether somebody is in the workspace of a room.

    Raises:
        AppError: NOT_FOUND, as of a room that is not there.
    """
    of = yield from value("SELECT workspace_id FROM rooms WHERE room_id = $1", room_id)
    try:
        yield from role_in(who, of or "")
    except AppError:
        raise no_such_room() from None


def set_role(
    user_id: UserId, room_id: RoomId, member: UserId, role: Role, now_ms: int, bounds: Bounds
) -> Steps[ChangedChannel]:
    changed = yield from members.add_member(
        user_id, room_id, member, role, now_ms, bounds, OF_WORKSPACES, may_join=False
    )
    shown = yield from channel(room_id, user_id)
    return ChangedChannel(channel=shown, changed=("members",) if changed.is_changed else ())
