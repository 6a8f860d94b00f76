"""People for whom issuers vouch, and the public keys that accounts show."""

# ruff: noqa: S608  # nothing but names of this module is put into statements

import functools
from collections.abc import Sequence

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, UserId
from server.core.limits import Bounds
from server.core.names import account_key
from server.core.ports.accounts import AccountSession
from server.core.ports.conversations import Device
from server.core.ports.identities import (
    Found,
    Known,
    Profile,
    Registered,
    Registration,
    Rotated,
)
from server.core.queued import DEFAULT_DEVICE
from server.stores.sql.audit import Action, note
from server.stores.sql.conversations import epochs
from server.stores.sql.database import Database
from server.stores.sql.queues.seeing import see
from server.stores.sql.sign_ins import lock_account, sign_device_in
from server.stores.sql.steps import Row, Steps, row, rows, run, value
from server.stores.sql.tokens import begin_family


class SqlIdentities:
    """An `IdentityStore`."""

    def __init__(self, database: Database, bounds: Bounds) -> None:
        self._database = database
        self._bounds = bounds

    async def register(self, registration: Registration, now_ms: int) -> Registered:
        return await self._database.write(lambda: register(registration, now_ms))

    async def rotate_due(self, user_id: UserId | None, limit: int, now_ms: int) -> Rotated:
        found = await self._database.read(lambda: epochs.due(user_id, limit))
        told: set[str] = set()
        for who, room_id in found:
            rotate = functools.partial(epochs.rotate, who, room_id, now_ms, self._bounds)
            told.update(await self._database.write(rotate))
        return Rotated(rooms=len(found), told=tuple(map(UserId, sorted(told))))

    async def known(self, issuer: str, subject: str) -> Known | None:
        return await self._database.look_up(lambda: known(issuer, subject))

    async def profile(self, user_id: UserId) -> Profile | None:
        found = await self._database.read(lambda: profiles([user_id]))
        return found[0] if found else None

    async def user_of(self, issuer: str, subject: str) -> UserId | None:
        return await self._database.read(lambda: user_of(issuer, subject))

    async def profiles(self, user_ids: Sequence[UserId]) -> tuple[Profile, ...]:
        return await self._database.read(lambda: profiles(user_ids))

    async def search(
        self, user_id: UserId, prefix: str | None, email: str | None, limit: int
    ) -> tuple[Found, ...]:
        steps = by_email if prefix is None else by_name
        return await self._database.read(lambda: steps(user_id, prefix or email or "", limit))


# --- registering ---


def register(new: Registration, now_ms: int) -> Steps[Registered]:
    user_id = yield from user_of(new.vouched.issuer, new.vouched.subject)
    is_new = user_id is None
    if user_id is None:
        user_id = yield from _make_account(new, now_ms)
    yield from _check_account(user_id)
    yield from _sign_in(user_id, new, now_ms)
    yield from _rename(user_id, new)
    is_key_changed = yield from _set_key(user_id, new.public_key, now_ms)
    if is_key_changed:
        yield from epochs.have_rotated(user_id)
        yield from note(Action.IDENTITY_REPLACED, user_id, now_ms, new.device.device_id)
    yield from see([Device(user_id, new.device.device_id)], now_ms)
    (profile,) = yield from profiles([user_id])
    operator = yield from value("SELECT is_operator FROM accounts WHERE user_id = $1", user_id)
    return Registered(
        profile=profile,
        session=AccountSession(user_id, profile.username, new.device.device_id, bool(operator)),
        is_new=is_new,
        is_key_changed=is_key_changed,
    )


def user_of(issuer: str, subject: str) -> Steps[UserId | None]:
    found = yield from value(
        "SELECT user_id FROM identities WHERE issuer = $1 AND subject = $2", issuer, subject
    )
    return None if found is None else UserId(found)


def _make_account(new: Registration, now_ms: int) -> Steps[UserId]:
    name = new.name or new.vouched.name or "Somebody"
    yield from run(
        "INSERT INTO accounts (user_id, username, username_key, email, email_key, display_name,"
        " password_hash, password_is_temporary, is_operator, created_ms)"
        " VALUES ($1, $2, NULL, $3, NULL, $2, NULL, FALSE, FALSE, $4)",
        new.user_id,
        name,
        new.vouched.email or "",
        now_ms,
    )
    yield from run(
        "INSERT INTO identities (issuer, subject, user_id, email_key, name_key, family_id,"
        " valid_from_ms) VALUES ($1, $2, $3, $4, $5, '', 0)",
        new.vouched.issuer,
        new.vouched.subject,
        new.user_id,
        account_key(new.vouched.email) if new.vouched.email else None,
        account_key(name),
    )
    yield from note(Action.SIGNED_UP, new.user_id, now_ms)
    return new.user_id


def _check_account(user_id: UserId) -> Steps[None]:
    yield from lock_account(user_id)
    banned_ms = yield from value("SELECT banned_ms FROM accounts WHERE user_id = $1", user_id)
    if banned_ms is not None:
        raise AppError(Code.FORBIDDEN, "this account is banned; ask the operators")


def _sign_in(user_id: UserId, new: Registration, now_ms: int) -> Steps[None]:
    """Begin the sign-in of a device; and that of identity tokens, if it is not there."""
    device = new.device
    # Of whoever names no device there is but one: a newer word of the issuer brings it back.
    back_since_ms = new.vouched.issued_ms if device.device_id == DEFAULT_DEVICE else None
    yield from sign_device_in(user_id, device, new.max_devices, now_ms, back_since_ms)
    yield from begin_family(user_id, device.device_id, new.tokens, now_ms)
    stands = yield from row(
        "SELECT 1 FROM identities i JOIN token_families f ON f.family_id = i.family_id"
        " WHERE i.user_id = $1 AND f.ended_ms IS NULL",
        user_id,
    )
    if not stands:
        yield from begin_family(user_id, device.device_id, new.standing, now_ms)
        yield from run(
            "UPDATE identities SET family_id = $2, valid_from_ms = $3 WHERE user_id = $1",
            user_id,
            new.standing.family_id,
            new.vouched.issued_ms,
        )
    yield from note(Action.SIGNED_IN, user_id, now_ms, device.device_id)


def _rename(user_id: UserId, new: Registration) -> Steps[None]:
    """Take the name that was said, and the address that the issuer has verified now."""
    email = new.vouched.email
    if email:
        yield from run("UPDATE accounts SET email = $2 WHERE user_id = $1", user_id, email)
        yield from run(
            "UPDATE identities SET email_key = $2 WHERE user_id = $1", user_id, account_key(email)
        )
    if new.name:
        yield from run(
            "UPDATE accounts SET username = $2, display_name = $2 WHERE user_id = $1",
            user_id,
            new.name,
        )
        yield from run(
            "UPDATE identities SET name_key = $2 WHERE user_id = $1", user_id, account_key(new.name)
        )


def _set_key(user_id: UserId, public_key: bytes, now_ms: int) -> Steps[bool]:
    """Returns whether there was another one."""
    found = yield from value("SELECT public_key FROM public_keys WHERE user_id = $1", user_id)
    if found == public_key:
        return False
    yield from run(
        "INSERT INTO public_keys (user_id, public_key, version, updated_ms)"
        " VALUES ($1, $2, 1, $3) ON CONFLICT (user_id) DO UPDATE"
        " SET public_key = excluded.public_key, version = public_keys.version + 1,"
        " updated_ms = excluded.updated_ms",
        user_id,
        public_key,
        now_ms,
    )
    return found is not None


def leave_identities(user_id: UserId, device_id: DeviceId | None, now_ms: int) -> Steps[None]:
    """Forget for whom an account stood that is deleted."""
    if device_id is None:
        yield from run("DELETE FROM identities WHERE user_id = $1", user_id)
        yield from run("DELETE FROM public_keys WHERE user_id = $1", user_id)
        yield from run("DELETE FROM rotations_due WHERE user_id = $1", user_id)


# --- finding ---


def known(issuer: str, subject: str) -> Steps[Known | None]:
    found = yield from row(
        "SELECT a.user_id, a.username, f.device_id, a.is_operator, f.family_id, i.valid_from_ms"
        " FROM identities i JOIN accounts a ON a.user_id = i.user_id"
        " JOIN token_families f ON f.family_id = i.family_id"
        " WHERE i.issuer = $1 AND i.subject = $2 AND f.ended_ms IS NULL"
        " AND a.banned_ms IS NULL AND a.deleted_ms IS NULL",
        issuer,
        subject,
    )
    if found is None:
        return None
    user_id, username, device_id, is_operator, family_id, valid_from_ms = found
    session = AccountSession(UserId(user_id), username, DeviceId(device_id), bool(is_operator))
    return Known(session, family_id, valid_from_ms)


def profiles(user_ids: Sequence[UserId]) -> Steps[tuple[Profile, ...]]:
    found = yield from rows(
        "SELECT a.user_id, a.username, a.display_name, a.email, a.created_ms, k.public_key,"
        " k.version, k.updated_ms FROM accounts a LEFT JOIN public_keys k"
        " ON k.user_id = a.user_id"
        " WHERE a.user_id = ANY($1::text[]) AND a.deleted_ms IS NULL ORDER BY a.user_id",
        [str(one) for one in user_ids],
    )
    return tuple(map(_profile, found))


def _profile(found: Row) -> Profile:
    user_id, username, display_name, email, created_ms, public_key, version, key_ms = found
    return Profile(
        user_id=UserId(user_id),
        username=username,
        display_name=display_name,
        email=email,
        created_ms=created_ms,
        public_key=public_key,
        key_version=version or 0,
        key_ms=key_ms,
    )


_VISIBLE = (
    "a.deleted_ms IS NULL AND a.banned_ms IS NULL AND NOT EXISTS (SELECT 1 FROM account_blocks b"
    " WHERE b.user_id = a.user_id AND b.blocked_id = $1)"
)


def by_name(user_id: UserId, prefix: str, limit: int) -> Steps[tuple[Found, ...]]:
    """Those whose names begin so, of both kinds, in the order of their names."""
    found = yield from rows(
        "SELECT a.user_id, a.display_name, a.username_key AS found_key FROM accounts a"
        ' WHERE a.username_key >= $2 COLLATE "C" AND a.username_key < $3 COLLATE "C"'
        f" AND {_VISIBLE} UNION ALL"
        " SELECT a.user_id, a.display_name, i.name_key FROM identities i"
        " JOIN accounts a ON a.user_id = i.user_id"
        ' WHERE i.name_key >= $2 COLLATE "C" AND i.name_key < $3 COLLATE "C"'
        f" AND {_VISIBLE} ORDER BY 3, 1 LIMIT $4",
        user_id,
        prefix,
        prefix + _LAST,
        limit,
    )
    return tuple(Found(UserId(one), name) for one, name, _ in found)


_LAST = "\U0010ffff"
"""After all that begins with a prefix."""


def by_email(user_id: UserId, email: str, limit: int) -> Steps[tuple[Found, ...]]:
    """Those of whom an issuer has verified this address."""
    found = yield from rows(
        "SELECT a.user_id, a.display_name FROM identities i"
        f" JOIN accounts a ON a.user_id = i.user_id WHERE i.email_key = $2 AND {_VISIBLE}"
        " ORDER BY a.user_id LIMIT $3",
        user_id,
        email,
        limit,
    )
    return tuple(Found(UserId(one), name) for one, name in found)
