"""Steps that store a message."""

from collections.abc import Iterable

from msgspec import Struct

from server.core.durable import StoredMessage
from server.core.errors import AppError, Code
from server.core.ids import DeviceId, UserId
from server.core.kinds import Kind
from server.core.limits import Bounds
from server.core.ports.conversations import Device, NewMessage, StoredNew
from server.stores.sql.conversations.rooms import make_direct, no_such_recipient
from server.stores.sql.conversations.shapes import (
    MESSAGE,
    message,
    no_such_room,
    pair_key,
    peer_in,
)
from server.stores.sql.device_keys import gives_keys_to
from server.stores.sql.steps import Row, Steps, row, rows, run

_Devices = dict[str, set[str] | None]
"""The devices of all members that they have now, by user; None of whom gives the sender no keys.

Nothing can be encrypted for those, so nobody waits for it: else one member could silence a room.
"""


class RepeatedError(Exception):
    """A message is stored already: nothing that its repeat has done is to be kept."""

    def __init__(self, stored: StoredNew) -> None:
        super().__init__("this message is stored already")
        self.stored = stored


class _Place(Struct, frozen=True):
    """In a room, which is locked, the next one: it is taken if the transaction is kept."""

    room_id: str
    kind: Kind
    pair_key: str | None
    ttl_ms: int | None
    seq: int
    sent_ms: int


class _Known(Struct, frozen=True):
    """What is known beforehand.

    Attributes:
        message: That has the id in this room, if there is one; and whether it is withheld.
        has_account, is_blocked, has_blocked: Of the other one of a direct room: whether it has
            an account, has blocked the sender, and is blocked by the sender.
    """

    message: Row | None
    has_account: bool
    is_blocked: bool
    has_blocked: bool


def append(
    new: NewMessage, now_ms: int, default_ttl_ms: int | None, bounds: Bounds
) -> Steps[StoredNew]:
    """Store a message.

    Raises:
        RepeatedError: It was stored before.
    """
    place = yield from _take_place(new, now_ms, bounds)
    devices = yield from _devices(place.room_id, new.sender)
    if new.sender not in devices:
        raise no_such_room()
    known = yield from _known(new, place)
    if known.message:
        raise RepeatedError(_repeated(known.message, new, place, devices))
    withheld = _is_withheld(new, place, known)
    if not withheld:  # whom the recipient has blocked has none of its keys
        _check_devices(new, devices)
    stored = yield from _insert(new, place, default_ttl_ms, withheld=withheld)
    return StoredNew(
        message=stored, is_repeat=False, readers=_readers(new.sender, devices, withheld=withheld)
    )


# That the place is taken first locks the room, and so all that is read after this is as it will
# be when the message is stored.
_TAKE = (
    "UPDATE rooms SET seq = seq + 1, "
    "active_ms = CASE WHEN active_ms > $2 THEN active_ms ELSE $2 END "
    "WHERE {named} AND deleted_ms IS NULL "
    "RETURNING room_id, kind, pair_key, ttl_ms, seq, active_ms"
)
_TAKE_IN_ROOM = _TAKE.format(named="room_id = $1")
_TAKE_DIRECT = _TAKE.format(named="pair_key = $1")


_DEVICES = (
    "SELECT me.user_id, a.user_id, d.device_id FROM room_members me LEFT JOIN accounts a "
    f"ON a.user_id = me.user_id AND {gives_keys_to('$2')} LEFT JOIN devices d "
    "ON d.user_id = me.user_id AND d.revoked_ms IS NULL WHERE me.room_id = $1"
)


def _take_place(new: NewMessage, now_ms: int, bounds: Bounds) -> Steps[_Place]:
    if new.recipient is None:
        found = yield from row(_TAKE_IN_ROOM, new.room_id, now_ms)
    else:
        key = pair_key(new.sender, new.recipient)
        found = yield from row(_TAKE_DIRECT, key, now_ms)
        if not found:
            yield from make_direct(new.sender, new.recipient, new.new_room_id, now_ms, bounds)
            found = yield from row(_TAKE_DIRECT, key, now_ms)
    if not found:
        raise no_such_room()
    room_id, kind, key, ttl_ms, seq, sent_ms = found
    return _Place(room_id, Kind(kind), key, ttl_ms, seq, sent_ms)


def _devices(room_id: str, sender: UserId) -> Steps[_Devices]:
    found = yield from rows(_DEVICES, room_id, sender)
    devices: _Devices = {}
    for user_id, account, device_id in found:
        held = devices.setdefault(user_id, None if account is None else set())
        if held is not None and device_id is not None:
            held.add(device_id)
    return devices


def _known(new: NewMessage, place: _Place) -> Steps[_Known]:
    found = yield from row(
        f"SELECT {MESSAGE}, m.withheld, "
        "EXISTS (SELECT 1 FROM accounts WHERE user_id = $4 AND deleted_ms IS NULL), "
        "EXISTS (SELECT 1 FROM account_blocks WHERE user_id = $4 AND blocked_id = $3), "
        "EXISTS (SELECT 1 FROM account_blocks WHERE user_id = $3 AND blocked_id = $4) "
        "FROM (SELECT 1) AS one LEFT JOIN messages m ON m.message_id = $1 AND m.room_id = $2",
        new.message_id,
        place.room_id,
        new.sender,
        peer_in(place.pair_key, new.sender) or "",
    )
    if not found:
        raise RuntimeError("a statement that answers one row has answered none")
    stored = None if found[0] is None else found[:12]
    return _Known(stored, *map(bool, found[12:]))


def _repeated(known: Row, new: NewMessage, place: _Place, devices: _Devices) -> StoredNew:
    stored = message(known, place.kind, place.pair_key)
    if stored.sender != new.sender:
        raise AppError(Code.ID_CONFLICT, "that id is another message's here; take a new one")
    readers = _readers(new.sender, devices, withheld=bool(known[-1]))
    return StoredNew(message=stored, is_repeat=True, readers=readers)


def _readers(sender: UserId, members: Iterable[str], *, withheld: bool) -> tuple[UserId, ...]:
    return (sender,) if withheld else tuple(UserId(one) for one in members)


def _is_withheld(new: NewMessage, place: _Place, known: _Known) -> bool:
    """Whether the other one of a direct room has blocked the sender.

    Raises:
        AppError: FORBIDDEN the other way round; RECIPIENT_NOT_FOUND if it has no account.
    """
    if place.pair_key is None:
        return False
    if not known.has_account:
        raise no_such_recipient()
    if known.has_blocked:
        raise AppError(Code.FORBIDDEN, "you have blocked this user; unblock it first")
    return known.is_blocked


def _check_devices(new: NewMessage, devices: _Devices) -> None:
    """Whether a message can be read on just the devices that the others have now.

    Raises:
        AppError: DEVICE_MISMATCH.
    """
    others = {
        user_id: held
        for user_id, held in devices.items()
        if user_id != new.sender and held is not None
    }
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
        indifferent = devices.keys() - others.keys()
        stale = {one for one in new.covered - current if one.user_id not in indifferent}
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
    new: NewMessage, place: _Place, default_ttl_ms: int | None, *, withheld: bool
) -> Steps[StoredMessage]:
    ttl_ms = place.ttl_ms or default_ttl_ms
    values = (
        place.room_id,
        place.seq,
        new.message_id,
        new.sender,
        new.sender_device,
        new.type,
        new.ciphertext.encode(),
        new.metadata,
        place.sent_ms,
        None if ttl_ms is None else place.sent_ms + ttl_ms,
        None,
    )
    yield from run(
        "INSERT INTO messages (room_id, seq, message_id, sender_id, sender_device_id, type, "
        "ciphertext, metadata, created_ms, expires_ms, deleted_ms, withheld) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        *values,
        withheld,
    )
    return message(values, place.kind, place.pair_key)
