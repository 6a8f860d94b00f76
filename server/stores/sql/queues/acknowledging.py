"""Steps that take events out of queues which their devices have got, many in one transaction."""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from server.core.ids import EventId
from server.core.ports.conversations import Device
from server.stores.sql.queues.bodies import leave
from server.stores.sql.queues.places import QueueKey
from server.stores.sql.steps import Row, Steps, listed, rows, run_many


class Ack(Struct, frozen=True):
    """What a device has got."""

    device: Device
    event_id: EventId
    now_ms: int

    @property
    def queue(self) -> QueueKey:
        return (self.device.user_id, self.device.device_id)

    @property
    def key(self) -> str:
        """By which those of one queue are done in order."""
        return "\0".join(self.queue)


def acknowledge_all(acks: Sequence[Ack], *, waits: bool) -> Steps[list[int | None]]:
    """Take events out of queues.

    Args:
        waits: For queues that other transactions have locked. Else these are left.

    Returns:
        The place of each; 0 of what was not in the queue, None of what was left.
    """
    locked = yield from _lock(sorted({one.queue for one in acks}), waits=waits)
    found = yield from rows(
        "SELECT q.user_id, q.device_id, q.event_id, q.seq, q.event_key FROM queued_events q "
        "JOIN json_array_elements($1::json) AS asked ON q.user_id = (asked.value ->> 0) "
        "AND q.device_id = (asked.value ->> 1) AND q.event_id = (asked.value ->> 2)",
        listed({(*one.queue, one.event_id) for one in acks if one.queue in locked}),
    )
    places = {((user, device), event_id): seq for user, device, event_id, seq, _ in found}
    yield from _take_out(found, {one.queue: one.now_ms for one in acks})
    return [_outcome(one, locked, places) for one in acks]


def _outcome(
    ack: Ack, locked: frozenset[QueueKey], places: dict[tuple[QueueKey, str], int]
) -> int | None:
    if ack.queue not in locked:
        return None
    return places.pop((ack.queue, ack.event_id), 0)


def _lock(keys: list[QueueKey], *, waits: bool) -> Steps[frozenset[QueueKey]]:
    found = yield from rows(
        "SELECT q.user_id, q.device_id FROM queues q JOIN json_array_elements($1::json) AS asked "
        "ON q.user_id = (asked.value ->> 0) AND q.device_id = (asked.value ->> 1) "
        f"ORDER BY q.user_id, q.device_id FOR NO KEY UPDATE OF q{'' if waits else ' SKIP LOCKED'}",
        listed(keys),
    )
    locked = frozenset((user_id, device_id) for user_id, device_id in found)
    return frozenset(keys) if waits else locked


def _take_out(found: list[Row], seen_ms: dict[QueueKey, int]) -> Steps[None]:
    yield from run_many(
        "DELETE FROM queued_events WHERE user_id = $1 AND device_id = $2 AND seq = $3",
        [(user_id, device_id, seq) for user_id, device_id, _, seq, _ in found],
    )
    yield from run_many(
        "UPDATE queues SET lost_from = NULL WHERE user_id = $1 AND device_id = $2 AND seq = $3",
        [(one[0], one[1], one[3]) for one in found if one[4] is None],
    )
    counts = Counter((one[0], one[1]) for one in found)
    yield from run_many(
        "UPDATE queues SET waiting = waiting - $3, "
        "seen_ms = CASE WHEN seen_ms < $4 THEN $4 ELSE seen_ms END "
        "WHERE user_id = $1 AND device_id = $2",
        [(*key, count, seen_ms[key]) for key, count in sorted(counts.items())],
    )
    yield from leave(one[4] for one in found if one[4] is not None)
