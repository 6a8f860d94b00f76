"""Steps that forget events that are too old, and what waits for devices that are gone.

However many places an event has, a transaction takes only so many of them, since others wait for
it; what is left is taken by the next.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from msgspec import Struct

from server.core.ids import new_id
from server.core.ports.queues import Forgotten
from server.core.queued import LostAs
from server.stores.sql.queues.bodies import KEPT_MS, forget_events, leave
from server.stores.sql.queues.places import QueueKey, lock_these
from server.stores.sql.steps import Row, Steps, listed, rows, run, run_many, value

K = TypeVar("K")

UNSEEN_MS = KEPT_MS
"""After which a device has lost its queue."""


class _Stretch(Struct):
    """What is out of a queue: its places, and from where to where they are."""

    first: int
    last: int
    seqs: list[int]


def expire_events(now_ms: int, limit: int) -> Steps[Forgotten]:
    """Forget the oldest events; their queues say from where to where something is missing.

    Args:
        limit: Of events, and of their places.
    """
    found = yield from rows(
        "SELECT event_key, waiting FROM events WHERE expires_ms <= $1 "
        "ORDER BY expires_ms, event_key LIMIT $2",
        now_ms,
        limit,
    )
    over = _within(((one[0], one[1]) for one in found), limit)
    places = yield from rows(
        "SELECT user_id, device_id, seq, event_key FROM queued_events "
        "WHERE event_key = ANY($1::text[]) LIMIT $2",
        over,
        limit,
    )
    keys = yield from lock_these(sorted({(one[0], one[1]) for one in places}))
    left = yield from _take_out(places, keys, LostAs.EXPIRED, now_ms)
    gone = yield from forget_events(over, left)
    is_all = len(found) < limit and len(over) == len(found) and len(places) < limit
    return Forgotten(count=gone, is_all=is_all or not (gone or left))


def _within(found: Iterable[tuple[K, int]], limit: int) -> list[K]:
    """As many of these events or queues as have so many places together, and one at least."""
    chosen: list[K] = []
    for key, waiting in found:
        limit -= waiting
        if chosen and limit < 0:
            break
        chosen.append(key)
    return chosen


def _take_out(
    places: Iterable[Row], keys: Collection[QueueKey], lost_as: LostAs, now_ms: int
) -> Steps[list[str]]:
    """Take events out of queues that are locked, and have one place of each stand for them.

    Returns:
        The events, once for each of their places that still was there.
    """
    locked = set(keys)
    asked = [tuple(one[:3]) for one in places if (one[0], one[1]) in locked]
    there = yield from rows(
        "SELECT q.user_id, q.device_id, q.seq, q.first_seq, q.event_key FROM queued_events q "
        "JOIN json_array_elements($1::json) AS asked ON q.user_id = (asked.value ->> 0) "
        "AND q.device_id = (asked.value ->> 1) AND q.seq = (asked.value ->> 2)::bigint "
        "WHERE q.event_key IS NOT NULL",
        listed(asked),
    )
    stretches: dict[QueueKey, _Stretch] = {}
    _stretch(stretches, there)
    # Also what goes beyond: nodes have other clocks, and what came later may have expired before.
    lost = yield from rows(
        "SELECT q.user_id, q.device_id, q.seq, q.first_seq FROM queued_events q "
        "JOIN json_array_elements($1::json) AS asked ON q.user_id = (asked.value ->> 0) "
        "AND q.device_id = (asked.value ->> 1) AND q.first_seq <= (asked.value ->> 2)::bigint "
        "WHERE q.event_key IS NULL",
        listed((*key, one.last) for key, one in stretches.items()),
    )
    _stretch(stretches, lost)
    yield from _replace(stretches, lost_as, now_ms)
    return [one[4] for one in there]


def _stretch(stretches: dict[QueueKey, _Stretch], places: Iterable[Row]) -> None:
    for user_id, device_id, seq, first_seq, *_ in places:
        one = stretches.setdefault((user_id, device_id), _Stretch(first_seq, seq, []))
        one.first, one.last = min(one.first, first_seq), max(one.last, seq)
        one.seqs.append(seq)


def _replace(stretches: dict[QueueKey, _Stretch], lost_as: LostAs, now_ms: int) -> Steps[None]:
    """Have one place of each queue stand for all that was in a stretch."""
    queues = sorted(stretches.items())
    yield from run_many(
        "DELETE FROM queued_events "
        "WHERE user_id = $1 AND device_id = $2 AND seq = ANY($3::bigint[])",
        [(*key, one.seqs) for key, one in queues],
    )
    yield from run_many(
        "INSERT INTO queued_events (user_id, device_id, seq, first_seq, event_id, sender_id, "
        "event_key, lost_as, lost_ms) VALUES ($1, $2, $3, $4, $5, '', NULL, $6, $7)",
        [(*key, one.last, one.first, new_id(), lost_as.value, now_ms) for key, one in queues],
    )
    yield from run_many(
        "UPDATE queues SET waiting = waiting - $3, "
        "lost_from = CASE WHEN seq = $4 THEN $5 ELSE lost_from END "
        "WHERE user_id = $1 AND device_id = $2",
        [(*key, len(one.seqs) - 1, one.last, one.first) for key, one in queues],
    )


def lapse_queues(now_ms: int, limit: int) -> Steps[Forgotten]:
    """Have the queues of devices that were not seen for long take nothing more.

    But for that of each user which was seen last: so there always is one for what comes. A long
    one is emptied before, some places at a time: if the device comes back meanwhile, it has the
    others, and is told of these that they were lost.
    """
    found = yield from rows(
        "SELECT q.user_id, q.device_id, q.waiting FROM queues q "
        "WHERE q.seen_ms <= $1 AND NOT q.has_lapsed AND EXISTS (SELECT 1 FROM queues o "
        "WHERE o.user_id = q.user_id AND NOT o.has_lapsed AND (o.seen_ms > q.seen_ms "
        'OR (o.seen_ms = q.seen_ms AND o.device_id > q.device_id COLLATE "C"))) '
        "ORDER BY q.seen_ms, q.user_id, q.device_id LIMIT $2",
        now_ms - UNSEEN_MS,
        limit,
    )
    is_long = found and found[0][2] > limit
    if is_long and (yield from _shorten((found[0][0], found[0][1]), limit, now_ms)):
        return Forgotten(count=0, is_all=False)
    chosen = _within([((one[0], one[1]), one[2]) for one in found], limit)
    locked = yield from lock_these(sorted(chosen))
    left: list[str] = []
    for key in locked:
        left += yield from empty(key)
        yield from run(
            "UPDATE queues SET has_lapsed = TRUE, waiting = 0 "
            "WHERE user_id = $1 AND device_id = $2",
            *key,
        )
    yield from leave(left)
    return Forgotten(count=len(locked), is_all=len(found) < limit and len(chosen) == len(found))


def _shorten(key: QueueKey, count: int, now_ms: int) -> Steps[list[str]]:
    """Take the first events out of a queue. Returns these."""
    places = yield from rows(
        "SELECT user_id, device_id, seq FROM queued_events "
        "WHERE user_id = $1 AND device_id = $2 AND event_key IS NOT NULL ORDER BY seq LIMIT $3",
        *key,
        count,
    )
    locked = yield from lock_these([key])
    left = yield from _take_out(places, locked, LostAs.LAPSED, now_ms)
    yield from leave(left)
    return left


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
