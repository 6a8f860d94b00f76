"""Events as they are stored once, for all the queues in which they are."""

from collections import Counter
from collections.abc import Iterable, Mapping

from server.stores.sql.steps import Row, Steps, rows, run_many
from server.stores.sql.usage import give_back

EVENT_BYTES = 256
"""That an event takes besides what it says; also when that was forgotten."""

KEPT_MS = 14 * 24 * 60 * 60 * 1000
"""Since it was sent."""

REMEMBERED_MS = 24 * 60 * 60 * 1000
"""The same of the id of one that all have acknowledged: so long it may be sent again."""

SAID_BYTES = "COALESCE(LENGTH(metadata), 0) + COALESCE(LENGTH(payload), 0)"


def size_of(payload: bytes | None, metadata: bytes | None) -> int:
    """What a new event takes."""
    return EVENT_BYTES + len(payload or b"") + len(metadata or b"")


def insert_events(events: Iterable[Row]) -> Steps[None]:
    """Store events, in the order of their ids: so no two who send the same wait in a circle."""
    yield from run_many(
        "INSERT INTO events (event_key, sender_id, event_id, type, room_id, sent_ms, expires_ms, "
        "waiting, refused, metadata, payload) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        sorted((tuple(one) for one in events), key=lambda one: (one[1], one[2])),
    )


def leave(event_keys: Iterable[str]) -> Steps[None]:
    """Note of events that they are in a queue less, once for each time that they are named."""
    left = Counter(event_keys)
    if left:
        yield from _count_out(left)
        yield from _forget_done(sorted(left))


def _count_out(left: Mapping[str, int]) -> Steps[None]:
    yield from run_many(
        "UPDATE events SET waiting = waiting - $2 WHERE event_key = $1", sorted(left.items())
    )


def _forget_done(event_keys: list[str]) -> Steps[None]:
    """Forget what those said that are in no queue any more.

    Of the server's own also the rest: nobody sends them again, so no id is to be remembered.
    """
    found = yield from rows(
        f"SELECT event_key, sender_id, {SAID_BYTES} FROM events "
        "WHERE event_key = ANY($1::text[]) AND waiting <= 0",
        event_keys,
    )
    yield from run_many(
        "UPDATE events SET metadata = NULL, payload = NULL, "
        "expires_ms = CASE WHEN sent_ms + $2 < expires_ms THEN sent_ms + $2 ELSE expires_ms END "
        "WHERE event_key = $1",
        [(event_key, REMEMBERED_MS) for event_key, sender, _ in found if sender],
    )
    yield from run_many(
        "DELETE FROM events WHERE event_key = $1",
        [(event_key,) for event_key, sender, _ in found if not sender],
    )
    yield from give_back([(sender, size) for _, sender, size in found if sender])


def forget_events(event_keys: list[str], left: Iterable[str]) -> Steps[int]:
    """Forget those of these events that are in no queue. Returns how many.

    Args:
        left: Those of them that are in a queue less, once for each time that they are named.
    """
    yield from _count_out(Counter(left))
    gone = yield from rows(
        "DELETE FROM events WHERE event_key = ANY($1::text[]) AND waiting <= 0 "
        f"RETURNING sender_id, {EVENT_BYTES} + {SAID_BYTES}",
        event_keys,
    )
    yield from give_back([one for one in gone if one[0]])
    return len(gone)
