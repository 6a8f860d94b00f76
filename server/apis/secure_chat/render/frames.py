"""What is told over the WebSocket, in the words of secure chat."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from server.apis.secure_chat import shapes
from server.apis.secure_chat.render import messages, rooms
from server.apis.secure_chat.requests.frames import TellReceipt
from server.apis.secure_chat.requests.messages import Send
from server.core.clock import iso_utc
from server.core.durable import (
    ConversationChanged,
    ConversationEnded,
    MemberTyping,
    MessageDeleted,
    MessageEdited,
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

RECEIPTS: Mapping[Status, Literal["delivery_receipt", "read_receipt"]] = {
    Status.DELIVERED: "delivery_receipt",
    Status.READ: "read_receipt",
}

# --- answers ---


def sent(request: Send, stored: StoredNew) -> tuple[shapes.MessageSentFrame]:
    message = stored.message
    shown: shapes.MessageSentFrame = {
        "type": "message_sent",
        **messages.sent(request, stored),
        "roomId": message.room_id,
        "seq": message.seq,
    }
    return (shown,)


def beaten(_: object, __: None) -> tuple[shapes.HeartbeatFrame]:
    return ({"type": "heartbeat_ack"},)


def online(_: object, users: tuple[UserId, ...]) -> tuple[shapes.OnlineFrame]:
    return ({"type": "presence", "online": list(users)},)


def silent(_: object, __: object) -> tuple[()]:
    return ()


def delivery_noted(request: TellReceipt, done: Acknowledged) -> tuple[shapes.DeliveryNotedFrame]:
    known, unknown = _noted(request, done)
    return ({"type": "delivery_receipt_ack", "messageIds": known, "notFound": unknown},)


def read_noted(request: TellReceipt, done: Acknowledged) -> tuple[shapes.ReadNotedFrame]:
    known, unknown = _noted(request, done)
    return ({"type": "read_receipt_ack", "messageIds": known, "notFound": unknown},)


def _noted(request: TellReceipt, done: Acknowledged) -> tuple[list[str], list[str]]:
    """Of which messages a receipt was noted, and which are unknown."""
    unknown = set(done.unknown)
    return [one for one in request.ids if one not in unknown], list(done.unknown)


# --- events ---


def _message(event: MessageStored) -> shapes.NewMessageFrame:
    return {"type": "new_message", "message": messages.message(event.message)}


def _receipt(event: StatusAdvanced) -> shapes.ReceiptFrame:
    return {
        "type": RECEIPTS[event.status],
        "messageId": event.message_id,
        "roomId": event.room_id,
        "seq": event.seq,
        "senderId": event.sender,
        "userId": event.user_id,
        "timestamp": iso_utc(event.at_ms),
    }


def _edited(event: MessageEdited) -> shapes.MessageEditedFrame:
    return {
        "type": "message_edited",
        "messageId": event.message_id,
        "roomId": event.room_id,
        "seq": event.seq,
        "encryptedContent": event.ciphertext,
        "encryptionMetadata": messages.metadata(event.metadata),
        "editedAt": iso_utc(event.edited_ms),
    }


def _deleted(event: MessageDeleted) -> shapes.MessageDeletedFrame:
    return {
        "type": "message_deleted",
        "messageId": event.message_id,
        "roomId": event.room_id,
        "seq": event.seq,
        "userId": event.user_id,
        "deletedAt": iso_utc(event.deleted_ms),
    }


def _room(event: ConversationChanged) -> shapes.RoomChangedFrame:
    return {"type": "room_changed", "room": rooms.room(event, event.conversation)}


def _room_ended(event: ConversationEnded) -> shapes.RoomEndedFrame:
    return {"type": "room_ended", "roomId": event.room_id, "timestamp": iso_utc(event.at_ms)}


def _typing(event: MemberTyping) -> shapes.TypingFrame:
    return {
        "type": "typing" if event.is_typing else "stop_typing",
        "roomId": event.room_id,
        "userId": event.user_id,
    }


def _revoked(event: DeviceRevoked) -> shapes.DeviceRevokedFrame:
    return {"type": "device_revoked", "deviceId": event.revoked}


def _identity_changed(event: IdentityChanged) -> shapes.IdentityChangedFrame:
    return {
        "type": "identity_changed",
        "userId": event.user_id,
        "timestamp": iso_utc(event.at_ms),
    }


def _prekeys_low(event: PrekeysLow) -> shapes.PrekeysLowFrame:
    return {"type": "prekeys_low", "remaining": event.remaining}


def _presence(event: PresenceChanged) -> shapes.PresenceFrame:
    return {
        "type": "presence",
        "userId": event.user_id,
        "status": "online" if event.is_online else "offline",
        "timestamp": iso_utc(event.at_ms),
    }


EVENTS: Mapping[type[UserEvent], Callable[[Any], Words]] = {
    MessageStored: _message,
    StatusAdvanced: _receipt,
    MessageEdited: _edited,
    MessageDeleted: _deleted,
    ConversationChanged: _room,
    ConversationEnded: _room_ended,
    MemberTyping: _typing,
    DeviceRevoked: _revoked,
    IdentityChanged: _identity_changed,
    PrekeysLow: _prekeys_low,
    PresenceChanged: _presence,
}
