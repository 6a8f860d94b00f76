"""Steps that find what waits for a device."""

from collections.abc import Sequence

from server.core.ids import RoomId
from server.core.kinds import Kind
from server.core.ports.conversations import Device, MessagePage, OfflinePlace
from server.stores.sql.conversations.shapes import MESSAGE, message
from server.stores.sql.steps import Row, Steps, rows, value

_FIRST = (
    "SELECT x.seq FROM messages x WHERE x.room_id = {room} AND x.created_ms < {since} "
    "ORDER BY x.seq DESC LIMIT 1"
)

_WAITING = (
    f"SELECT {MESSAGE}, r.kind, r.pair_key FROM room_members me "
    "JOIN rooms r ON r.room_id = me.room_id "
    "LEFT JOIN device_cursors c "
    "ON c.user_id = $1 AND c.device_id = $2 AND c.room_id = me.room_id "
    "JOIN messages m ON m.room_id = me.room_id AND m.seq > me.joined_seq "
    f"AND m.seq > COALESCE(c.seq, ({_FIRST.format(room='me.room_id', since='$4')}), 0) "
    "WHERE me.user_id = $1 AND m.sender_id <> $1 AND m.deleted_ms IS NULL AND NOT m.withheld "
    "AND (m.expires_ms IS NULL OR m.expires_ms > $3) "
    "AND NOT EXISTS (SELECT 1 FROM device_acks a WHERE a.user_id = $1 AND a.device_id = $2 "
    "AND a.room_id = m.room_id AND a.seq = m.seq) "
    "AND (me.room_id > $5 OR (me.room_id = $5 AND m.seq > $6)) "
    "ORDER BY me.room_id, m.seq LIMIT $7"
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
    found = yield from value(_FIRST.format(room="$1", since="$2"), room_id, begun_ms)
    return found or 0


def offline(
    device: Device, after: OfflinePlace | None, limit: int, now_ms: int
) -> Steps[MessagePage]:
    begun_ms = yield from since_ms(device)
    place = after or OfflinePlace(RoomId(""), 0)
    found: Sequence[Row] = yield from rows(
        _WAITING,
        device.user_id,
        device.device_id,
        now_ms,
        begun_ms,
        place.room_id,
        place.seq,
        limit + 1,
    )
    shown = tuple(message(one, Kind(one[11]), one[12]) for one in found[:limit])
    return MessagePage(shown, has_more=len(found) > limit)
