"""What is told over the WebSocket."""

from typing import Any

import msgspec

from server.apis.event_queue import shapes
from server.apis.event_queue.requests.frames import Ack
from server.core.identity import User
from server.core.ids import UserId
from server.core.queued import QueuedEvent


def event(recipient: UserId, one: QueuedEvent) -> shapes.QueueEventFrame:
    """An event, as its recipient is told it."""
    return {
        "event_id": one.event_id,
        "recipient_id": recipient,
        "sender_id": one.sender,
        "event_type": one.type,
        "sequence": one.seq,
        "timestamp": one.sent_ms,
        "metadata": _metadata(one),
        "encrypted_payload": one.payload,
    }


def _metadata(one: QueuedEvent) -> Any:
    if one.lost_as:
        return {"from": one.first_seq, "to": one.seq, "reason": one.lost_as.value}
    return None if one.metadata is None else msgspec.Raw(one.metadata)


def acknowledged(_: Ack, seq: int | None) -> tuple[shapes.AcknowledgedFrame]:
    return ({"type": "ack_ok", "removed": seq is not None},)


def renewed(_: object, user: User) -> tuple[shapes.RenewedFrame]:
    return ({"type": "auth_ok", "expires_at": user.expires_ms},)


def pong(_: object, __: None) -> tuple[shapes.PongFrame]:
    return ({"type": "pong"},)
