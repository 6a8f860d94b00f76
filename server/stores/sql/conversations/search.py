"""Steps that look for messages by what a server may know."""

from server.core.ids import RoomId, UserId
from server.core.kinds import Kind
from server.core.ports.conversations import FoundPlace, MessagePage, Search
from server.stores.sql.conversations.history import NO_END, with_status
from server.stores.sql.conversations.shapes import MESSAGE, readable
from server.stores.sql.steps import Row, Steps, rows

_ROOMS = (
    "SELECT r.room_id, r.kind, r.pair_key, r.active_ms FROM room_members me "
    "JOIN rooms r ON r.room_id = me.room_id WHERE me.user_id = $1 "
    "AND ($2::text IS NULL OR r.room_id = $2::text) "
    "AND ($3::text IS NULL OR EXISTS (SELECT 1 FROM room_members p "
    "WHERE p.room_id = r.room_id AND p.user_id = $3::text)) "
    "AND r.active_ms >= $4 ORDER BY r.active_ms DESC, r.room_id DESC"
)

_MESSAGES = (
    f"SELECT {MESSAGE} FROM messages m "
    "JOIN room_members me ON me.room_id = m.room_id AND me.user_id = $2 "
    f"WHERE m.room_id = $1 AND {readable('$2', '$3')} "
    "AND ($4::text IS NULL OR m.sender_id = $4::text) "
    "AND ($5::text IS NULL OR m.type = $5::text) "
    "AND m.created_ms >= $6 AND m.created_ms < $7 "
    "AND (m.created_ms < $8 OR (m.created_ms = $8 "
    "AND (m.room_id < $9 OR (m.room_id = $9 AND m.seq < $10)))) "
    "ORDER BY m.seq DESC LIMIT $11"
)

_EVERYTHING = FoundPlace(NO_END, RoomId(""), 0)


def search(
    user_id: UserId, wish: Search, before: FoundPlace | None, limit: int, now_ms: int
) -> Steps[MessagePage]:
    from_ms = wish.from_ms or 0
    begin = before or _EVERYTHING
    rooms = yield from rows(_ROOMS, user_id, wish.room_id, wish.participant, from_ms)
    found: list[Row] = []
    for room_id, *_, active_ms in rooms:
        # Rooms come the most active first: none that follows has a newer message.
        if len(found) > limit and active_ms < _place(found[limit]).sent_ms:
            break
        found += yield from rows(
            _MESSAGES,
            room_id,
            user_id,
            now_ms,
            wish.sender,
            wish.type,
            from_ms,
            NO_END if wish.until_ms is None else wish.until_ms,
            begin.sent_ms,
            begin.room_id,
            begin.seq,
            limit + 1,
        )
        found = sorted(found, key=_place, reverse=True)[: limit + 1]
    kinds = {room_id: (Kind(kind), key) for room_id, kind, key, _ in rooms}
    shown = {}
    for room_id in {one[0] for one in found}:
        some = [one for one in found[:limit] if one[0] == room_id]
        told = yield from with_status(user_id, room_id, *kinds[room_id], some)
        shown.update({(one.room_id, one.seq): one for one in told})
    messages = tuple(shown[one[0], one[1]] for one in found[:limit])
    return MessagePage(messages, has_more=len(found) > limit)


def _place(found: Row) -> FoundPlace:
    return FoundPlace(found[8], RoomId(found[0]), found[1])
