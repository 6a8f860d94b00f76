"""What can be done with messages."""

import msgspec

from server.apis.secure_chat.handlers.callers import account_of
from server.apis.secure_chat.requests.messages import (
    DeleteMessage,
    ListConversations,
    ReadDirect,
    ReadOffline,
    ReadRoom,
    SearchMessages,
    Send,
    SetStatus,
    SetStatuses,
)
from server.core.chat import Chat
from server.core.clock import to_ms
from server.core.durable import Status, StoredMessage
from server.core.durable_messages import Post
from server.core.errors import AppError, Code
from server.core.ids import MessageId, RoomId
from server.core.opaque import Opaque
from server.core.ports.conversations import (
    Acknowledged,
    FoundPage,
    FoundPlace,
    ListPage,
    MessagePage,
    MessageRef,
    Place,
    Receipt,
    Search,
    StoredNew,
    WaitingPlace,
)
from server.transports.api import Caller

DIRECT, GROUP = "direct", "group"
"""Types of messages that do not say theirs."""


async def send_message(chat: Chat, caller: Caller, request: Send) -> StoredNew:
    user = account_of(caller)
    if request.sender_id not in (None, user.user_id):
        raise AppError(Code.FORBIDDEN, "you are somebody else")
    if request.sender_device_id not in (None, user.device_id):
        raise AppError(Code.FORBIDDEN, "that is not the device that speaks")
    post = Post(
        room_id=request.room_id,
        recipient=request.recipient_id,
        message_id=request.message_id,
        type=request.message_type or (GROUP if request.recipient_id is None else DIRECT),
        ciphertext=request.encrypted_content,
        metadata=_json_of(request.encryption_metadata),
        covered=request.covered,
    )
    return await chat.mail.send(user, post, caller.connection_id or None)


def _json_of(metadata: Opaque | None) -> bytes | None:
    return None if metadata is None else msgspec.json.encode(metadata.value)


async def read_direct(chat: Chat, caller: Caller, request: ReadDirect) -> MessagePage:
    return await chat.mail.direct_history(
        account_of(caller), request.user_id, request.limit, request.before, request.after
    )


async def read_room(chat: Chat, caller: Caller, request: ReadRoom) -> MessagePage:
    return await chat.mail.history(
        account_of(caller), request.room_id, request.limit, request.before, request.after
    )


async def read_offline(chat: Chat, caller: Caller, request: ReadOffline) -> MessagePage:
    after = None
    if request.after:
        seq, _, room_id = request.after.partition(".")
        after = WaitingPlace(RoomId(room_id), int(seq))
    return await chat.mail.waiting(account_of(caller), after, request.limit)


async def list_conversations(chat: Chat, caller: Caller, request: ListConversations) -> ListPage:
    before = place_of(request.before)
    return await chat.conversations.page(account_of(caller), before, request.limit, managed=False)


def place_of(cursor: str | None) -> Place | None:
    """The place in a list that a cursor names."""
    if cursor is None:
        return None
    active_ms, _, room_id = cursor.partition(".")
    return Place(int(active_ms), RoomId(room_id))


async def set_status(chat: Chat, caller: Caller, request: SetStatus) -> None:
    await chat.mail.acknowledge_one(
        account_of(caller),
        _ref_of(request),
        Status(request.status),
        caller.connection_id or None,
    )


async def set_statuses(chat: Chat, caller: Caller, request: SetStatuses) -> Acknowledged:
    user = account_of(caller)
    wishes: dict[str, list[MessageRef]] = {}
    for message_id in request.message_ids:
        ref = MessageRef(message_id, request.room_id)
        wishes.setdefault(request.status or "", []).append(ref)
    for update in request.updates:
        wishes.setdefault(update.status, []).append(_ref_of(update))
    receipts: list[Receipt] = []
    unknown: list[MessageId] = []
    for status, refs in sorted(wishes.items()):
        done = await chat.mail.acknowledge(
            user, tuple(refs), Status(status), caller.connection_id or None
        )
        receipts += done.receipts
        unknown += done.unknown
    return Acknowledged(receipts=tuple(receipts), unknown=tuple(dict.fromkeys(unknown)))


def _ref_of(request: SetStatus | DeleteMessage) -> MessageRef:
    return MessageRef(request.message_id, request.room_id, request.sender_id)


async def search_messages(chat: Chat, caller: Caller, request: SearchMessages) -> FoundPage:
    user = account_of(caller)
    if request.query:
        raise AppError(
            Code.UNSEARCHABLE,
            "messages are encrypted: search their words on the client, which can read them; "
            "here by participantId, senderId, roomId, messageType, from and to",
        )
    search = Search(
        participant=request.participant_id or request.user_id,
        sender=request.sender_id,
        room_id=request.room_id,
        type=request.message_type,
        from_ms=to_ms(request.from_time),
        until_ms=to_ms(request.to_time),
    )
    return await chat.mail.search(user, search, _found_place(request.before), request.limit)


def _found_place(cursor: str | None) -> FoundPlace | None:
    if cursor is None:
        return None
    sent_ms, seq, room_id = cursor.split(".", 2)
    return FoundPlace(int(sent_ms), RoomId(room_id), int(seq))


async def delete_message(chat: Chat, caller: Caller, request: DeleteMessage) -> StoredMessage:
    return await chat.mail.delete(account_of(caller), _ref_of(request))
