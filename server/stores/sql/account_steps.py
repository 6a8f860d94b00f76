"""Accounts and whom they have blocked: the steps of their transactions."""

# ruff: noqa: S608  # nothing but names of this module is put into statements

from collections.abc import Sequence

from server.core.errors import AppError, Code
from server.core.ids import UserId
from server.core.ports.accounts import (
    Account,
    AccountPage,
    Block,
    Found,
    NewAccount,
)
from server.stores.sql.audit import Action, note, note_of_operators
from server.stores.sql.sign_ins import Leave, lock_account
from server.stores.sql.steps import Row, Steps, row, rows, run, value
from server.stores.sql.tokens import end_families

ADDRESS_KNOWN_MS = 90 * 24 * 60 * 60 * 1000
"""Since the last sign-in from there."""

MAX_FORGOTTEN = 5_000
"""Rows of one kind that one round of `expire` takes, so that others wait for it only so long."""

_COLUMNS = (
    "user_id, username, email, display_name, password_hash, password_is_temporary, is_operator,"
    " created_ms, banned_ms"
)


def blocked(user_id: UserId, others: Sequence[UserId]) -> Steps[frozenset[UserId]]:
    """Which of the others have blocked this one, or are blocked by it."""
    found = yield from rows(
        "SELECT blocked_id FROM account_blocks"
        " WHERE user_id = $1 AND blocked_id = ANY($2::text[])"
        " UNION SELECT user_id FROM account_blocks"
        " WHERE blocked_id = $1 AND user_id = ANY($2::text[])",
        str(user_id),
        [str(one) for one in others],
    )
    return frozenset(UserId(one[0]) for one in found)


def to_account(found: Row) -> Account:
    user_id, username, email, display_name, password_hash, temporary, operator, *times = found
    return Account(
        user_id=UserId(user_id),
        username=username,
        email=email,
        display_name=display_name,
        password_hash=password_hash,
        password_is_temporary=bool(temporary),
        is_operator=bool(operator),
        created_ms=times[0],
        banned_ms=times[1],
    )


def sign_up(new: NewAccount, now_ms: int) -> Steps[Account]:
    made = yield from row(
        "INSERT INTO accounts (user_id, username, username_key, email, email_key, display_name,"
        " password_hash, password_is_temporary, is_operator, created_ms)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, FALSE, FALSE, $8)"
        f" ON CONFLICT DO NOTHING RETURNING {_COLUMNS}",
        str(new.user_id),
        new.username,
        new.username_key,
        new.email,
        new.email_key,
        new.display_name,
        new.password_hash,
        now_ms,
    )
    if made is None:
        problem = "there is an account with this username or e-mail address; sign in, or choose"
        raise AppError(Code.ACCOUNT_EXISTS, f"{problem} another")
    yield from note(Action.SIGNED_UP, new.user_id, now_ms)
    return to_account(made)


def find(key: str, address_hash: bytes, now_ms: int) -> Steps[Found | None]:
    found = yield from row(
        f"SELECT {_COLUMNS}, EXISTS (SELECT 1 FROM known_addresses k"
        " WHERE k.user_id = a.user_id AND k.address_hash = $2 AND k.seen_ms > $3)"
        " FROM accounts a WHERE username_key = $1 OR email_key = $1",
        key,
        address_hash,
        now_ms - ADDRESS_KNOWN_MS,
    )
    return Found(to_account(found[:-1]), bool(found[-1])) if found else None


def account(user_id: UserId) -> Steps[Account | None]:
    found = yield from row(
        f"SELECT {_COLUMNS} FROM accounts WHERE user_id = $1 AND deleted_ms IS NULL",
        str(user_id),
    )
    return to_account(found) if found else None


def accounts(after: UserId | None, limit: int) -> Steps[AccountPage]:
    found = yield from rows(
        f"SELECT {_COLUMNS} FROM accounts WHERE deleted_ms IS NULL AND user_id > $1"
        " ORDER BY user_id LIMIT $2",
        str(after or ""),
        limit + 1,
    )
    page = tuple(map(to_account, found[:limit]))
    return AccountPage(page, page[-1].user_id if len(found) > limit else None)


def set_password(
    user_id: UserId, hashes: tuple[str | None, str], keep: str | None, now_ms: int
) -> Steps[bool]:
    old_hash, new_hash = hashes
    changed = yield from row(
        "UPDATE accounts SET password_hash = $3, password_is_temporary = FALSE"
        " WHERE user_id = $1 AND deleted_ms IS NULL"
        " AND password_hash IS NOT DISTINCT FROM $2::text RETURNING user_id",
        str(user_id),
        old_hash,
        new_hash,
    )
    if changed is None:
        return False
    yield from end_families(user_id, now_ms, keep)
    yield from note(Action.PASSWORD_CHANGED, user_id, now_ms)
    return True


def rehash(user_id: UserId, old_hash: str, new_hash: str) -> Steps[None]:
    return run(
        "UPDATE accounts SET password_hash = $3 WHERE user_id = $1 AND password_hash = $2",
        str(user_id),
        old_hash,
        new_hash,
    )


def reset(user_id: UserId, new_hash: str, now_ms: int) -> Steps[bool]:
    found = yield from row(
        "SELECT username_key FROM accounts WHERE user_id = $1 AND deleted_ms IS NULL"
        " FOR NO KEY UPDATE",
        str(user_id),
    )
    if found is None:
        return False
    if found[0] is None:
        problem = "this account has no name to log in by; its issuer alone signs it in"
        raise AppError(Code.FORBIDDEN, f"{problem}, so have it sign in there")
    yield from run(
        "UPDATE accounts SET password_hash = $2, password_is_temporary = TRUE WHERE user_id = $1",
        str(user_id),
        new_hash,
    )
    yield from end_families(user_id, now_ms)
    yield from note_of_operators(Action.PASSWORD_RESET, user_id, now_ms)
    return True


def set_banned(user_id: UserId, is_banned: bool, now_ms: int) -> Steps[bool]:
    if not (yield from lock_account(user_id)):
        return False
    yield from run(
        "UPDATE accounts SET banned_ms = $2 WHERE user_id = $1",
        str(user_id),
        now_ms if is_banned else None,
    )
    if is_banned:
        yield from end_families(user_id, now_ms)
    action = Action.BANNED if is_banned else Action.UNBANNED
    yield from note_of_operators(action, user_id, now_ms)
    return True


def set_operator(user_id: UserId, is_operator: bool, now_ms: int) -> Steps[bool]:
    if not (yield from lock_account(user_id)):
        return False
    yield from run(
        "UPDATE accounts SET is_operator = $2 WHERE user_id = $1", str(user_id), is_operator
    )
    action = Action.MADE_OPERATOR if is_operator else Action.UNMADE_OPERATOR
    yield from note_of_operators(action, user_id, now_ms)
    return True


def delete(user_id: UserId, now_ms: int, leaving: Sequence[Leave]) -> Steps[bool]:
    gone = yield from row(
        "UPDATE accounts SET username = '', username_key = NULL, email = '', email_key = NULL,"
        " display_name = '', password_hash = NULL, is_operator = FALSE, deleted_ms = $2"
        " WHERE user_id = $1 AND deleted_ms IS NULL RETURNING user_id",
        str(user_id),
        now_ms,
    )
    if gone is None:
        return False
    yield from end_families(user_id, now_ms)
    yield from run(
        "UPDATE devices SET name = '', type = '', revoked_ms = COALESCE(revoked_ms, $2)"
        " WHERE user_id = $1",
        str(user_id),
        now_ms,
    )
    yield from run("DELETE FROM known_addresses WHERE user_id = $1", str(user_id))
    yield from run("DELETE FROM account_blocks WHERE user_id = $1 OR blocked_id = $1", str(user_id))
    for leave in leaving:
        yield from leave(user_id, None, now_ms)
    yield from note(Action.DELETED, user_id, now_ms)
    return True


def sign_out_everywhere(user_id: UserId, now_ms: int) -> Steps[None]:
    if (yield from lock_account(user_id)):
        yield from end_families(user_id, now_ms)
        yield from note(Action.SIGNED_OUT, user_id, now_ms)


def block(user_id: UserId, other: UserId, limit: int, now_ms: int) -> Steps[None]:
    yield from lock_account(user_id)
    is_there = yield from value(
        "SELECT 1 FROM accounts WHERE user_id = $1 AND deleted_ms IS NULL", str(other)
    )
    if not is_there:
        raise AppError(Code.NOT_FOUND, "there is no such account")
    added = yield from row(
        "INSERT INTO account_blocks (user_id, blocked_id, created_ms) VALUES ($1, $2, $3)"
        " ON CONFLICT DO NOTHING RETURNING created_ms",
        str(user_id),
        str(other),
        now_ms,
    )
    count = yield from value("SELECT COUNT(*) FROM account_blocks WHERE user_id = $1", str(user_id))
    if added and count > limit:
        raise AppError(Code.LIMIT_REACHED, f"at most {limit} can be blocked; unblock one first")


def blocks(user_id: UserId) -> Steps[tuple[Block, ...]]:
    found = yield from rows(
        "SELECT blocked_id, created_ms FROM account_blocks WHERE user_id = $1"
        " ORDER BY created_ms DESC, blocked_id",
        str(user_id),
    )
    return tuple(Block(UserId(other), created_ms) for other, created_ms in found)


def expire(now_ms: int, audit_kept_ms: int) -> Steps[int]:
    families = yield from rows(
        "WITH due AS MATERIALIZED (SELECT t.token_hash FROM refresh_tokens t"
        " JOIN token_families f ON f.family_id = t.family_id WHERE t.expires_ms <= $1"
        " ORDER BY t.expires_ms LIMIT $2 FOR UPDATE SKIP LOCKED)"
        " DELETE FROM refresh_tokens WHERE token_hash IN (SELECT token_hash FROM due)"
        " RETURNING family_id",
        now_ms,
        MAX_FORGOTTEN,
    )
    yield from run(
        "DELETE FROM token_families WHERE family_id = ANY($1::text[]) AND NOT EXISTS"
        " (SELECT 1 FROM refresh_tokens t WHERE t.family_id = token_families.family_id)",
        sorted({str(one[0]) for one in families}),
    )
    pending = yield from forget("registrations", "token_hash", "expires_ms", now_ms)
    addresses = yield from forget(
        "known_addresses", "user_id, address_hash", "seen_ms", now_ms - ADDRESS_KNOWN_MS, "user_id"
    )
    yield from forget("audit", "entry_id", "at_ms", now_ms - audit_kept_ms)
    return len(families) + len(pending) + len(addresses)


def forget(
    table: str, key: str, time: str, until_ms: int, told: str | None = None
) -> Steps[list[Row]]:
    """Delete some of the rows of a table whose time has come, and tell one column of them.

    Those that others use just now are left for the next time, so that it waits for nobody. They are
    chosen once: a plan of PostgreSQL's may ask again for each row, and each time others are locked.
    """
    return rows(
        f"WITH due AS MATERIALIZED (SELECT {key} FROM {table} WHERE {time} <= $1"
        f" ORDER BY {time} LIMIT $2 FOR UPDATE SKIP LOCKED)"
        f" DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM due) RETURNING {told or key}",
        until_ms,
        MAX_FORGOTTEN,
    )
