"""Whether a message may be stored in a room, as that is known of the room."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, UserId
from server.core.ports.conversations import Device, NewMessage
from server.stores.sql.conversations.rooms import no_such_recipient
from server.stores.sql.conversations.shapes import peer_in

Blocks = set[tuple[str, str]]
"""Who has blocked whom."""


class Member(Struct):
    """Somebody in a room.

    Attributes:
        is_unasked: Somebody strange has put it there, and it has said nothing yet.
        device_ids: That it has now.
    """

    has_account: bool
    is_banned: bool
    is_unasked: bool
    device_ids: set[str]


Members = Mapping[str, Member]


def is_withheld(new: NewMessage, key: str | None, members: Members, blocks: Blocks) -> bool:
    """Whether the other one of a direct room has blocked the sender.

    Raises:
        AppError: FORBIDDEN the other way round; RECIPIENT_NOT_FOUND if it has no account.
    """
    peer = peer_in(key, new.sender)
    if peer is None:
        return False
    if peer not in members or not members[peer].has_account:
        raise no_such_recipient()
    if (new.sender, peer) in blocks:
        raise AppError(Code.FORBIDDEN, "you have blocked this user; unblock it first")
    return (peer, new.sender) in blocks


def check_devices(new: NewMessage, members: Members, blocks: Blocks) -> None:
    """Whether a message can be read on just the devices that the others have now.

    Nothing can be encrypted for those who give the sender no keys, so nobody waits for them: else
    one member could silence a room.

    Raises:
        AppError: DEVICE_MISMATCH.
    """
    others = {
        user_id: one.device_ids
        for user_id, one in members.items()
        if user_id != new.sender
        and one.has_account
        and not one.is_banned
        and (user_id, new.sender) not in blocks
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
        indifferent = members.keys() - others.keys()
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
