"""What can be done with groups."""

from server.apis.event_queue.requests.groups import (
    AddMember,
    CreateGroup,
    ListGroups,
    OfGroup,
    RemoveMember,
)
from server.core.chat import Chat
from server.core.durable import Conversation, Role
from server.core.ids import RoomId
from server.core.ports.conversations import ListPage, Place
from server.transports.api import Caller

PAGE = 100
"""Groups that are listed at a time."""


async def create_group(chat: Chat, caller: Caller, request: CreateGroup) -> Conversation:
    members = tuple(dict.fromkeys(request.member_ids))
    return await chat.conversations.create(caller.account(), request.name, "", members, None)


async def list_groups(chat: Chat, caller: Caller, request: ListGroups) -> ListPage:
    before = None
    if request.before:
        active_ms, _, group_id = request.before.partition(".")
        before = Place(int(active_ms), RoomId(group_id))
    return await chat.conversations.page(caller.account(), before, PAGE, managed=True)


async def get_group(chat: Chat, caller: Caller, request: OfGroup) -> Conversation:
    return await chat.conversations.get_managed(caller.account(), request.group_id)


async def delete_group(chat: Chat, caller: Caller, request: OfGroup) -> None:
    await chat.conversations.delete(caller.account(), request.group_id)


async def add_member(chat: Chat, caller: Caller, request: AddMember) -> Conversation:
    role = None if request.role is None else Role(request.role)
    return await chat.conversations.add_member(
        caller.account(), request.group_id, request.user_id, role
    )


async def remove_member(chat: Chat, caller: Caller, request: RemoveMember) -> None:
    await chat.conversations.remove_member(caller.account(), request.group_id, request.user_id)
