"""What can be done with rooms."""

from server.apis.secure_chat.handlers.callers import account_of
from server.apis.secure_chat.handlers.messages import place_of
from server.apis.secure_chat.requests.rooms import (
    AddParticipant,
    CreateRoom,
    ListRooms,
    OfRoom,
    RemoveParticipant,
    SetRole,
    UpdateRoom,
)
from server.core.chat import Chat
from server.core.durable import Conversation, Role
from server.core.ports.conversations import ListPage, RoomChange
from server.transports.api import Caller


async def create_room(chat: Chat, caller: Caller, request: CreateRoom) -> Conversation:
    members = tuple(dict.fromkeys((*request.participants, *request.participant_ids)))
    ttl_ms = request.message_ttl_seconds * 1000 or None
    return await chat.conversations.create(
        account_of(caller), request.name, request.description, members, ttl_ms
    )


async def list_rooms(chat: Chat, caller: Caller, request: ListRooms) -> ListPage:
    before = place_of(request.before)
    return await chat.conversations.page(account_of(caller), before, request.limit, managed=True)


async def get_room(chat: Chat, caller: Caller, request: OfRoom) -> Conversation:
    return await chat.conversations.get(account_of(caller), request.room_id)


async def update_room(chat: Chat, caller: Caller, request: UpdateRoom) -> Conversation:
    ttl = request.message_ttl_seconds
    change = RoomChange(
        name=request.name,
        description=request.description,
        ttl_ms=None if ttl is None else ttl * 1000,
    )
    return await chat.conversations.update(account_of(caller), request.room_id, change)


async def delete_room(chat: Chat, caller: Caller, request: OfRoom) -> None:
    await chat.conversations.delete(account_of(caller), request.room_id)


async def add_participant(
    chat: Chat, caller: Caller, request: AddParticipant | SetRole
) -> Conversation:
    role = None if request.role is None else Role(request.role)
    return await chat.conversations.add_member(
        account_of(caller), request.room_id, request.user_id, role
    )


async def remove_participant(chat: Chat, caller: Caller, request: RemoveParticipant) -> None:
    await chat.conversations.remove_member(account_of(caller), request.room_id, request.user_id)
