"""Steps that list a user's rooms."""

from server.core.durable import Role, StoredMessage
from server.core.ids import RoomId, UserId
from server.core.ports.conversations import Listed, ListPage, Place
from server.stores.sql.conversations.history import NO_END, with_status
from server.stores.sql.conversations.paging import MAX_PAGE_BYTES, size_of
from server.stores.sql.conversations.shapes import (
    MESSAGE,
    ROOM,
    ROOM_COLUMNS,
    Origin,
    conversation,
    participants_of,
    readable,
)
from server.stores.sql.scopes import SHARED
from server.stores.sql.steps import Row, Steps, rows

MAX_COUNTED = 1_000
"""Unread messages of one room."""

MAX_LOOKED_AT = 2_000
"""Of the newest ones that are counted among: one's own and deleted ones may be many more."""

LAST = f"SELECT MAX(m.seq) FROM messages m WHERE m.room_id = r.room_id AND {readable('$1', '$2')}"
"""Where the newest message of a room `r` stands that a member `me` may read, at a time."""

UNREAD = (
    "SELECT COUNT(*) FROM (SELECT 1 FROM ("
    "SELECT x.room_id, x.seq, x.sender_id, x.withheld, x.expires_ms, x.deleted_ms "
    "FROM messages x WHERE x.room_id = r.room_id AND x.seq > me.read_seq "
    f"ORDER BY x.seq DESC LIMIT {MAX_LOOKED_AT}) AS m "
    f"WHERE {readable('$1', '$2')} AND m.sender_id <> $1 "
    "AND m.deleted_ms IS NULL AND NOT EXISTS (SELECT 1 FROM receipts c "
    "WHERE c.room_id = m.room_id AND c.seq = m.seq AND c.user_id = $1 "
    f"AND c.read_ms IS NOT NULL) LIMIT {MAX_COUNTED}) AS counted"
)
"""How many messages of others it has not read."""

# The page first, and only of its rooms what costs more: SQLite would work that out of all.
_ROOMS = (
    "SELECT me.* FROM room_members me JOIN rooms r ON r.room_id = me.room_id WHERE me.user_id = $1 "
    "AND (r.active_ms < $3 OR (r.active_ms = $3 AND r.room_id < $4)) "
    f"AND {SHARED} "
    "AND (r.pair_key IS NULL OR ($5 AND EXISTS ({last}))) "
    "ORDER BY r.active_ms DESC, r.room_id DESC LIMIT $6"
).replace("{last}", LAST.replace("MAX(m.seq)", "1"))

_PAGE = (
    f"SELECT {ROOM}, r.pair_key, r.active_ms, me.role, ({LAST}) AS last_seq, ({UNREAD}) "
    f"FROM ({_ROOMS}) AS me JOIN rooms r ON r.room_id = me.room_id "
    "ORDER BY r.active_ms DESC, r.room_id DESC"
)


def page(
    user_id: UserId, before: Place | None, limit: int, now_ms: int, *, managed: bool
) -> Steps[ListPage]:
    begin = before or Place(NO_END, RoomId(""))
    found = yield from rows(
        _PAGE, user_id, now_ms, begin.active_ms, begin.room_id, not managed, limit + 1
    )
    members = yield from participants_of([one[0] for one in found[:limit]])
    listed: list[Listed] = []
    taken = 0
    for one in found[:limit]:
        if taken >= MAX_PAGE_BYTES:
            break
        key, active_ms, role, last_seq, unread = one[ROOM_COLUMNS:]
        room = conversation(one, Role(role), tuple(members[one[0]]))
        of = Origin(room.kind, key, room.workspace_id)
        last = yield from _message(user_id, room.room_id, of, last_seq)
        place = Place(active_ms, room.room_id)
        listed.append(Listed(conversation=room, place=place, last=last, unread=unread))
        taken += size_of(last) if last else 0
    return ListPage(tuple(listed), has_more=len(found) > len(listed))


def _message(
    user_id: UserId, room_id: RoomId, of: Origin, seq: int | None
) -> Steps[StoredMessage | None]:
    if seq is None:
        return None
    found: list[Row] = yield from rows(
        f"SELECT {MESSAGE} FROM messages m WHERE m.room_id = $1 AND m.seq = $2", room_id, seq
    )
    shown = yield from with_status(user_id, room_id, of, found)
    return shown[0] if shown else None
