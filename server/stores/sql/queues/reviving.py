"""Steps that have queues of devices take events again that were not seen for long."""

from collections.abc import Collection, Iterable

from server.core.queued import LostAs
from server.stores.sql.queues.places import Queue, write_queues
from server.stores.sql.steps import Row, Steps, rows, run_many


def take_up_last(user_ids: Collection[str], now_ms: int) -> Steps[frozenset[str]]:
    """The same of that of each user which was seen last, as far as there is one.

    Their accounts are locked, and whoever locks rooms passes such queues by.

    Returns:
        Who has one.
    """
    found = yield from rows(
        "SELECT user_id, device_id, seq, waiting, lost_from, seen_ms FROM queues "
        "WHERE user_id = ANY($1::text[]) AND has_lapsed "
        "ORDER BY user_id, device_id FOR NO KEY UPDATE",
        sorted(user_ids),
    )
    last = {one[0]: one for one in sorted(found, key=lambda one: (one[5], one[1]))}
    yield from take_up([one[:5] for one in last.values()], now_ms)
    return frozenset(last)


def take_up(lapsed: Iterable[Row], now_ms: int) -> Steps[None]:
    """Have queues that lapsed take events again, after a place that says that some were lost.

    Args:
        lapsed: User, device, `seq`, `waiting` and `lost_from` of queues that are locked.
    """
    queues = [_queue(one) for one in lapsed]
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


def _queue(found: Row) -> Queue:
    user_id, device_id, seq, waiting, lost_from = found
    return Queue((user_id, device_id), seq, waiting, lost_from, [])
