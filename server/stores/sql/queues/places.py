"""Queues, locked, as events are put into them."""

from collections.abc import Collection, Iterable

from msgspec import Struct

from server.core.ids import new_id
from server.core.limits import Bounds
from server.core.queued import LostAs
from server.stores.sql.steps import Row, Steps, listed, rows, run_many

QueueKey = tuple[str, str]
"""The user and the device of a queue."""


SUPERSEDED_TIMES = 2
"""As many places as rotations may have, those may have together with what says that some were
superseded."""


class Placed(Struct, frozen=True):
    """What a queue has of an event.

    Attributes:
        sender_id: Who has sent it, or caused what the server says.
    """

    event_key: str
    event_id: str
    sender_id: str
    is_rotation: bool


class Queue(Struct):
    """A queue, locked.

    Attributes:
        seq, waiting, lost_from: As the table has them, with what was added.
        rotations: Events among these that are about keys; `count_rotations` reads them.
        kept: The same with the places that say that one was superseded.
        added: Rows of new places.
        moved_from: The place that says what was lost at the end, as it was stored; it goes.
    """

    key: QueueKey
    seq: int
    waiting: int
    lost_from: int | None
    added: list[Row]
    moved_from: int | None = None
    is_changed: bool = False
    rotations: int = 0
    kept: int = 0

    def has_room(self, placed: Placed, bounds: Bounds) -> bool:
        """Whether there is a place for it: one is not used up by the other kind."""
        if placed.is_rotation:
            limit = bounds.queue_rotations
            return self.rotations < limit and self.kept < SUPERSEDED_TIMES * limit
        return self.waiting - self.kept < bounds.queue_events

    def put(self, placed: Placed) -> None:
        """Have an event at the end."""
        self.seq += 1
        self.waiting += 1
        self.rotations += placed.is_rotation
        self.kept += placed.is_rotation
        self.lost_from = None
        self.is_changed = True
        ids = (placed.event_id, placed.sender_id, placed.event_key)
        self.added.append((self.seq, self.seq, *ids, None, None, placed.is_rotation))

    def lose(self, lost_as: LostAs, now_ms: int) -> None:
        """Have it say at the end that something more was lost."""
        self.is_changed = True
        if self.lost_from is None:
            self.lost_from = self.seq + 1
            self.waiting += 1
        elif self.added:
            self.added.pop()
        else:
            self.moved_from = self.seq
        self.seq += 1
        self.added.append(
            (self.seq, self.lost_from, new_id(), "", None, lost_as.value, now_ms, False)
        )


Queues = dict[QueueKey, Queue]


_LOCK = (
    "SELECT user_id, device_id, seq, waiting, lost_from FROM queues "
    "WHERE user_id = ANY($1::text[]) AND NOT has_lapsed "
    "ORDER BY user_id, device_id FOR NO KEY UPDATE"
)


def lock_queues(user_ids: Iterable[str], *, waits: bool) -> Steps[Queues]:
    """Lock the queues of users that take events; those that others have locked only if it waits."""
    found = yield from rows(_LOCK if waits else f"{_LOCK} SKIP LOCKED", sorted(set(user_ids)))
    return {
        (user_id, device_id): Queue((user_id, device_id), seq, waiting, lost_from, [])
        for user_id, device_id, seq, waiting, lost_from in found
    }


def lock_these(keys: Iterable[QueueKey]) -> Steps[list[QueueKey]]:
    """Lock queues, of whatever kind, but for those that others have locked."""
    found = yield from rows(
        "SELECT q.user_id, q.device_id FROM queues q "
        "JOIN json_array_elements($1::json) AS asked "
        "ON q.user_id = (asked.value ->> 0) AND q.device_id = (asked.value ->> 1) "
        "ORDER BY q.user_id, q.device_id FOR NO KEY UPDATE OF q SKIP LOCKED",
        listed(keys),
    )
    return [(user_id, device_id) for user_id, device_id in found]


def write_queues(queues: Collection[Queue]) -> Steps[None]:
    """Store what was put into queues; the events must be there."""
    changed = [one for one in queues if one.is_changed]
    yield from run_many(
        "DELETE FROM queued_events WHERE user_id = $1 AND device_id = $2 AND seq = $3",
        [(*one.key, one.moved_from) for one in changed if one.moved_from is not None],
    )
    yield from run_many(
        "INSERT INTO queued_events (user_id, device_id, seq, first_seq, event_id, sender_id, "
        "event_key, lost_as, lost_ms, is_rotation) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        [(*one.key, *added) for one in changed for added in one.added],
    )
    yield from run_many(
        "UPDATE queues SET seq = $3, waiting = $4, lost_from = $5 "
        "WHERE user_id = $1 AND device_id = $2",
        [(*one.key, one.seq, one.waiting, one.lost_from) for one in changed],
    )
