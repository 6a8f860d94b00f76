"""What can be done over the WebSocket alone."""

from server.apis.secure_chat.handlers.callers import account_of
from server.apis.secure_chat.requests.frames import AskPresence, Heartbeat, TellReceipt, Typing
from server.core.chat import Chat
from server.core.durable import Status
from server.core.errors import AppError, Code
from server.core.ids import UserId
from server.core.ports.conversations import Acknowledged, MessageRef
from server.transports.api import Caller


async def beat(chat: Chat, caller: Caller, request: Heartbeat) -> None:
    account_of(caller)


async def who_is_online(chat: Chat, caller: Caller, request: AskPresence) -> tuple[UserId, ...]:
    return await chat.presences.online(account_of(caller), request.user_ids)


async def begin_typing(chat: Chat, caller: Caller, request: Typing) -> None:
    await _tell_typing(chat, caller, request, is_typing=True)


async def stop_typing(chat: Chat, caller: Caller, request: Typing) -> None:
    await _tell_typing(chat, caller, request, is_typing=False)


async def _tell_typing(chat: Chat, caller: Caller, request: Typing, *, is_typing: bool) -> None:
    await chat.conversations.tell_typing(
        account_of(caller), request.room_id, request.recipient_id, is_typing=is_typing
    )


async def tell_delivered(chat: Chat, caller: Caller, request: TellReceipt) -> Acknowledged:
    return await _tell_receipt(chat, caller, request, Status.DELIVERED)


async def tell_read(chat: Chat, caller: Caller, request: TellReceipt) -> Acknowledged:
    return await _tell_receipt(chat, caller, request, Status.READ)


async def _tell_receipt(
    chat: Chat, caller: Caller, request: TellReceipt, status: Status
) -> Acknowledged:
    user = account_of(caller)
    refs = tuple(MessageRef(one, request.room_id, request.sender_id) for one in request.ids)
    done = await chat.mail.acknowledge(user, refs, status, caller.connection_id)
    if request.message_id is not None and done.unknown:
        raise AppError(Code.NOT_FOUND, "there is no such message that you may read")
    return done
