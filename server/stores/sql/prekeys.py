"""One-time prekeys of a device, as steps of transactions.

Whatever adds or sweeps has locked the row of the device in `device_keys`; claiming does not, so
that many can claim at the same time.
"""

from collections.abc import Sequence

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, UserId
from server.core.ports.device_keys import KeyOwner, Prekey, PrekeyRules
from server.stores.sql.spent import Range, is_spent, merged
from server.stores.sql.steps import Steps, row, rows, run, run_many, value

# Other transactions that claim are passed by: each takes the oldest that nobody is taking.
_CLAIM = """
    UPDATE prekeys SET claimed_ms = $3
    WHERE user_id = $1 AND device_id = $2 AND key_id = (
        SELECT key_id FROM prekeys
        WHERE user_id = $1 AND device_id = $2 AND claimed_ms IS NULL AND expires_ms > $3
        ORDER BY place LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING key_id, public_key
"""

_AVAILABLE = """
    SELECT device_id, COUNT(*) FROM prekeys
    WHERE user_id = $1 AND claimed_ms IS NULL AND expires_ms > $2 GROUP BY device_id
"""

_INSERT = """
    INSERT INTO prekeys (user_id, device_id, key_id, public_key, place, expires_ms)
    VALUES ($1, $2, $3, $4, $5, $6)
"""


def claim(owner: KeyOwner, now_ms: int) -> Steps[Prekey | None]:
    """Hand out the oldest one."""
    found = yield from row(_CLAIM, owner.user_id, owner.device_id, now_ms)
    return Prekey(found[0], found[1]) if found else None


def available(user_id: UserId, now_ms: int) -> Steps[dict[DeviceId, int]]:
    """How many can be claimed of each device; those that have none are left out."""
    found = yield from rows(_AVAILABLE, user_id, now_ms)
    return {DeviceId(device_id): count for device_id, count in found}


def add(
    owner: KeyOwner, prekeys: Sequence[Prekey], rules: PrekeyRules, now_ms: int
) -> Steps[tuple[int, ...]]:
    """Put prekeys behind those that are there.

    Returns:
        The ids that were handed out before; these are not kept.
    """
    yield from sweep(owner, now_ms)
    known = yield from _known(owner, [one.key_id for one in prekeys])
    for one in prekeys:
        if known.get(one.key_id) not in (None, one.public_key):
            problem = f"a prekey of id {one.key_id} stands with another key; use higher ids"
            raise AppError(Code.ID_CONFLICT, problem)
    fresh = [one for one in prekeys if one.key_id not in known]
    yield from _insert(owner, fresh, rules)
    return tuple(key_id for key_id, public_key in known.items() if public_key is None)


def _insert(owner: KeyOwner, prekeys: Sequence[Prekey], rules: PrekeyRules) -> Steps[None]:
    found = yield from row(
        "SELECT COUNT(*), COALESCE(MAX(place), 0) FROM prekeys"
        " WHERE user_id = $1 AND device_id = $2 AND claimed_ms IS NULL",
        owner.user_id,
        owner.device_id,
    )
    count, place = found or (0, 0)
    if count + len(prekeys) > rules.max_prekeys:
        room = max(0, rules.max_prekeys - count)
        problem = f"a device has at most {rules.max_prekeys} prekeys; {room} more can be added"
        raise AppError(Code.LIMIT_REACHED, problem)
    yield from run_many(
        _INSERT,
        [
            (*_names(owner), one.key_id, one.public_key, place + at, rules.expires_ms)
            for at, one in enumerate(prekeys, 1)
        ],
    )
    if count + len(prekeys) >= rules.enough:
        yield from run(
            "UPDATE device_keys SET low_told = false"
            " WHERE user_id = $1 AND device_id = $2 AND low_told",
            *_names(owner),
        )


def drop_unclaimed(owner: KeyOwner) -> Steps[None]:
    """Forget those that nobody has claimed."""
    yield from run(
        "DELETE FROM prekeys WHERE user_id = $1 AND device_id = $2 AND claimed_ms IS NULL",
        *_names(owner),
    )


def sweep(owner: KeyOwner, now_ms: int) -> Steps[int]:
    """Forget those that have expired, and of those that were claimed all but the ids.

    Returns:
        How many.
    """
    expired = yield from rows(
        "DELETE FROM prekeys WHERE user_id = $1 AND device_id = $2 AND claimed_ms IS NULL"
        " AND expires_ms <= $3 RETURNING key_id",
        *_names(owner),
        now_ms,
    )
    claimed = yield from rows(
        "DELETE FROM prekeys WHERE user_id = $1 AND device_id = $2 AND claimed_ms IS NOT NULL"
        " RETURNING key_id",
        *_names(owner),
    )
    if claimed:
        yield from _remember_spent(owner, [key_id for (key_id,) in claimed])
    return len(expired) + len(claimed)


def _remember_spent(owner: KeyOwner, key_ids: list[int]) -> Steps[None]:
    before = yield from _spent(owner)
    after = merged(before, key_ids)
    yield from run_many(
        "DELETE FROM spent_prekeys WHERE user_id = $1 AND device_id = $2 AND first_id = $3",
        [(*_names(owner), first) for first, _ in set(before) - set(after)],
    )
    yield from run_many(
        "INSERT INTO spent_prekeys (user_id, device_id, first_id, last_id) VALUES ($1, $2, $3, $4)",
        [(*_names(owner), *one) for one in set(after) - set(before)],
    )
    yield from run(
        "UPDATE device_keys SET used = used + $3 WHERE user_id = $1 AND device_id = $2",
        *_names(owner),
        len(key_ids),
    )


def _known(owner: KeyOwner, key_ids: list[int]) -> Steps[dict[int, bytes | None]]:
    """Which of these ids are taken, each with its key; None for one that was handed out."""
    found = yield from rows(
        "SELECT key_id, public_key, claimed_ms FROM prekeys"
        " WHERE user_id = $1 AND device_id = $2 AND key_id = ANY($3::bigint[])",
        *_names(owner),
        key_ids,
    )
    spent = yield from _spent(owner)
    standing = {
        key_id: public_key if claimed_ms is None else None
        for key_id, public_key, claimed_ms in found
    }
    return {**standing, **{one: None for one in key_ids if is_spent(spent, one)}}


def _spent(owner: KeyOwner) -> Steps[list[Range]]:
    found = yield from rows(
        "SELECT first_id, last_id FROM spent_prekeys"
        " WHERE user_id = $1 AND device_id = $2 ORDER BY first_id",
        *_names(owner),
    )
    return [(first, last) for first, last in found]


def count_used(owner: KeyOwner) -> Steps[int]:
    """Those that were claimed and are not swept away yet."""
    count: int = yield from value(
        "SELECT COUNT(*) FROM prekeys"
        " WHERE user_id = $1 AND device_id = $2 AND claimed_ms IS NOT NULL",
        *_names(owner),
    )
    return count


def count_expired(owner: KeyOwner, now_ms: int) -> Steps[int]:
    """Those that expired before anybody claimed them, and are not swept away yet."""
    count: int = yield from value(
        "SELECT COUNT(*) FROM prekeys WHERE user_id = $1 AND device_id = $2"
        " AND claimed_ms IS NULL AND expires_ms <= $3",
        *_names(owner),
        now_ms,
    )
    return count


def few(owner: KeyOwner, enough: int, now_ms: int) -> Steps[int | None]:
    """How many a device has; None if that is enough, or if it has no keys."""
    has_keys = yield from value(
        "SELECT 1 FROM device_keys WHERE user_id = $1 AND device_id = $2",
        *_names(owner),
    )
    if not has_keys:
        return None
    counts = yield from available(owner.user_id, now_ms)
    count = counts.get(owner.device_id, 0)
    return count if count < enough else None


def _names(owner: KeyOwner) -> tuple[str, str]:
    return owner.user_id, owner.device_id
