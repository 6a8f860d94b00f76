"""What is read before events are put into queues: who is there, and what of it is stored."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct

from server.core.ids import EventId, UserId
from server.core.kinds import DURABLE, Kind
from server.core.limits import Bounds
from server.core.ports.queues import NewEvent, Queued
from server.stores.sql.queues.counting import count_held, count_rotations, devices_of
from server.stores.sql.queues.places import QueueKey, Queues
from server.stores.sql.scopes import SHARED
from server.stores.sql.steps import Steps, listed, rows

Groups = Mapping[str, frozenset[str]]
"""Members of groups that are locked."""


class Way(NamedTuple):
    """Who sends what to whom."""

    sender: str
    event_id: str
    user: str


class Known(Struct):
    """What is known of those who send and of those who are to get it.

    Attributes:
        users: Who of them has an account.
        blocks: Who has blocked whom.
        stored: Events that were sent before, by sender and id.
        held: How many events of a sender wait in a queue, where they may be too many.
        holders: Whose event it is that has an id in a queue.
        stored_bytes: What senders have stored.
        taken: What comes on top of that.
    """

    users: frozenset[str]
    blocks: frozenset[tuple[str, str]]
    stored: dict[tuple[str, str], Queued]
    held: Counter[tuple[QueueKey, str]]
    holders: dict[tuple[QueueKey, str], str]
    stored_bytes: dict[str, int]
    taken: Counter[str]


def lock_groups(news: Iterable[NewEvent], *, waits: bool) -> Steps[Groups]:
    """Have nobody come or go in the groups that events are for."""
    wanted = sorted({str(one.group_id) for one in news if one.group_id is not None})
    if not wanted:
        return {}
    found = yield from rows(
        "SELECT r.room_id, r.kind FROM rooms r WHERE r.room_id = ANY($1::text[]) "
        f"AND r.deleted_ms IS NULL AND {SHARED} "
        f"ORDER BY r.room_id FOR SHARE{'' if waits else ' SKIP LOCKED'}",
        wanted,
    )
    locked = [room_id for room_id, kind in found if DURABLE[Kind(kind)].is_managed]
    members = yield from rows(
        "SELECT room_id, user_id FROM room_members WHERE room_id = ANY($1::text[])", locked
    )
    groups: dict[str, set[str]] = {room_id: set() for room_id in locked}
    for room_id, user_id in members:
        groups[room_id].add(user_id)
    return {room_id: frozenset(users) for room_id, users in groups.items()}


def taking(user_ids: list[str]) -> Steps[frozenset[QueueKey]]:
    """The queues of these users that take events."""
    found = yield from rows(
        "SELECT user_id, device_id FROM queues WHERE user_id = ANY($1::text[]) AND NOT has_lapsed",
        user_ids,
    )
    return frozenset((user_id, device_id) for user_id, device_id in found)


def read_known(
    news: Sequence[NewEvent], ways: Collection[Way], queues: Queues, bounds: Bounds
) -> Steps[Known]:
    user_ids = sorted({one.user for one in ways})
    senders = sorted({str(one.sender) for one in news})
    users = yield from rows(
        "SELECT user_id FROM accounts WHERE user_id = ANY($1::text[]) AND deleted_ms IS NULL",
        user_ids,
    )
    blocks = yield from rows(
        "SELECT user_id, blocked_id FROM account_blocks "
        "WHERE (user_id = ANY($1::text[]) AND blocked_id = ANY($2::text[])) "
        "OR (user_id = ANY($2::text[]) AND blocked_id = ANY($1::text[]))",
        user_ids,
        senders,
    )
    sizes = yield from rows(
        "SELECT user_id, bytes FROM stored_bytes WHERE user_id = ANY($1::text[])", senders
    )
    known = Known(
        users=frozenset(one for (one,) in users),
        blocks=frozenset((blocker, blocked) for blocker, blocked in blocks),
        stored=(yield from _stored(news)),
        held=Counter(),
        holders={},
        stored_bytes={str(user_id): int(size) for user_id, size in sizes},
        taken=Counter(),
    )
    pairs = {(one.user, one.sender) for one in ways}
    known.held.update((yield from count_held(pairs, queues, bounds, len(news))))
    yield from count_rotations(queues, bounds, len(news))
    yield from _read_holders(known, ways, queues)
    return known


def _stored(news: Iterable[NewEvent]) -> Steps[dict[tuple[str, str], Queued]]:
    """Which events were sent before."""
    found = yield from rows(
        "SELECT e.sender_id, e.event_id, e.sent_ms, e.refused FROM events e "
        "JOIN json_array_elements($1::json) AS asked "
        "ON e.sender_id = (asked.value ->> 0) AND e.event_id = (asked.value ->> 1)",
        listed((one.sender, one.event_id) for one in news),
    )
    return {
        (sender, event_id): Queued(
            event_id=EventId(event_id),
            sent_ms=sent_ms,
            users=(),
            full=tuple(map(UserId, msgspec.json.decode(refused))),
            is_repeat=True,
        )
        for sender, event_id, sent_ms, refused in found
    }


def _read_holders(known: Known, ways: Collection[Way], queues: Queues) -> Steps[None]:
    """Read whose events have the ids that are sent: one by one, as in `counting`."""
    devices = devices_of(key for key, one in queues.items() if one.waiting)
    wanted = {(one.user, device, one.event_id) for one in ways for device in devices[one.user]}
    if not wanted:
        return
    found = yield from rows(
        "SELECT asked.value ->> 0, asked.value ->> 1, asked.value ->> 2, "
        "(SELECT COALESCE(e.sender_id, '') FROM queued_events q "
        "LEFT JOIN events e ON e.event_key = q.event_key WHERE q.user_id = (asked.value ->> 0) "
        "AND q.device_id = (asked.value ->> 1) AND q.event_id = (asked.value ->> 2) LIMIT 1) "
        "FROM json_array_elements($1::json) AS asked",
        listed(wanted),
    )
    for user_id, device_id, event_id, sender in found:
        if sender is not None:
            known.holders[((user_id, device_id), event_id)] = sender
