"""What can be done with events."""

import msgspec

from server.apis.event_queue.requests.events import Send
from server.core.chat import Chat
from server.core.errors import AppError, Code
from server.core.ports.queues import Queued
from server.core.queues import Event
from server.transports.api import Caller


async def send_event(chat: Chat, caller: Caller, request: Send) -> Queued:
    user = caller.account()
    if request.sender_id not in (None, user.user_id):
        raise AppError(Code.FORBIDDEN, "you are somebody else")
    metadata = None if request.metadata is None else msgspec.json.encode(request.metadata.value)
    event = Event(
        event_id=request.event_id,
        recipients=request.recipients,
        group_id=request.group_id,
        type=request.event_type,
        metadata=metadata,
        payload=request.encrypted_payload,
    )
    return await chat.queues.send(user, event)
