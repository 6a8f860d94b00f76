"""Steps that find conversations of workspaces."""

# ruff: noqa: S608  # nothing but names of this package is put into statements

from collections.abc import Mapping, Sequence

from server.core.durable import Conversation, Role
from server.core.ids import RoomId, UserId, WorkspaceId
from server.core.kinds import Kind
from server.core.ports.channels import ListedChannel, Place
from server.core.ports.conversations import Place as ListPlace
from server.core.ports.workspaces import Entrant
from server.core.workspaces.values import Channel
from server.stores.sql.conversations.history import NO_END
from server.stores.sql.conversations.lists import LAST, UNREAD
from server.stores.sql.conversations.paging import MAX_PAGE_BYTES, size_of
from server.stores.sql.conversations.shapes import (
    ROOM,
    ROOM_COLUMNS,
    Origin,
    conversation,
    no_such_room,
    whole_room,
)
from server.stores.sql.scopes import OF_WORKSPACES
from server.stores.sql.steps import Row, Steps, row, rows
from server.stores.sql.workspaces.crowds import crowds_of
from server.stores.sql.workspaces.shapes import claimed, is_in, role_in, wrapped_key
from server.stores.sql.workspaces.showing import keys_of, posts_at

Positions = dict[UserId, tuple[int, int | None]]
"""Up to which sequence each member of a room has read, and since when."""

_MINE = (
    "room_members me JOIN rooms r ON r.room_id = me.room_id JOIN workspace_members w "
    "ON w.workspace_id = r.workspace_id AND w.user_id = me.user_id"
)
"""Somebody's conversations, and its place in their workspaces."""

_PLACE = (
    "SELECT r.room_id, r.workspace_id, r.kind, r.is_sealed, me.role, r.seq, "
    f"k.version, k.wrapped, k.wrapped_by FROM {_MINE} "
    "JOIN workspaces t ON t.workspace_id = r.workspace_id "
    "LEFT JOIN workspace_keys k ON k.workspace_id = r.workspace_id AND k.version = t.key_version "
    f"WHERE me.room_id = $1 AND me.user_id = $2 AND {is_in('w', '$3')}"
)

# The page first, and only of its rooms what costs more.
_ROOMS = (
    f"SELECT me.* FROM {_MINE} WHERE me.user_id = $1 AND {is_in('w', '$6')} "
    "AND (r.active_ms < $3 OR (r.active_ms = $3 AND r.room_id < $4)) "
    "AND ($7::text IS NULL OR r.workspace_id = $7::text) "
    "AND ($8::text IS NULL OR r.kind = $8::text) "
    "ORDER BY r.active_ms DESC, r.room_id DESC LIMIT $5"
)

_PAGE = (
    f"SELECT {ROOM}, r.pair_key, r.active_ms, me.role, ({LAST}) AS last_seq, ({UNREAD}) "
    f"FROM ({_ROOMS}) AS me JOIN rooms r ON r.room_id = me.room_id "
    "ORDER BY r.active_ms DESC, r.room_id DESC"
)

_UNREAD = (
    f"SELECT r.room_id, ({UNREAD}) FROM {_MINE} "
    f"WHERE me.user_id = $1 AND r.workspace_id = $3 AND {is_in('w', '$4')} AND r.seq > me.read_seq"
)


def place(who: Entrant, room_id: RoomId) -> Steps[Place]:
    found = yield from row(_PLACE, room_id, who.user_id, claimed(who))
    if not found:
        raise no_such_room()
    workspace_id, is_sealed = found[1], bool(found[3])
    return Place(
        room_id=room_id,
        workspace_id=WorkspaceId(workspace_id),
        kind=Kind(found[2]),
        is_sealed=is_sealed,
        role=Role(found[4]),
        key=wrapped_key((workspace_id, *found[6:])) if is_sealed else None,
        seq=found[5],
    )


def channel(room_id: RoomId, user_id: UserId | None = None) -> Steps[Channel]:
    """A conversation; with the role of one of its members, if one is named.

    Raises:
        AppError: NOT_FOUND if there is none, or that one is not in it.
    """
    found = yield from whole_room(room_id, user_id, OF_WORKSPACES)
    positions = yield from rows(
        "SELECT user_id, read_seq, read_ms FROM room_members WHERE room_id = $1", room_id
    )
    read = {UserId(member): (read_seq, read_ms) for member, read_seq, read_ms in positions}
    return (yield from _with_keys([found], {room_id: read}))[0]


def _with_keys(
    found: Sequence[Conversation], by_room: Mapping[RoomId, Positions]
) -> Steps[list[Channel]]:
    """These, with what only workspaces know of them."""
    keys = yield from keys_of((one.workspace_id, one.key_version) for one in found)
    return [
        Channel(
            conversation=one,
            key=keys.get((one.workspace_id, one.key_version)),
            positions=by_room[one.room_id],
        )
        for one in found
    ]


def joined(who: Entrant, workspace_id: WorkspaceId) -> Steps[dict[RoomId, int]]:
    yield from role_in(who, workspace_id)
    found = yield from rows(
        f"SELECT r.room_id, r.seq FROM {_MINE} WHERE me.user_id = $1 AND r.workspace_id = $2 "
        "AND w.removed_ms IS NULL ORDER BY r.room_id",
        who.user_id,
        workspace_id,
    )
    return {RoomId(room_id): seq for room_id, seq in found}


def unread(
    who: Entrant, workspace_id: WorkspaceId, now_ms: int
) -> Steps[tuple[tuple[RoomId, int], ...]]:
    yield from role_in(who, workspace_id)
    found = yield from rows(_UNREAD, who.user_id, now_ms, workspace_id, claimed(who))
    return tuple((RoomId(room_id), count) for room_id, count in found if count)


def page(
    who: Entrant,
    workspace_id: WorkspaceId | None,
    kind: Kind | None,
    before: ListPlace | None,
    limit: int,
    now_ms: int,
) -> Steps[tuple[tuple[ListedChannel, ...], bool]]:
    if workspace_id is not None:
        yield from role_in(who, workspace_id)
    begin = before or ListPlace(NO_END, RoomId(""))
    found = yield from rows(
        _PAGE,
        who.user_id,
        now_ms,
        begin.active_ms,
        begin.room_id,
        limit + 1,
        claimed(who),
        workspace_id,
        None if kind is None else kind.value,
    )
    shown = yield from _shown(who.user_id, found[:limit])
    return tuple(shown), len(found) > len(shown)


def _shown(user_id: UserId, found: Sequence[Row]) -> Steps[list[ListedChannel]]:
    crowds = yield from crowds_of([one[0] for one in found], user_id)
    rooms = [conversation(one, Role(one[-3]), tuple(crowds[one[0]].participants)) for one in found]
    channels = yield from _with_keys(
        rooms, {RoomId(room_id): one.positions for room_id, one in crowds.items()}
    )
    shown: list[ListedChannel] = []
    taken = 0
    for one, channel in zip(found, channels, strict=True):
        if taken >= MAX_PAGE_BYTES:
            break
        key, active_ms, _, last_seq, unread = one[ROOM_COLUMNS:]
        room = channel.conversation
        of = Origin(room.kind, key, room.workspace_id)
        posts = yield from posts_at(room.room_id, of, [] if last_seq is None else [last_seq])
        last = posts[0] if posts else None
        place = ListPlace(active_ms, room.room_id)
        shown.append(
            ListedChannel(
                channel=channel,
                place=place,
                last=last,
                unread=unread,
                members=crowds[room.room_id].members,
            )
        )
        taken += size_of(last.message) if last else 0
    return shown
