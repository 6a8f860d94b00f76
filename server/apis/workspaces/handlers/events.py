"""What connections can do: hear of workspaces and conversations, and type there."""

from msgspec import Struct

from server.apis.workspaces.requests.claims import own
from server.apis.workspaces.requests.conversations import OfConversation, Typing
from server.apis.workspaces.requests.presence import MAX_SHOWN
from server.apis.workspaces.requests.workspaces import OfWorkspace
from server.core.chat import Chat
from server.core.ids import RoomId
from server.core.ports.workspaces import StandingAt
from server.transports.api import Caller


class JoinedWorkspace(Struct, frozen=True):
    """A workspace as a connection finds it.

    Attributes:
        standings: One more than are told, if there are more.
    """

    rooms: tuple[RoomId, ...]
    standings: tuple[StandingAt, ...]


class JoinedConversation(Struct, frozen=True):
    """A conversation as a connection finds it.

    Attributes:
        seq: Of the newest message.
    """

    seq: int
    unread: int


async def join_workspace(chat: Chat, caller: Caller, request: OfWorkspace) -> JoinedWorkspace:
    user, workspace_id = caller.signed_in(), request.workspace_id
    rooms = await chat.attendance.join_workspace(user, caller.connection_id, workspace_id)
    limit = MAX_SHOWN + 1
    return JoinedWorkspace(rooms, await chat.standings.shown(user, workspace_id, None, limit))


async def join_conversation(
    chat: Chat, caller: Caller, request: OfConversation
) -> JoinedConversation:
    user, room_id = caller.signed_in(), request.conversation_id
    place = await chat.attendance.join_conversation(user, caller.connection_id, room_id)
    return JoinedConversation(place.seq, await chat.channels.unread_in(user, room_id))


async def leave_conversation(chat: Chat, caller: Caller, request: OfConversation) -> None:
    chat.attendance.leave_conversation(caller.connection_id, request.conversation_id)


async def start_typing(chat: Chat, caller: Caller, request: Typing) -> None:
    user = own(caller.signed_in(), request)
    await chat.channels.tell_typing(user, request.conversation_id, is_typing=True)


async def stop_typing(chat: Chat, caller: Caller, request: Typing) -> None:
    user = own(caller.signed_in(), request)
    await chat.channels.tell_typing(user, request.conversation_id, is_typing=False)
