"""Families of tokens: the steps of their transactions."""

# ruff: noqa: S608  # nothing but names of this module is put into statements

from collections.abc import Sequence

from server.core.ids import DeviceId, UserId
from server.core.ports.accounts import (
    AccountSession,
    EndedFamily,
    NewTokens,
    Rotated,
)
from server.stores.sql.audit import Action, note
from server.stores.sql.steps import Row, Steps, row, rows, run, value

KEPT_USED_MS = 7 * 24 * 60 * 60 * 1000
"""For a refresh token that was used: if it comes again until then, its family ends."""

MAX_FAMILIES = 8
"""Of one device at the same time; an older one makes room."""

_GOES_ON = "f.ended_ms IS NULL AND a.banned_ms IS NULL AND a.deleted_ms IS NULL"

_SESSION = (
    "SELECT a.user_id, a.username, f.device_id, a.is_operator FROM token_families f"
    f" JOIN accounts a ON a.user_id = f.user_id WHERE f.family_id = $1 AND {_GOES_ON}"
)

_STANDING = (
    "SELECT f.family_id FROM token_families f JOIN accounts a ON a.user_id = f.user_id"
    f" WHERE f.family_id = ANY($1::text[]) AND {_GOES_ON}"
)


def session(family_id: str) -> Steps[AccountSession | None]:
    found = yield from row(_SESSION, family_id)
    return _session(found) if found else None


def standing(family_ids: Sequence[str]) -> Steps[frozenset[str]]:
    found = yield from rows(_STANDING, list(family_ids))
    return frozenset(one for (one,) in found)


def rotate(refresh_hash: bytes, new_hash: bytes, expires_ms: int, now_ms: int) -> Steps[Rotated]:
    found = yield from row(
        "SELECT family_id, expires_ms, used_ms FROM refresh_tokens WHERE token_hash = $1"
        " FOR UPDATE",
        refresh_hash,
    )
    if found is None:
        return Rotated(None)
    family_id, old_expires_ms, used_ms = found
    current = yield from row(_SESSION + " FOR UPDATE OF f", family_id)
    if used_ms is not None:
        return (yield from _end_reused(family_id, _session(current) if current else None, now_ms))
    if current is None or old_expires_ms <= now_ms:
        return Rotated(None, family_id)
    yield from run(
        "UPDATE refresh_tokens SET used_ms = $2, expires_ms = $3 WHERE token_hash = $1",
        refresh_hash,
        now_ms,
        min(old_expires_ms, now_ms + KEPT_USED_MS),
    )
    yield from _add_token(family_id, new_hash, expires_ms, now_ms)
    yield from run(
        "UPDATE devices SET seen_ms = $3 WHERE user_id = $1 AND device_id = $2",
        current[0],
        current[2],
        now_ms,
    )
    return Rotated(_session(current), family_id)


def end_family(family_id: str, now_ms: int) -> Steps[EndedFamily | None]:
    """Returns whose it was, if it had not ended."""
    found = yield from row(
        "UPDATE token_families SET ended_ms = $2 WHERE family_id = $1 AND ended_ms IS NULL"
        " RETURNING user_id, device_id",
        family_id,
        now_ms,
    )
    if found is None:
        return None
    user_id, device_id = UserId(found[0]), DeviceId(found[1])
    yield from note(Action.SIGNED_OUT, user_id, now_ms, device_id)
    return EndedFamily(user_id, device_id, family_id)


def end_family_of(refresh_hash: bytes, now_ms: int) -> Steps[EndedFamily | None]:
    family_id = yield from value(
        "SELECT family_id FROM refresh_tokens WHERE token_hash = $1", refresh_hash
    )
    return (yield from end_family(family_id, now_ms)) if family_id else None


def end_families(user_id: UserId, now_ms: int, keep: str | None = None) -> Steps[None]:
    """End all families but one, and all pending logins."""
    yield from run(
        "UPDATE token_families SET ended_ms = $2"
        " WHERE user_id = $1 AND ended_ms IS NULL AND family_id <> $3",
        str(user_id),
        now_ms,
        keep or "",
    )
    yield from run("DELETE FROM registrations WHERE user_id = $1", str(user_id))


def begin_family(
    user_id: UserId, device_id: DeviceId, tokens: NewTokens, now_ms: int
) -> Steps[None]:
    yield from run(
        "UPDATE token_families SET ended_ms = $3 WHERE family_id IN ("
        "SELECT family_id FROM token_families WHERE user_id = $1 AND device_id = $2"
        " AND ended_ms IS NULL ORDER BY created_ms DESC, family_id DESC LIMIT 1000 OFFSET $4)",
        str(user_id),
        str(device_id),
        now_ms,
        MAX_FAMILIES - 1,
    )
    yield from run(
        "INSERT INTO token_families (family_id, user_id, device_id, created_ms)"
        " VALUES ($1, $2, $3, $4)",
        tokens.family_id,
        str(user_id),
        str(device_id),
        now_ms,
    )
    yield from _add_token(tokens.family_id, tokens.refresh_hash, tokens.expires_ms, now_ms)


def _add_token(family_id: str, token_hash: bytes, expires_ms: int, now_ms: int) -> Steps[None]:
    return run(
        "INSERT INTO refresh_tokens (token_hash, family_id, issued_ms, expires_ms)"
        " VALUES ($1, $2, $3, $4)",
        token_hash,
        family_id,
        now_ms,
        expires_ms,
    )


def _end_reused(family_id: str, ended: AccountSession | None, now_ms: int) -> Steps[Rotated]:
    if ended:
        yield from run(
            "UPDATE token_families SET ended_ms = $2 WHERE family_id = $1", family_id, now_ms
        )
        yield from note(Action.TOKEN_REUSED, ended.user_id, now_ms, ended.device_id)
    return Rotated(None, family_id, ended)


def _session(found: Row) -> AccountSession:
    user_id, username, device_id, is_operator = found
    return AccountSession(UserId(user_id), username, DeviceId(device_id), bool(is_operator))
