"""What can be done with messages."""

import msgspec

from server.apis.workspaces.requests.claims import own
from server.apis.workspaces.requests.messages import (
    EditMessage,
    ListMessages,
    OfMessage,
    React,
    SendMessage,
    named_files,
)
from server.core.chat import Chat
from server.core.opaque import Opaque
from server.core.ports.conversations import MessageRef
from server.core.workspaces.content import EditWish, OpenPost, PostWish
from server.transports.api import Caller


async def send_message(chat: Chat, caller: Caller, request: SendMessage) -> OpenPost:
    wish = PostWish(
        room_id=request.conversation_id,
        content=request.content,
        attachments=request.attachments or (),
        file_ids=named_files(request.attachments, request.file_ids) or (),
        message_id=request.client_message_id,
        reply_to=request.reply_to_id,
        metadata=_metadata(request.encryption_metadata),
        covered=request.covered,
    )
    user = own(caller.signed_in(), request)
    post, _ = await chat.posts.send(user, wish, caller.answered_connection)
    return post


async def list_messages(
    chat: Chat, caller: Caller, request: ListMessages
) -> tuple[tuple[OpenPost, ...], bool]:
    return await chat.posts.page(
        caller.signed_in(),
        request.conversation_id,
        request.limit,
        before=request.upper,
        after=request.lower,
        thread=request.thread_id,
    )


async def edit_message(chat: Chat, caller: Caller, request: EditMessage) -> OpenPost:
    wish = EditWish(
        content=request.content,
        attachments=request.attachments,
        file_ids=named_files(request.attachments, request.file_ids),
        metadata=_metadata(request.encryption_metadata),
    )
    return await chat.posts.edit(caller.signed_in(), _ref(request), wish)


async def delete_message(chat: Chat, caller: Caller, request: OfMessage) -> OpenPost:
    return await chat.posts.delete(caller.signed_in(), _ref(request))


async def react(chat: Chat, caller: Caller, request: React) -> OpenPost:
    wanted = None if request.action is None else request.action == "add"
    return await chat.posts.react(caller.signed_in(), _ref(request), request.emoji, wanted)


def _ref(request: OfMessage) -> MessageRef:
    return MessageRef(request.message_id, request.conversation_id)


def _metadata(value: Opaque | None) -> bytes | None:
    return None if value is None else msgspec.json.encode(value.value)
