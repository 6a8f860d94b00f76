"""Steps that make queues.

Whoever makes one has the account locked, as has whoever revokes a device or deletes the account: so
none is made for what has just ended, and nobody waits for a queue that is being made.
"""

from collections.abc import Collection, Iterable

from server.core.ports.queues import NewEvent
from server.core.queued import DEFAULT_DEVICE
from server.stores.sql.queues.places import QueueKey
from server.stores.sql.queues.reviving import take_up_last
from server.stores.sql.scopes import SHARED
from server.stores.sql.sign_ins import lock_accounts
from server.stores.sql.steps import Row, Steps, listed, rows, run_many


def make_first(news: Iterable[NewEvent], now_ms: int) -> Steps[None]:
    """Make queues for those who are to get something, and have none that takes it.

    That of the device which was seen last is taken up again; if there is none at all, one is made
    for each device, and for whoever has none, that of the default device. No group may be locked
    yet, so whoever comes into one meanwhile may still have none.
    """
    some = list(news)
    members = yield from rows(
        "SELECT DISTINCT me.user_id FROM room_members me JOIN rooms r ON r.room_id = me.room_id "
        f"WHERE me.room_id = ANY($1::text[]) AND {SHARED}",
        sorted({str(one.group_id) for one in some if one.group_id is not None}),
    )
    users = {user_id for (user_id,) in members}.union(*(map(str, one.recipients) for one in some))
    without = yield from without_queues(users)
    if not without:
        return
    yield from lock_accounts(without)
    without -= yield from take_up_last(without, now_ms)
    found = yield from rows(
        "SELECT a.user_id, d.device_id FROM accounts a LEFT JOIN devices d "
        "ON d.user_id = a.user_id AND d.revoked_ms IS NULL "
        "WHERE a.user_id = ANY($1::text[]) AND a.deleted_ms IS NULL",
        sorted(without),
    )
    yield from _make(
        [(user_id, device_id or DEFAULT_DEVICE) for user_id, device_id in found], now_ms
    )


def make_missing(keys: Collection[QueueKey], now_ms: int) -> Steps[None]:
    """Make those of these queues that are not there, but for devices that are revoked."""
    found = yield from rows(
        "SELECT q.user_id, q.device_id FROM queues q JOIN json_array_elements($1::json) AS asked "
        "ON q.user_id = (asked.value ->> 0) AND q.device_id = (asked.value ->> 1)",
        listed(keys),
    )
    missing = set(keys) - {(user_id, device_id) for user_id, device_id in found}
    if not missing:
        return
    yield from lock_accounts({user_id for user_id, _ in missing})
    standing = yield from rows(
        "SELECT a.user_id, asked.value ->> 1 FROM json_array_elements($1::json) AS asked "
        "JOIN accounts a ON a.user_id = (asked.value ->> 0) AND a.deleted_ms IS NULL "
        "LEFT JOIN devices d ON d.user_id = a.user_id AND d.device_id = (asked.value ->> 1) "
        "WHERE d.revoked_ms IS NULL",
        listed(sorted(missing)),
    )
    yield from _make(standing, now_ms)


def without_queues(user_ids: Collection[str]) -> Steps[frozenset[str]]:
    """Who of these has an account and no queue that takes events."""
    if not user_ids:
        return frozenset()
    found = yield from rows(
        "SELECT a.user_id FROM accounts a WHERE a.user_id = ANY($1::text[]) "
        "AND a.deleted_ms IS NULL "
        "AND NOT EXISTS ("
        "SELECT 1 FROM queues q WHERE q.user_id = a.user_id AND NOT q.has_lapsed)",
        sorted(user_ids),
    )
    return frozenset(user_id for (user_id,) in found)


def _make(keys: Iterable[Row], now_ms: int) -> Steps[None]:
    yield from run_many(
        "INSERT INTO queues (user_id, device_id, seq, waiting, seen_ms, has_lapsed) "
        "VALUES ($1, $2, 0, 0, $3, FALSE) ON CONFLICT (user_id, device_id) DO NOTHING",
        [(*key, now_ms) for key in keys],
    )
