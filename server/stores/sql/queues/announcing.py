"""Steps that put the server's own events into queues, within the transaction of what they tell."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from server.core.ids import new_id
from server.core.limits import Bounds
from server.core.queued import LostAs
from server.stores.sql.queues.bodies import KEPT_MS, insert_events
from server.stores.sql.queues.places import Placed, lock_queues, write_queues
from server.stores.sql.steps import Row, Steps


class Announcement(Struct, frozen=True):
    """What users are told who have queues."""

    type: str
    room_id: str
    users: Sequence[str]
    metadata: Mapping[str, Any]


def announce(
    said: Iterable[Announcement], now_ms: int, bounds: Bounds, leaving: Sequence[str] = ()
) -> Steps[None]:
    """Put events into all queues of their users; into a full one, that something was lost.

    Args:
        leaving: Whose queues end in this transaction: they are locked with the others, in order.
    """
    announcements = list(said)
    users = {user for one in announcements for user in one.users}.union(leaving)
    queues = yield from lock_queues(users, waits=True)
    events: list[Row] = []
    for one in announcements:
        placed = Placed(new_id(), new_id(), "", is_rotation=True)
        count = 0
        for queue in queues.values():
            if queue.key[0] not in one.users:
                continue
            if queue.has_room(placed, bounds):
                queue.put(placed)
                count += 1
            else:
                queue.lose(LostAs.FULL, now_ms)
        if count:
            events.append(_row(one, placed, count, now_ms))
    yield from insert_events(events)
    yield from write_queues(queues.values())


def _row(one: Announcement, placed: Placed, count: int, now_ms: int) -> Row:
    metadata = msgspec.json.encode(one.metadata)
    times = (now_ms, now_ms + KEPT_MS)
    ids = (placed.event_key, "", placed.event_id)
    return (*ids, one.type, one.room_id, *times, count, "[]", metadata, None)
