"""Steps that store a message."""

from collections.abc import Iterable

from msgspec import Struct

from server.core.durable import StoredMessage
from server.core.errors import AppError, Code
from server.core.ids import DeviceId, UserId
from server.core.kinds import Kind
from server.core.limits import Bounds
from server.core.ports.conversations import Device, NewMessage, StoredNew
from server.stores.sql.conversations.rooms import locked_direct, no_such_recipient
from server.stores.sql.conversations.shapes import (
    MESSAGE,
    message,
    no_such_room,
    pair_key,
    peer_in,
)
from server.stores.sql.steps import Row, Steps, row, rows


class _Target(Struct, frozen=True):
    """The locked room that a message goes to."""

    room_id: str
    kind: Kind
    pair_key: str | None
    ttl_ms: int | None


def append(
    new: NewMessage, now_ms: int, default_ttl_ms: int | None, bounds: Bounds
) -> Steps[StoredNew]:
    target = yield from _locked_target(new, now_ms, bounds)
    devices = yield from _devices(target.room_id)
    if new.sender not in devices:
        raise no_such_room()
    known = yield from row(
        f"SELECT {MESSAGE}, withheld FROM messages m WHERE message_id = $1 AND room_id = $2",
        new.message_id,
        target.room_id,
    )
    if known:
        return _repeated(known, new, target, devices)
    withheld = yield from _is_withheld(new, target)
    _check_devices(new, devices)
    stored = yield from _insert(new, target, now_ms, default_ttl_ms, withheld=withheld)
    return StoredNew(
        message=stored, is_repeat=False, readers=_readers(new.sender, devices, withheld=withheld)
    )


def _locked_target(new: NewMessage, now_ms: int, bounds: Bounds) -> Steps[_Target]:
    if new.recipient is not None:
        room_id, ttl_ms = yield from locked_direct(
            new.sender, new.recipient, new.new_room_id, now_ms, bounds
        )
        return _Target(room_id, Kind.DIRECT, pair_key(new.sender, new.recipient), ttl_ms)
    found = yield from row(
        "SELECT room_id, kind, pair_key, ttl_ms FROM rooms "
        "WHERE room_id = $1 AND deleted_ms IS NULL FOR UPDATE",
        new.room_id,
    )
    if not found:
        raise no_such_room()
    room_id, kind, key, ttl_ms = found
    return _Target(room_id, Kind(kind), key, ttl_ms)


def _devices(room_id: str) -> Steps[dict[str, set[str]]]:
    """The devices of all members that they have now, by user."""
    found = yield from rows(
        "SELECT me.user_id, d.device_id FROM room_members me LEFT JOIN devices d "
        "ON d.user_id = me.user_id AND d.revoked_ms IS NULL WHERE me.room_id = $1",
        room_id,
    )
    devices: dict[str, set[str]] = {}
    for user_id, device_id in found:
        held = devices.setdefault(user_id, set())
        if device_id is not None:
            held.add(device_id)
    return devices


def _repeated(
    known: Row, new: NewMessage, target: _Target, devices: dict[str, set[str]]
) -> StoredNew:
    stored = message(known, target.kind, target.pair_key)
    if stored.sender != new.sender:
        raise AppError(Code.ID_CONFLICT, "that id is another message's here; take a new one")
    readers = _readers(new.sender, devices, withheld=bool(known[-1]))
    return StoredNew(message=stored, is_repeat=True, readers=readers)


def _readers(sender: UserId, members: Iterable[str], *, withheld: bool) -> tuple[UserId, ...]:
    return (sender,) if withheld else tuple(UserId(one) for one in members)


def _is_withheld(new: NewMessage, target: _Target) -> Steps[bool]:
    """Whether the other one of a direct room has blocked the sender.

    Raises:
        AppError: FORBIDDEN the other way round; RECIPIENT_NOT_FOUND if it has no account.
    """
    other = peer_in(target.pair_key, new.sender)
    if other is None:
        return False
    found = yield from row(
        "SELECT EXISTS (SELECT 1 FROM accounts WHERE user_id = $2 AND deleted_ms IS NULL), "
        "EXISTS (SELECT 1 FROM account_blocks WHERE user_id = $1 AND blocked_id = $2), "
        "EXISTS (SELECT 1 FROM account_blocks WHERE user_id = $2 AND blocked_id = $1)",
        new.sender,
        other,
    )
    has_account, has_blocked, is_blocked = found or (False, False, False)
    if not has_account:
        raise no_such_recipient()
    if has_blocked:
        raise AppError(Code.FORBIDDEN, "you have blocked this user; unblock it first")
    return bool(is_blocked)


def _check_devices(new: NewMessage, devices: dict[str, set[str]]) -> None:
    """Whether a message can be read on just the devices that the others have now.

    Raises:
        AppError: DEVICE_MISMATCH.
    """
    others = {user_id: held for user_id, held in devices.items() if user_id != new.sender}
    if new.covered is None:
        missing = {
            one
            for user_id, held in others.items()
            if len(held) > 1
            for one in _pairs(user_id, held)
        }
        stale: set[Device] = set()
    else:
        current = {one for user_id, held in others.items() for one in _pairs(user_id, held)}
        missing = current - new.covered
        stale = {one for one in new.covered - current if one.user_id != new.sender}
    if missing or stale:
        raise AppError(
            Code.DEVICE_MISMATCH,
            "encrypt for just the devices that they have now; fetch their keys anew",
            details={"missing": _listed(missing), "stale": _listed(stale)},
        )


def _pairs(user_id: str, device_ids: set[str]) -> Iterable[Device]:
    return (Device(UserId(user_id), DeviceId(one)) for one in device_ids)


def _listed(devices: set[Device]) -> list[dict[str, str]]:
    pairs = sorted((str(one.user_id), str(one.device_id)) for one in devices)
    return [{"userId": user_id, "deviceId": device_id} for user_id, device_id in pairs]


def _insert(
    new: NewMessage,
    target: _Target,
    now_ms: int,
    default_ttl_ms: int | None,
    *,
    withheld: bool,
) -> Steps[StoredMessage]:
    found = yield from row(
        "UPDATE rooms SET seq = seq + 1, "
        "active_ms = CASE WHEN active_ms > $2 THEN active_ms ELSE $2 END "
        "WHERE room_id = $1 RETURNING seq, active_ms",
        target.room_id,
        now_ms,
    )
    if not found:
        raise no_such_room()
    seq, sent_ms = found
    ttl_ms = target.ttl_ms or default_ttl_ms
    values = (
        target.room_id,
        seq,
        new.message_id,
        new.sender,
        new.sender_device,
        new.type,
        new.ciphertext.encode(),
        new.metadata,
        sent_ms,
        None if ttl_ms is None else sent_ms + ttl_ms,
        None,
    )
    yield from rows(
        "INSERT INTO messages (room_id, seq, message_id, sender_id, sender_device_id, type, "
        "ciphertext, metadata, created_ms, expires_ms, deleted_ms, withheld) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        *values,
        withheld,
    )
    return message(values, target.kind, target.pair_key)
