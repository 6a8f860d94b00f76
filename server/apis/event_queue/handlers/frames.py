"""What can be done over the WebSocket."""

from server.apis.event_queue.requests.frames import Ack, Ping
from server.core.chat import Chat
from server.core.errors import AppError, Code
from server.transports.api import Caller


async def acknowledge(chat: Chat, caller: Caller, request: Ack) -> int | None:
    user = caller.account()
    if request.recipient_id not in (None, user.user_id):
        raise AppError(Code.FORBIDDEN, "you are somebody else")
    return await chat.queues.acknowledge(user, request.event_id)


async def ping(chat: Chat, caller: Caller, request: Ping) -> None:
    """It is answered, and that is all."""
