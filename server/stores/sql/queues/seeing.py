"""Steps that note that devices are there."""

from collections.abc import Sequence

from server.core.ports.conversations import Device
from server.stores.sql.queues.making import make_missing
from server.stores.sql.queues.reviving import take_up
from server.stores.sql.steps import Steps, listed, rows, run_many


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
    yield from take_up(lapsed, now_ms)
