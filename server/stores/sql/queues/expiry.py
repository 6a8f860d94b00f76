"""Steps that forget events that are too old, and what waits for devices that are gone."""

from collections.abc import Sequence

from server.core.ids import new_id
from server.core.queued import LostAs
from server.stores.sql.queues.bodies import KEPT_MS, forget_events, leave
from server.stores.sql.queues.places import QueueKey, lock_these
from server.stores.sql.steps import Row, Steps, rows, run, value

UNSEEN_MS = KEPT_MS
"""After which a device has lost its queue."""


def expire_events(now_ms: int, limit: int) -> Steps[int]:
    """Forget the oldest events; their queues say from where to where something is missing."""
    found = yield from rows(
        "SELECT event_key FROM events WHERE expires_ms <= $1 ORDER BY expires_ms LIMIT $2",
        now_ms,
        limit,
    )
    over = [event_key for (event_key,) in found]
    held = yield from rows(
        "SELECT DISTINCT user_id, device_id FROM queued_events WHERE event_key = ANY($1::text[])",
        over,
    )
    left: list[str] = []
    for key in (yield from lock_these((one[0], one[1]) for one in held)):
        left += yield from _replace(key, over, now_ms)
    return (yield from forget_events(over, left))


def _replace(key: QueueKey, over: list[str], now_ms: int) -> Steps[list[str]]:
    """Have one place of a queue stand for all that has expired, and for what was lost before.

    Returns:
        The events that are out of the queue.
    """
    expired = yield from rows(
        "SELECT seq, first_seq, event_key FROM queued_events "
        "WHERE user_id = $1 AND device_id = $2 AND event_key = ANY($3::text[]) ORDER BY seq",
        *key,
        over,
    )
    if not expired:
        return []
    # Also what goes beyond: nodes have other clocks, and what came later may have expired before.
    lost = yield from rows(
        "SELECT seq, first_seq, event_key FROM queued_events "
        "WHERE user_id = $1 AND device_id = $2 AND first_seq <= $3 AND event_key IS NULL",
        *key,
        expired[-1][0],
    )
    gone: list[Row] = [*expired, *lost]
    last = max(one[0] for one in gone)
    for seq, _, _ in gone:
        yield from run(
            "DELETE FROM queued_events WHERE user_id = $1 AND device_id = $2 AND seq = $3",
            *key,
            seq,
        )
    first = min(one[1] for one in gone)
    yield from run(
        "INSERT INTO queued_events (user_id, device_id, seq, first_seq, event_id, sender_id, "
        "event_key, lost_as, lost_ms) VALUES ($1, $2, $3, $4, $5, '', NULL, $6, $7)",
        *key,
        last,
        first,
        new_id(),
        LostAs.EXPIRED.value,
        now_ms,
    )
    yield from run(
        "UPDATE queues SET waiting = waiting - $3, "
        "lost_from = CASE WHEN seq = $4 THEN $5 ELSE lost_from END "
        "WHERE user_id = $1 AND device_id = $2",
        *key,
        len(gone) - 1,
        last,
        first,
    )
    return [one[2] for one in expired]


def lapse_queues(now_ms: int, limit: int) -> Steps[int]:
    """Have the queues of devices that were not seen for long take nothing more."""
    found = yield from rows(
        "SELECT user_id, device_id FROM queues WHERE seen_ms <= $1 AND NOT has_lapsed "
        "ORDER BY seen_ms LIMIT $2",
        now_ms - UNSEEN_MS,
        limit,
    )
    locked = yield from lock_these((one[0], one[1]) for one in found)
    left: list[str] = []
    for key in locked:
        left += yield from empty(key)
        yield from run(
            "UPDATE queues SET has_lapsed = TRUE, waiting = 0 "
            "WHERE user_id = $1 AND device_id = $2",
            *key,
        )
    yield from leave(left)
    return len(locked)


def empty(key: QueueKey) -> Steps[Sequence[str]]:
    """Take all out of a queue, and note from where on it was lost.

    Returns:
        The events that are out of it.
    """
    first = yield from value(
        "SELECT MIN(first_seq) FROM queued_events WHERE user_id = $1 AND device_id = $2", *key
    )
    gone = yield from rows(
        "DELETE FROM queued_events WHERE user_id = $1 AND device_id = $2 RETURNING event_key", *key
    )
    yield from run(
        "UPDATE queues SET lost_from = $3 WHERE user_id = $1 AND device_id = $2", *key, first
    )
    return [event_key for (event_key,) in gone if event_key is not None]
