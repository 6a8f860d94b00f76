"""Sign-ins, pending logins and devices: the steps of their transactions.

Whoever begins a family locks the account's row first, and so does whoever bans, deletes, revokes
or changes the password: so nothing begins beside what ends all there is. After it come families,
and devices last, as whoever renews tokens has them.
"""

from collections.abc import Callable, Iterable, Sequence

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, UserId
from server.core.ports.accounts import (
    Claim,
    Claimed,
    Device,
    SignIn,
    SignInDevice,
    SignInOutcome,
)
from server.stores.sql.audit import Action, note, note_of_operators
from server.stores.sql.steps import Steps, row, rows, run, value
from server.stores.sql.tokens import begin_family

MAX_PENDING = 10
"""Pending logins of one account; an older one makes room."""

Leave = Callable[[UserId, DeviceId | None, int], Steps[None]]
"""What else ends when a device is revoked, or all of an account (None) deleted, and when."""


def sign_in(request: SignIn, now_ms: int) -> Steps[SignInOutcome]:
    user_id, device = request.user_id, request.device
    found = yield from row(
        "SELECT password_hash, banned_ms, password_is_temporary FROM accounts"
        " WHERE user_id = $1 AND deleted_ms IS NULL FOR NO KEY UPDATE",
        str(user_id),
    )
    if found is None or found[0] != request.password_hash:
        return SignInOutcome.STALE
    if found[1] is not None:
        return SignInOutcome.BANNED
    known = yield from row(
        "SELECT revoked_ms FROM devices WHERE user_id = $1 AND device_id = $2",
        str(user_id),
        str(device.device_id),
    )
    if known and known[0] is not None:
        return SignInOutcome.DEVICE_REVOKED
    yield from _know_address(user_id, request.address_hash, now_ms)
    if known is None:
        yield from _await_keys(request, now_ms)
        return SignInOutcome.NEEDS_KEYS
    if found[2]:
        yield from _use_up_password(user_id)
    yield from begin_family(user_id, device.device_id, request.tokens, now_ms)
    yield from _see_device(user_id, device, now_ms)
    yield from note(Action.SIGNED_IN, user_id, now_ms, device.device_id)
    return SignInOutcome.SIGNED_IN


def claim_registration_steps(claim: Claim, now_ms: int) -> Steps[Claimed]:
    """Complete a pending login: its device is known from now on, and its tokens have begun.

    For whoever keeps the device's keys in the same transaction.

    Raises:
        AppError: As `AccountStore.complete_registration`.
    """
    token_hash, user_id = yield from _pending(claim, now_ms)
    username, is_temporary = yield from _claiming_account(user_id)
    name_and_type = yield from row(
        "UPDATE registrations SET used_ms = $2 WHERE token_hash = $1 AND used_ms IS NULL"
        " RETURNING device_name, device_type",
        token_hash,
        now_ms,
    )
    if name_and_type is None:
        raise _no_login()
    device = SignInDevice(claim.device_id, *name_and_type)
    yield from _add_device(user_id, device, claim.max_devices, now_ms)
    if is_temporary:
        yield from _use_up_password(user_id)
    yield from begin_family(user_id, claim.device_id, claim.tokens, now_ms)
    yield from note(Action.DEVICE_ADDED, user_id, now_ms, claim.device_id)
    return Claimed(user_id, username, claim.device_id)


def sign_device_in(
    user_id: UserId,
    device: SignInDevice,
    max_devices: int,
    now_ms: int,
    back_since_ms: int | None = None,
) -> Steps[None]:
    """Have a device of a locked account be known, whether or not it was.

    Args:
        back_since_ms: It comes back if it was revoked before this; None for never.

    Raises:
        AppError: FORBIDDEN if it was revoked; LIMIT_REACHED.
    """
    found = yield from row(
        "SELECT revoked_ms FROM devices WHERE user_id = $1 AND device_id = $2",
        str(user_id),
        str(device.device_id),
    )
    if found is None:
        yield from _add_device(user_id, device, max_devices, now_ms)
        yield from note(Action.DEVICE_ADDED, user_id, now_ms, device.device_id)
    elif found[0] is None:
        yield from _see_device(user_id, device, now_ms)
    elif back_since_ms is not None and found[0] < back_since_ms:
        yield from _bring_back(user_id, device, max_devices, now_ms)
        yield from note(Action.DEVICE_ADDED, user_id, now_ms, device.device_id)
    else:
        raise AppError(Code.FORBIDDEN, "this device was revoked; sign in with another device_id")


def devices(user_id: UserId) -> Steps[tuple[Device, ...]]:
    found = yield from rows(
        "SELECT device_id, name, type, created_ms, seen_ms FROM devices"
        " WHERE user_id = $1 AND revoked_ms IS NULL ORDER BY created_ms, device_id",
        str(user_id),
    )
    return tuple(Device(DeviceId(one[0]), *one[1:]) for one in found)


def revoke_device(
    user_id: UserId, device_id: DeviceId, now_ms: int, leaving: Sequence[Leave]
) -> Steps[bool]:
    yield from lock_account(user_id)
    if not (yield from _end_device(user_id, device_id, now_ms, leaving)):
        return False
    yield from note(Action.DEVICE_REVOKED, user_id, now_ms, device_id)
    return True


def revoke_devices(
    user_id: UserId, device_id: DeviceId | None, now_ms: int, leaving: Sequence[Leave]
) -> Steps[tuple[DeviceId, ...] | None]:
    """What operators do: see `AccountStore.revoke_devices`."""
    if not (yield from lock_account(user_id)):
        return None
    if device_id is None:
        wanted = yield from _device_ids(user_id)
        yield from run("DELETE FROM registrations WHERE user_id = $1", str(user_id))
    else:
        wanted = [device_id]
    revoked = []
    for one in wanted:
        if (yield from _end_device(user_id, one, now_ms, leaving)):
            yield from note_of_operators(Action.DEVICE_REVOKED, user_id, now_ms, one)
            revoked.append(one)
    return tuple(revoked)


def _device_ids(user_id: UserId) -> Steps[list[DeviceId]]:
    """The devices that have not ended, in the order in which their keys are locked."""
    found = yield from rows(
        "SELECT device_id FROM devices WHERE user_id = $1 AND revoked_ms IS NULL"
        " ORDER BY device_id",
        str(user_id),
    )
    return [DeviceId(one) for (one,) in found]


def _end_device(
    user_id: UserId, device_id: DeviceId, now_ms: int, leaving: Sequence[Leave]
) -> Steps[bool]:
    """End a device, its sign-ins and its keys. Returns whether it had not ended."""
    yield from run(
        "UPDATE token_families SET ended_ms = $3"
        " WHERE user_id = $1 AND device_id = $2 AND ended_ms IS NULL",
        str(user_id),
        str(device_id),
        now_ms,
    )
    revoked = yield from row(
        "UPDATE devices SET revoked_ms = $3 WHERE user_id = $1 AND device_id = $2"
        " AND revoked_ms IS NULL RETURNING device_id",
        str(user_id),
        str(device_id),
        now_ms,
    )
    if revoked is None:
        return False
    for leave in leaving:
        yield from leave(user_id, device_id, now_ms)
    return True


def lock_account(user_id: UserId) -> Steps[bool]:
    """Have nobody else change it until the end. Returns whether it is there."""
    found = yield from row(
        "SELECT 1 FROM accounts WHERE user_id = $1 AND deleted_ms IS NULL FOR NO KEY UPDATE",
        str(user_id),
    )
    return found is not None


def lock_accounts(user_ids: Iterable[str]) -> Steps[None]:
    """The same of several: nor do they block anybody, or come into another room.

    Before any room is locked, as who deletes an account has it.
    """
    yield from run(
        "SELECT 1 FROM accounts WHERE user_id = ANY($1::text[]) ORDER BY user_id FOR NO KEY UPDATE",
        sorted(map(str, user_ids)),
    )


# --- parts ---


def _know_address(user_id: UserId, address_hash: bytes, now_ms: int) -> Steps[None]:
    return run(
        "INSERT INTO known_addresses (user_id, address_hash, seen_ms) VALUES ($1, $2, $3)"
        " ON CONFLICT (user_id, address_hash) DO UPDATE SET seen_ms = $3",
        str(user_id),
        address_hash,
        now_ms,
    )


def _await_keys(request: SignIn, now_ms: int) -> Steps[None]:
    """Keep a pending login; one of the same device before it is over."""
    user_id, device = str(request.user_id), request.device
    yield from run(
        "DELETE FROM registrations WHERE user_id = $1 AND (device_id = $2 OR token_hash IN ("
        "SELECT token_hash FROM registrations WHERE user_id = $1"
        " ORDER BY created_ms DESC LIMIT 1000 OFFSET $3))",
        user_id,
        str(device.device_id),
        MAX_PENDING - 1,
    )
    yield from run(
        "INSERT INTO registrations (token_hash, user_id, device_id, device_name, device_type,"
        " address_hash, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        request.registration_hash,
        user_id,
        str(device.device_id),
        device.name,
        device.type,
        request.address_hash,
        now_ms,
        request.registration_expires_ms,
    )


def _see_device(user_id: UserId, device: SignInDevice, now_ms: int) -> Steps[None]:
    return run(
        "UPDATE devices SET seen_ms = $3, name = CASE WHEN $4 = '' THEN name ELSE $4 END,"
        " type = CASE WHEN $5 = '' THEN type ELSE $5 END WHERE user_id = $1 AND device_id = $2",
        str(user_id),
        str(device.device_id),
        now_ms,
        device.name,
        device.type,
    )


def _pending(claim: Claim, now_ms: int) -> Steps[tuple[bytes, UserId]]:
    """The login that a claim completes."""
    if claim.token_hash is None:
        return (yield from _only_pending(claim, now_ms))
    user_id = yield from value(
        "SELECT user_id FROM registrations WHERE token_hash = $1 AND device_id = $2"
        " AND used_ms IS NULL AND expires_ms > $3",
        claim.token_hash,
        str(claim.device_id),
        now_ms,
    )
    if user_id is None:
        raise _no_login()
    return claim.token_hash, UserId(user_id)


def _only_pending(claim: Claim, now_ms: int) -> Steps[tuple[bytes, UserId]]:
    """The one login that can be meant, if no proof is shown; it must be of a first device."""
    found = yield from rows(
        "SELECT token_hash, user_id FROM registrations WHERE device_id = $1"
        " AND address_hash = $2 AND used_ms IS NULL AND expires_ms > $3 LIMIT 2",
        str(claim.device_id),
        claim.address_hash,
        now_ms,
    )
    if len(found) != 1:
        raise _no_login()
    token_hash, user_id = found[0]
    yield from lock_account(UserId(user_id))
    if (yield from value("SELECT 1 FROM devices WHERE user_id = $1 LIMIT 1", user_id)):
        raise _no_login()
    return token_hash, UserId(user_id)


def _use_up_password(user_id: UserId) -> Steps[None]:
    """Have a temporary password sign nobody in any more, nor what was begun by it."""
    yield from run("UPDATE accounts SET password_hash = NULL WHERE user_id = $1", str(user_id))
    yield from run("DELETE FROM registrations WHERE user_id = $1", str(user_id))


def _claiming_account(user_id: UserId) -> Steps[tuple[str, bool]]:
    """Lock the account of a claim. Returns its name, and whether its password is temporary."""
    found = yield from row(
        "SELECT username, banned_ms, password_is_temporary FROM accounts"
        " WHERE user_id = $1 AND deleted_ms IS NULL FOR NO KEY UPDATE",
        str(user_id),
    )
    if found is None:
        raise _no_login()
    username, banned_ms, is_temporary = found
    if banned_ms is not None:
        raise AppError(Code.FORBIDDEN, "this account is banned; ask the operators")
    return str(username), bool(is_temporary)


def _bring_back(
    user_id: UserId, device: SignInDevice, max_devices: int, now_ms: int
) -> Steps[None]:
    """Nothing is left of what it had."""
    yield from _check_room(user_id, max_devices)
    yield from run(
        "UPDATE devices SET revoked_ms = NULL, created_ms = $3, seen_ms = $3, name = $4, type = $5"
        " WHERE user_id = $1 AND device_id = $2",
        str(user_id),
        str(device.device_id),
        now_ms,
        device.name,
        device.type,
    )


def _check_room(user_id: UserId, max_devices: int) -> Steps[None]:
    count = yield from value(
        "SELECT COUNT(*) FROM devices WHERE user_id = $1 AND revoked_ms IS NULL", str(user_id)
    )
    if count >= max_devices:
        problem = f"an account has {max_devices} devices at most; revoke one first"
        raise AppError(Code.LIMIT_REACHED, problem)


def _add_device(
    user_id: UserId, device: SignInDevice, max_devices: int, now_ms: int
) -> Steps[None]:
    yield from _check_room(user_id, max_devices)
    added = yield from row(
        "INSERT INTO devices (user_id, device_id, name, type, created_ms, seen_ms)"
        " VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT DO NOTHING RETURNING device_id",
        str(user_id),
        str(device.device_id),
        device.name,
        device.type,
        now_ms,
    )
    if added is None:
        raise AppError(Code.ID_CONFLICT, "this device has keys already; sign in again")


def _no_login() -> AppError:
    return AppError(Code.UNAUTHENTICATED, "no login waits for these keys; sign in again")
