"""What can be done with conversations."""

from server.apis.workspaces.requests.conversations import (
    AddMember,
    CreateConversation,
    ListConversations,
    MarkAsRead,
    OfConversation,
    RemoveMember,
    SetRole,
    UpdateConversation,
)
from server.apis.workspaces.requests.workspaces import OfWorkspace
from server.core.chat import Chat
from server.core.durable import Role
from server.core.errors import AppError, Code
from server.core.identity import is_blank
from server.core.ids import RoomId
from server.core.kinds import Kind
from server.core.ports.channels import ListedChannel, Position
from server.core.ports.conversations import Place as ListPlace
from server.core.workspaces.channels import ChannelWish, TextChange
from server.core.workspaces.content import OpenPost
from server.core.workspaces.values import Channel
from server.transports.api import Caller

KINDS = {"DM": Kind.DIRECT, "GROUP": Kind.GROUP, "DOCUMENT": Kind.DOCUMENT}

Listed = tuple[ListedChannel, OpenPost | None]
"""A conversation in a list, and what was said last there."""


async def create_conversation(
    chat: Chat, caller: Caller, request: CreateConversation
) -> tuple[Channel, bool]:
    user = caller.signed_in()
    named = dict.fromkeys(request.member_ids or ())
    others = tuple(one for one in named if one != user.user_id)
    _check(request, len(others))
    wish = ChannelWish(
        workspace_id=request.workspace_id,
        kind=KINDS[request.type],
        is_opaque=bool(request.is_encrypted),
        name=request.name or "",
        description=request.description or "",
        icon=request.icon or "",
        document_id=request.document_id,
        members=others,
    )
    return await chat.channels.create(user, wish)


def _check(request: CreateConversation, others: int) -> None:
    """See that there is what its type needs, and nothing that it has no place for.

    Raises:
        AppError: INVALID_REQUEST.
    """
    problem = None
    if request.type == "DM" and others != 1:
        problem = "memberIds: Expected one other in a DM"
    elif request.type == "GROUP" and not request.name:
        problem = "name: Expected a text; each GROUP has a name"
    elif request.name and is_blank(request.name):
        problem = "name: Expected something to see in it"
    elif (request.type == "DOCUMENT") is not (request.document_id is not None):
        problem = "documentId: Expected an id if it is a DOCUMENT, and else none"
    if problem:
        raise AppError(Code.INVALID_REQUEST, problem)


async def list_conversations(
    chat: Chat, caller: Caller, request: ListConversations
) -> tuple[tuple[Listed, ...], bool]:
    kind = None if request.type is None else KINDS[request.type]
    before = None
    if request.cursor:
        active_ms, _, room_id = request.cursor.partition(".")
        before = ListPlace(int(active_ms), RoomId(room_id))
    found, has_more = await chat.channels.page(
        caller.signed_in(), request.workspace_id, kind, before, request.limit
    )
    return tuple((one, _last(chat, one)) for one in found), has_more


def _last(chat: Chat, listed: ListedChannel) -> OpenPost | None:
    return None if listed.last is None else chat.posts.opened(listed.last)


async def get_conversation(chat: Chat, caller: Caller, request: OfConversation) -> Channel:
    return await chat.channels.get(caller.signed_in(), request.conversation_id)


async def update_conversation(chat: Chat, caller: Caller, request: UpdateConversation) -> Channel:
    change = TextChange(name=request.name, description=request.description, icon=request.icon)
    return await chat.channels.update(caller.signed_in(), request.conversation_id, change)


async def delete_conversation(chat: Chat, caller: Caller, request: OfConversation) -> int:
    return await chat.channels.delete(caller.signed_in(), request.conversation_id)


async def add_member(chat: Chat, caller: Caller, request: AddMember) -> Channel:
    role = None if request.role is None else Role(request.role.lower())
    user = caller.signed_in()
    return await chat.channels.add_member(user, request.conversation_id, request.user_id, role)


async def remove_member(chat: Chat, caller: Caller, request: RemoveMember) -> None:
    await chat.channels.remove_member(caller.signed_in(), request.conversation_id, request.user_id)


async def set_role(chat: Chat, caller: Caller, request: SetRole) -> Channel:
    user, role = caller.signed_in(), Role(request.role.lower())
    return await chat.channels.set_role(user, request.conversation_id, request.user_id, role)


async def mark_as_read(chat: Chat, caller: Caller, request: MarkAsRead) -> Position:
    user, skip = caller.signed_in(), caller.answered_connection
    return await chat.channels.read(user, request.conversation_id, request.message_id, skip)


async def count_unread(
    chat: Chat, caller: Caller, request: OfWorkspace
) -> tuple[tuple[RoomId, int], ...]:
    return await chat.channels.unread(caller.signed_in(), request.workspace_id)
