"""Steps that find what waits for a device."""

from collections.abc import Mapping

from server.core.durable import StoredMessage
from server.core.ids import RoomId
from server.core.ports.conversations import Device, MessagePage, WaitingPlace
from server.stores.sql.conversations.history import with_status
from server.stores.sql.conversations.paging import MAX_PAGE_BYTES, fitting, size_of
from server.stores.sql.conversations.shapes import origin
from server.stores.sql.scopes import SHARED
from server.stores.sql.steps import Row, Steps, rows, value
from server.stores.sql.usage import SAID_BYTES

_ROOMS = (
    "SELECT me.room_id, me.joined_seq, c.seq, r.seq, r.kind, r.pair_key, r.workspace_id "
    "FROM room_members me JOIN rooms r ON r.room_id = me.room_id LEFT JOIN device_cursors c "
    "ON c.user_id = $1 AND c.device_id = $2 AND c.room_id = me.room_id "
    f"WHERE me.user_id = $1 AND me.room_id >= $3 AND r.active_ms >= $4 AND {SHARED} "
    "AND r.seq > me.joined_seq AND (c.seq IS NULL OR r.seq > c.seq) ORDER BY me.room_id"
)

UNACKNOWLEDGED = (
    "m.deleted_ms IS NULL AND ((m.sender_id <> $1 AND NOT m.withheld) "
    "OR (m.sender_id = $1 AND m.sender_device_id <> $2)) "
    "AND NOT EXISTS (SELECT 1 FROM device_acks a WHERE a.user_id = $1 AND a.device_id = $2 "
    "AND a.room_id = m.room_id AND a.seq = m.seq)"
)
"""The condition under which a message `m` beyond the cursor of device $2 of user $1 waits for it.

What a user wrote waits for the user's other devices."""

_WAITING = fitting(
    f"SELECT m.seq, {SAID_BYTES} AS size FROM messages m WHERE m.room_id = $3 AND m.seq > $4 "
    f"AND (m.expires_ms IS NULL OR m.expires_ms > $5) AND {UNACKNOWLEDGED} "
    "ORDER BY m.seq LIMIT $6",
    "ASC",
    "$3",
    "$7",
)


def since_ms(device: Device) -> Steps[int]:
    """When a device began; 0 of one that nobody knows."""
    found = yield from value(
        "SELECT created_ms FROM devices WHERE user_id = $1 AND device_id = $2",
        device.user_id,
        device.device_id,
    )
    return found or 0


def first_seq(room_id: str, begun_ms: int) -> Steps[int]:
    """Up to where a room's messages are not for a device that began then."""
    found = yield from value(
        "SELECT seq FROM messages WHERE room_id = $1 AND created_ms < $2 "
        "ORDER BY created_ms DESC, seq DESC LIMIT 1",
        room_id,
        begun_ms,
    )
    return found or 0


def waiting(
    device: Device,
    limit: int,
    now_ms: int,
    after: WaitingPlace | None,
    told: Mapping[str, int],
) -> Steps[MessagePage]:
    begun_ms = yield from since_ms(device)
    place = after or WaitingPlace(RoomId(""), 0)
    rooms = yield from rows(_ROOMS, device.user_id, device.device_id, place.room_id, begun_ms)
    found: list[StoredMessage] = []
    taken = 0
    for room in rooms:
        if len(found) > limit or taken >= MAX_PAGE_BYTES:
            break
        seen = max(told.get(room[0], 0), place.seq if room[0] == place.room_id else 0)
        left = (limit + 1 - len(found), MAX_PAGE_BYTES - taken)
        some = yield from _waiting_in(room, device, begun_ms, now_ms, seen, left)
        found += some
        taken += sum(map(size_of, some))
    return MessagePage(tuple(found[:limit]), has_more=len(found) > limit or taken >= MAX_PAGE_BYTES)


def _waiting_in(
    room: Row, device: Device, begun_ms: int, now_ms: int, seen: int, left: tuple[int, int]
) -> Steps[list[StoredMessage]]:
    """What waits in one room after a sequence, as far as there is room `left` on the page."""
    room_id, joined_seq, cursor, newest = room[:4]
    seen = max(seen, joined_seq, cursor or 0)
    if cursor is None and seen < newest:
        seen = max(seen, (yield from first_seq(room_id, begun_ms)))
    if seen >= newest:
        return []
    found = yield from rows(
        _WAITING, device.user_id, device.device_id, room_id, seen, now_ms, *left
    )
    return (yield from with_status(device.user_id, room_id, origin(room[4:]), found))
