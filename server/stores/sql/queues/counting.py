"""What waits of one kind in queues that have enough of all for that to be too much.

Others are not read: there it is taken for nothing. They are asked one by one, and not by a join:
PostgreSQL takes a list for longer than it is, and would rather go through all queues there are.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

from server.core.limits import Bounds
from server.stores.sql.queues.places import QueueKey, Queues
from server.stores.sql.steps import Steps, listed, rows

Held = Counter[tuple[QueueKey, str]]
"""Events of a sender in a queue."""


def count_held(
    pairs: Collection[tuple[str, str]], queues: Queues, bounds: Bounds, more: int
) -> Steps[Held]:
    """How many events of senders wait for users; `more` are to come.

    Args:
        pairs: A user and a sender each.
    """
    devices = devices_of(_longer(queues, bounds.queue_events_of_sender - more))
    wanted = {(user, device, sender) for user, sender in pairs for device in devices[user]}
    if not wanted:
        return Counter()
    found = yield from rows(
        "SELECT asked.value ->> 0, asked.value ->> 1, asked.value ->> 2, (SELECT COUNT(*) "
        "FROM queued_events q WHERE q.user_id = (asked.value ->> 0) "
        "AND q.device_id = (asked.value ->> 1) AND q.sender_id = (asked.value ->> 2)) "
        "FROM json_array_elements($1::json) AS asked",
        listed(wanted),
    )
    return Counter({((user, device), sender): count for user, device, sender, count in found})


_KEPT = (
    "(SELECT COUNT({0}) FROM queued_events q WHERE q.user_id = (asked.value ->> 0) "
    "AND q.device_id = (asked.value ->> 1) AND q.is_rotation)"
)


def count_rotations(queues: Queues, bounds: Bounds, more: int) -> Steps[None]:
    """Note in queues how many of their places are kept for keys; `more` events are to come."""
    long = _longer(queues, min(bounds.queue_events, bounds.queue_rotations) - more)
    if not long:
        return
    found = yield from rows(
        "SELECT asked.value ->> 0, asked.value ->> 1, "
        f"{_KEPT.format('q.event_key')}, {_KEPT.format('*')} "
        "FROM json_array_elements($1::json) AS asked",
        listed(long),
    )
    for user_id, device_id, rotations, kept in found:
        queue = queues[(user_id, device_id)]
        queue.rotations, queue.kept = rotations, kept


def _longer(queues: Queues, enough: int) -> list[QueueKey]:
    return [key for key, one in queues.items() if one.waiting >= enough]


def devices_of(keys: Iterable[QueueKey]) -> defaultdict[str, list[str]]:
    """Those of each user that have these queues."""
    devices: defaultdict[str, list[str]] = defaultdict(list)
    for user_id, device_id in keys:
        devices[user_id].append(device_id)
    return devices
