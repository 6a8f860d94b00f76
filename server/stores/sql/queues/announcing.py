"""Steps that put the server's own events into queues, within the transaction of what they tell."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from server.core.ids import new_id
from server.core.limits import Bounds
from server.core.queued import LostAs
from server.stores.sql.queues.bodies import KEPT_MS, insert_events, leave
from server.stores.sql.queues.counting import Held, count_held, count_rotations
from server.stores.sql.queues.places import Placed, Queue, Queues, lock_queues, write_queues
from server.stores.sql.queues.superseding import Word, supersede, words_before
from server.stores.sql.steps import Row, Steps


class Announcement(Struct, frozen=True):
    """What users are told who have queues."""

    type: str
    room_id: str
    users: Sequence[str]
    metadata: Mapping[str, Any]


def announce(
    said: Iterable[Announcement],
    by: str,
    now_ms: int,
    bounds: Bounds,
    leaving: Sequence[str] = (),
) -> Steps[None]:
    """Put events into all queues of their users; into a full one, that something was lost.

    Args:
        said: Of different groups, or for different users.
        by: Who has caused it, and among whose events it counts.
        leaving: Whose queues end in this transaction: they are locked with the others, in order.
    """
    announcements = list(said)
    users = {user for one in announcements for user in one.users}.union(leaving)
    queues = yield from lock_queues(users, waits=True)
    held = yield from count_held([(user, by) for user in users], queues, bounds, len(announcements))
    yield from count_rotations(queues, bounds, len(announcements))
    crier = _Crier(queues, held, by, now_ms, bounds)
    for one in announcements:
        yield from crier.tell(one)
    yield from insert_events(crier.events)
    yield from write_queues(queues.values())
    yield from leave(crier.left)


class _Crier:
    """Tells the words of one transaction.

    Attributes:
        events: Rows of what was told.
        left: Events that are out of a queue, once for each.
    """

    def __init__(self, queues: Queues, held: Held, by: str, now_ms: int, bounds: Bounds) -> None:
        self._queues = queues
        self._held = held
        self._by = by
        self._now_ms = now_ms
        self._bounds = bounds
        self.events: list[Row] = []
        self.left: list[str] = []

    def tell(self, one: Announcement) -> Steps[None]:
        words = yield from words_before(one.room_id, one.type, one.metadata, set(one.users))
        placed = Placed(new_id(), new_id(), self._by, is_rotation=True)
        over: list[Word] = []
        count = 0
        for key, queue in self._queues.items():
            if key[0] not in one.users:
                continue
            before = words.get(key, [])
            if self._has_room(queue, placed, before):
                self._held[(key, self._by)] += 1
                queue.put(placed)
                over += before
                count += 1
            else:
                queue.lose(LostAs.FULL, self._now_ms)
        self._held.subtract((word.key, word.by) for word in over)
        self.left += [word.event_key for word in over]
        yield from supersede(over, self._queues, self._now_ms)
        if count:
            self.events.append(_row(one, placed, count, self._now_ms))

    def _has_room(self, queue: Queue, placed: Placed, before: list[Word]) -> bool:
        """Whether there is room for it, in place of what was said before."""
        held = self._held[(queue.key, self._by)] - sum(word.by == self._by for word in before)
        if held >= self._bounds.queue_events_of_sender:
            return False
        return bool(before) or queue.has_room(placed, self._bounds)


def _row(one: Announcement, placed: Placed, count: int, now_ms: int) -> Row:
    metadata = msgspec.json.encode(one.metadata)
    times = (now_ms, now_ms + KEPT_MS)
    ids = (placed.event_key, "", placed.event_id)
    return (*ids, one.type, one.room_id, *times, count, "[]", metadata, None)
