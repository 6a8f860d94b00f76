"""Steps that read what waits."""

from collections.abc import Sequence

from server.core.ids import DeviceId, EventId, RoomId, UserId
from server.core.ports.conversations import Device
from server.core.ports.queues import LongQueue, QueueStatistics
from server.core.queued import EVENTS_EXPIRED, LostAs, QueuedEvent
from server.stores.sql.queues.bodies import SAID_BYTES
from server.stores.sql.steps import Row, Steps, row, rows, value

SHOWN_QUEUES = 10
"""To operators, of those in which most waits."""

_SIZES = (
    "SELECT q.seq, COALESCE(LENGTH(e.metadata), 0) + COALESCE(LENGTH(e.payload), 0) "
    "FROM queued_events q LEFT JOIN events e ON e.event_key = q.event_key "
    "WHERE q.user_id = $1 AND q.device_id = $2 AND q.seq > $3 ORDER BY q.seq LIMIT $4"
)

_EVENTS = (
    "SELECT q.seq, q.first_seq, q.event_id, e.sender_id, q.lost_as, e.type, e.room_id, "
    "COALESCE(e.sent_ms, q.lost_ms), "
    "e.metadata, e.payload "
    "FROM queued_events q LEFT JOIN events e ON e.event_key = q.event_key "
    "WHERE q.user_id = $1 AND q.device_id = $2 AND q.seq > $3 AND q.seq <= $4 ORDER BY q.seq"
)


def after(device: Device, seq: int, limit: int, max_bytes: int) -> Steps[list[QueuedEvent]]:
    sizes = yield from rows(_SIZES, device.user_id, device.device_id, seq, limit)
    last, total = seq, 0
    for place, size_bytes in sizes:
        total += size_bytes
        if last > seq and total > max_bytes:
            break
        last = place
    if last == seq:
        return []
    found = yield from rows(_EVENTS, device.user_id, device.device_id, seq, last)
    return [_queued_event(one) for one in found]


def _queued_event(found: Row) -> QueuedEvent:
    seq, first_seq, event_id, sender, lost_as, kind, room_id, sent_ms, metadata, payload = found
    return QueuedEvent(
        seq=seq,
        first_seq=first_seq,
        event_id=EventId(event_id),
        sender=UserId(sender) if sender else None,
        type=kind or EVENTS_EXPIRED,
        group_id=None if room_id is None else RoomId(room_id),
        sent_ms=sent_ms,
        metadata=metadata,
        payload=None if payload is None else payload.decode(),
        lost_as=None if lost_as is None else LostAs(lost_as),
    )


def waiting(device: Device, seqs: Sequence[int]) -> Steps[frozenset[int]]:
    found = yield from rows(
        "SELECT seq FROM queued_events "
        "WHERE user_id = $1 AND device_id = $2 AND seq = ANY($3::bigint[])",
        device.user_id,
        device.device_id,
        list(seqs),
    )
    return frozenset(seq for (seq,) in found)


def statistics() -> Steps[QueueStatistics]:
    queues = yield from row(
        "SELECT COUNT(*), COALESCE(SUM(waiting), 0) FROM queues WHERE NOT has_lapsed"
    )
    longest = yield from rows(
        "SELECT user_id, device_id, waiting FROM queues WHERE waiting > 0 AND NOT has_lapsed"
        " ORDER BY waiting DESC, user_id, device_id LIMIT $1",
        SHOWN_QUEUES,
    )
    lapsed = yield from value("SELECT COUNT(*) FROM queues WHERE has_lapsed")
    events = yield from row(
        f"SELECT MIN(sent_ms), COALESCE(SUM({SAID_BYTES}), 0) FROM events WHERE waiting > 0"
    )
    assert queues
    assert events
    return QueueStatistics(
        queues=queues[0],
        waiting=int(queues[1]),
        longest=tuple(
            LongQueue(Device(UserId(user_id), DeviceId(device_id)), waiting)
            for user_id, device_id, waiting in longest
        ),
        lapsed=lapsed,
        oldest_ms=events[0],
        bytes=int(events[1]),
    )
