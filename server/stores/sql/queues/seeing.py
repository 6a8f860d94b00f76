"""Steps that note that devices are there."""

from collections.abc import Sequence

from server.core.ports.conversations import Device
from server.core.queued import LostAs
from server.stores.sql.queues.making import make_missing
from server.stores.sql.queues.places import Queue, write_queues
from server.stores.sql.steps import Row, Steps, listed, rows, run_many


def see(devices: Sequence[Device], now_ms: int) -> Steps[None]:
    keys = sorted({(str(one.user_id), str(one.device_id)) for one in devices})
    yield from make_missing(keys, now_ms)
    yield from run_many(
        "UPDATE queues SET seen_ms = CASE WHEN seen_ms < $3 THEN $3 ELSE seen_ms END "
        "WHERE user_id = $1 AND device_id = $2",
        [(*key, now_ms) for key in keys],
    )
    # Locked by what was just written.
    lapsed = yield from rows(
        "SELECT q.user_id, q.device_id, q.seq, q.waiting, q.lost_from FROM queues q "
        "JOIN json_array_elements($1::json) AS asked ON q.user_id = (asked.value ->> 0) "
        "AND q.device_id = (asked.value ->> 1) WHERE q.has_lapsed",
        listed(keys),
    )
    yield from _take_up([_queue(one) for one in lapsed], now_ms)


def _queue(found: Row) -> Queue:
    user_id, device_id, seq, waiting, lost_from = found
    return Queue((user_id, device_id), seq, waiting, lost_from, [])


def _take_up(queues: list[Queue], now_ms: int) -> Steps[None]:
    """Have queues that lapsed take events again, after a place that says that some were lost."""
    for one in queues:
        first, one.lost_from = one.lost_from, None
        one.lose(LostAs.LAPSED, now_ms)
        if first is not None:
            _begin_at(one, first)
    yield from write_queues(queues)
    yield from run_many(
        "UPDATE queues SET has_lapsed = FALSE WHERE user_id = $1 AND device_id = $2",
        [one.key for one in queues],
    )


def _begin_at(queue: Queue, first_seq: int) -> None:
    """What was lost had waited from there on."""
    (place,) = queue.added
    queue.lost_from = first_seq
    queue.added = [(place[0], first_seq, *place[2:])]
