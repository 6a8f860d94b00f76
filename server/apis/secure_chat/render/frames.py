"""What is told over the WebSocket, in the words of secure chat."""

from collections.abc import Callable, Mapping
from typing import Any

from server.apis.secure_chat.render import messages, rooms
from server.apis.secure_chat.requests.frames import TellReceipt
from server.apis.secure_chat.requests.messages import Send
from server.core.clock import iso_utc
from server.core.durable import (
    ConversationChanged,
    ConversationEnded,
    MemberTyping,
    MessageDeleted,
    MessageStored,
    Status,
    StatusAdvanced,
)
from server.core.ids import UserId
from server.core.ports.conversations import Acknowledged, StoredNew
from server.core.user_events import (
    DeviceRevoked,
    IdentityChanged,
    PrekeysLow,
    PresenceChanged,
    UserEvent,
)
from server.transports.api import Words

RECEIPTS = {Status.DELIVERED: "delivery_receipt", Status.READ: "read_receipt"}

# --- answers ---


def sent(request: Send, stored: StoredNew) -> tuple[Words, ...]:
    message = stored.message
    place = {"roomId": message.room_id, "seq": message.seq}
    return ({"type": "message_sent", **messages.sent(request, stored), **place},)


def beaten(_: object, __: None) -> tuple[Words, ...]:
    return ({"type": "heartbeat_ack"},)


def online(_: object, users: tuple[UserId, ...]) -> tuple[Words, ...]:
    return ({"type": "presence", "online": list(users)},)


def silent(_: object, __: object) -> tuple[Words, ...]:
    return ()


def noted(status: Status) -> Callable[[TellReceipt, Acknowledged], tuple[Words, ...]]:
    """The answer to a receipt: that it was noted, of which messages."""

    def render(request: TellReceipt, done: Acknowledged) -> tuple[Words, ...]:
        unknown = set(done.unknown)
        known = [one for one in request.ids if one not in unknown]
        told = {"messageIds": known, "notFound": list(done.unknown)}
        return ({"type": f"{RECEIPTS[status]}_ack", **told},)

    return render


# --- events ---


def _message(event: MessageStored) -> Words:
    return {"type": "new_message", "message": messages.message(event.message)}


def _receipt(event: StatusAdvanced) -> Words:
    return {
        "type": RECEIPTS[event.status],
        "messageId": event.message_id,
        "roomId": event.room_id,
        "seq": event.seq,
        "senderId": event.sender,
        "userId": event.user_id,
        "timestamp": iso_utc(event.at_ms),
    }


def _deleted(event: MessageDeleted) -> Words:
    return {
        "type": "message_deleted",
        "messageId": event.message_id,
        "roomId": event.room_id,
        "seq": event.seq,
        "userId": event.user_id,
        "deletedAt": iso_utc(event.deleted_ms),
    }


def _room(event: ConversationChanged) -> Words:
    return {"type": "room_changed", "room": rooms.room(event, event.conversation)}


def _room_ended(event: ConversationEnded) -> Words:
    return {"type": "room_ended", "roomId": event.room_id, "timestamp": iso_utc(event.at_ms)}


def _typing(event: MemberTyping) -> Words:
    return {
        "type": "typing" if event.is_typing else "stop_typing",
        "roomId": event.room_id,
        "userId": event.user_id,
    }


def _revoked(event: DeviceRevoked) -> Words:
    return {"type": "device_revoked", "deviceId": event.revoked}


def _identity_changed(event: IdentityChanged) -> Words:
    return {
        "type": "identity_changed",
        "userId": event.user_id,
        "timestamp": iso_utc(event.at_ms),
    }


def _prekeys_low(event: PrekeysLow) -> Words:
    return {"type": "prekeys_low", "remaining": event.remaining}


def _presence(event: PresenceChanged) -> Words:
    return {
        "type": "presence",
        "userId": event.user_id,
        "status": "online" if event.is_online else "offline",
        "timestamp": iso_utc(event.at_ms),
    }


EVENTS: Mapping[type[UserEvent], Callable[[Any], Words]] = {
    MessageStored: _message,
    StatusAdvanced: _receipt,
    MessageDeleted: _deleted,
    ConversationChanged: _room,
    ConversationEnded: _room_ended,
    MemberTyping: _typing,
    DeviceRevoked: _revoked,
    IdentityChanged: _identity_changed,
    PrekeysLow: _prekeys_low,
    PresenceChanged: _presence,
}
