"""Messages and conversations in the words of secure chat."""

import msgspec

from server.apis.secure_chat import shapes
from server.apis.secure_chat.render.rooms import following_place, participant, room_type
from server.apis.secure_chat.requests.messages import SetStatus
from server.core.clock import iso_utc
from server.core.durable import StoredMessage
from server.core.ports.conversations import (
    Acknowledged,
    FoundPage,
    Listed,
    ListPage,
    MessagePage,
    StoredNew,
)


def sent(_: object, stored: StoredNew) -> shapes.SentMessage:
    message = stored.message
    shown: shapes.SentMessage = {
        "messageId": message.message_id,
        "senderId": message.sender,
        "messageType": message.type,
        "encryptedContent": message.ciphertext,
        "deliveryStatus": message.status.value,
        "createdAt": iso_utc(message.sent_ms),
    }
    # Where it went, as its sender said it.
    if message.recipient is None:
        shown["roomId"] = message.room_id
    else:
        shown["recipientId"] = message.recipient
    return shown


def metadata(text: bytes | None) -> msgspec.Raw | None:
    """As its sender wrote it."""
    return None if text is None else msgspec.Raw(text)


def message(one: StoredMessage) -> shapes.Message:
    """A message, in lists and frames."""
    shown: shapes.Message = {
        "messageId": one.message_id,
        "roomId": one.room_id,
        "seq": one.seq,
        "senderId": one.sender,
        "senderDeviceId": one.sender_device,
        "recipientId": one.recipient,
        "messageType": one.type,
        "encryptedContent": one.ciphertext,
        "encryptionMetadata": metadata(one.metadata),
        "deliveryStatus": one.status.value,
        "deliveredTo": one.delivered,
        "readBy": one.read,
        "createdAt": iso_utc(one.sent_ms),
        "expiresAt": None if one.expires_ms is None else iso_utc(one.expires_ms),
        "deleted": one.deleted_ms is not None,
    }
    if one.deleted_ms is not None:
        shown["deletedAt"] = iso_utc(one.deleted_ms)
    return shown


def messages(_: object, page: MessagePage) -> shapes.Messages:
    return {"messages": [message(one) for one in page.messages], "hasMore": page.has_more}


def offline(_: object, page: MessagePage) -> shapes.MessagesFurther:
    last = page.messages[-1] if page.has_more else None
    following = f"{last.seq}.{last.room_id}" if last else None
    return {**messages(_, page), "next": following}


def found(_: object, page: FoundPage) -> shapes.MessagesFurther:
    place = page.next
    return {
        "messages": [message(one) for one in page.messages],
        "hasMore": place is not None,
        "next": f"{place.sent_ms}.{place.seq}.{place.room_id}" if place else None,
    }


def conversations(_: object, page: ListPage) -> shapes.Conversations:
    shown = [_conversation(one) for one in page.rooms]
    return {"conversations": shown, "next": following_place(page)}


def _conversation(one: Listed) -> shapes.Conversation:
    room = one.conversation
    return {
        "roomId": room.room_id,
        "type": room_type(room.kind),
        "name": room.name or None,
        "participants": [participant(each) for each in room.participants],
        "lastMessage": None if one.last is None else message(one.last),
        "unreadCount": one.unread,
        "updatedAt": iso_utc(one.last.sent_ms if one.last else room.updated_ms),
    }


def status(request: SetStatus, _: None) -> shapes.MessageStatus:
    return {"messageId": request.message_id, "deliveryStatus": request.status}


def statuses(_: object, done: Acknowledged) -> shapes.StatusesSet:
    return {"updated": len(done.receipts), "notFound": list(done.unknown)}


def deleted(_: object, one: StoredMessage) -> shapes.DeletedMessage:
    return {
        "messageId": one.message_id,
        "roomId": one.room_id,
        "deletedAt": None if one.deleted_ms is None else iso_utc(one.deleted_ms),
    }
