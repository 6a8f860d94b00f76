"""What can be done with who is there."""

from server.apis.workspaces.requests.claims import own
from server.apis.workspaces.requests.presence import ListPresence, UpdatePresence
from server.core.chat import Chat
from server.core.ports.workspaces import StandingAt
from server.core.workspaces.values import Standing
from server.transports.api import Caller


async def update_presence(chat: Chat, caller: Caller, request: UpdatePresence) -> StandingAt:
    user, standing = own(caller.signed_in(), request), Standing(request.status)
    return await chat.standings.choose(user, request.workspace_id, standing)


async def show_presence(
    chat: Chat, caller: Caller, request: ListPresence
) -> tuple[StandingAt, ...]:
    """One more than were asked for, if there are more."""
    user, after, limit = caller.signed_in(), request.cursor, request.limit + 1
    return await chat.standings.shown(user, request.workspace_id, after, limit)
