"""Steps by which the server's newest word on a group takes the place of those before.

The older place stays where it is, so that sequences have no gaps, under the same id, so that a
device lets it go which has just got it; but all it says is that something newer comes. Such places
next to each other become one. So whoever has many come and go in a group fills no queue.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from server.core.queued import KEY_ROTATION, LostAs
from server.stores.sql.queues.places import Queue, QueueKey, Queues
from server.stores.sql.steps import Row, Steps, listed, rows, run_many

WARNING = "key_changed"
"""The reason of a rotation of which people are warned: no other takes its place."""


class Word(Struct, frozen=True):
    """What the server has said on a group, where it waits.

    Attributes:
        by: Who had caused it.
    """

    key: QueueKey
    seq: int
    event_key: str
    by: str


def words_before(
    room_id: str, kind: str, metadata: Mapping[str, Any], users: Collection[str]
) -> Steps[dict[QueueKey, list[Word]]]:
    """What waits for users, and need not be told after that on the same group."""
    found = yield from rows(
        "SELECT event_key, metadata FROM events WHERE room_id = $1 AND sender_id = ''",
        room_id,
    )
    warns = kind != KEY_ROTATION or metadata["reason"] == WARNING
    over = [key for key, said in found if warns or not _is_warning(said)]
    if not over:
        return {}
    places = yield from rows(
        "SELECT user_id, device_id, seq, event_key, sender_id FROM queued_events "
        "WHERE event_key = ANY($1::text[]) ORDER BY user_id, device_id, seq",
        over,
    )
    words: dict[QueueKey, list[Word]] = {}
    for user_id, device_id, *place in places:
        if user_id in users:
            key = (user_id, device_id)
            words.setdefault(key, []).append(Word(key, *place))
    return words


def _is_warning(said: bytes) -> bool:
    return bool(msgspec.json.decode(said).get("reason") == WARNING)


def supersede(words: Iterable[Word], queues: Queues, now_ms: int) -> Steps[None]:
    """Have the places of words say that something newer comes; the events are to be left."""
    left = list(words)
    while left:
        # One of each queue at a time: the next may be beside it.
        now = {one.key: one for one in reversed(left)}
        left = [one for one in left if now[one.key] is not one]
        yield from _supersede([(*one.key, one.seq) for one in now.values()], queues, now_ms)


_BESIDE = (
    "LEFT JOIN queued_events {0} ON {0}.user_id = q.user_id AND {0}.device_id = q.device_id "
    f"AND {{0}}.lost_as = '{LostAs.SUPERSEDED.value}' AND {{0}}.seq = ("
    "SELECT {1}(p.seq) FROM queued_events p WHERE p.user_id = q.user_id "
    "AND p.device_id = q.device_id AND p.seq {2} q.seq) "
)

_WITH_THOSE_BESIDE = (
    "SELECT q.user_id, q.device_id, q.seq, COALESCE(earlier.first_seq, q.first_seq), earlier.seq, "
    "later.seq FROM json_array_elements($1::json) AS asked JOIN queued_events q "
    "ON q.user_id = (asked.value ->> 0) AND q.device_id = (asked.value ->> 1) "
    "AND q.seq = (asked.value ->> 2)::bigint "
    + _BESIDE.format("earlier", "MAX", "<")
    + _BESIDE.format("later", "MIN", ">")
)


def _supersede(places: list[Row], queues: Queues, now_ms: int) -> Steps[None]:
    found = yield from rows(_WITH_THOSE_BESIDE, listed(places))
    gone: list[Row] = []
    for user_id, device_id, seq, _, earlier, later in found:
        beside = [one for one in (earlier, seq if later else None) if one is not None]
        gone += [(user_id, device_id, one) for one in beside]
        _shorten(queues[(user_id, device_id)], len(beside))
    yield from run_many(
        "DELETE FROM queued_events WHERE user_id = $1 AND device_id = $2 AND seq = $3",
        [tuple(one) for one in gone],
    )
    yield from run_many(
        "UPDATE queued_events SET first_seq = $4, sender_id = '', event_key = NULL, "
        f"lost_as = '{LostAs.SUPERSEDED.value}', lost_ms = $5 "
        "WHERE user_id = $1 AND device_id = $2 AND seq = $3",
        [
            (user, device, later or seq, first, now_ms)
            for user, device, seq, first, _, later in found
        ],
    )


def _shorten(queue: Queue, count: int) -> None:
    """A place is an event no more, and so many are gone."""
    queue.rotations -= 1
    queue.kept -= count
    queue.waiting -= count
    queue.is_changed = True
