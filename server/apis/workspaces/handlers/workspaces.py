"""What can be done with workspaces."""

from server.apis.workspaces.requests.workspaces import (
    CreateWorkspace,
    ListWorkspaceMembers,
    ListWorkspaces,
    RemoveWorkspaceMember,
    SetWorkspaceMember,
)
from server.core.chat import Chat
from server.core.durable import Role
from server.core.workspaces.values import Workspace, WorkspaceMember
from server.transports.api import Caller


async def create_workspace(chat: Chat, caller: Caller, request: CreateWorkspace) -> Workspace:
    return await chat.workspaces.create(caller.signed_in(), request.name)


async def list_workspaces(
    chat: Chat, caller: Caller, request: ListWorkspaces
) -> tuple[Workspace, ...]:
    return await chat.workspaces.page(caller.signed_in())


async def list_members(
    chat: Chat, caller: Caller, request: ListWorkspaceMembers
) -> tuple[WorkspaceMember, ...]:
    """One more than were asked for, if there are more."""
    after, limit = request.cursor, request.limit + 1
    return await chat.workspaces.members(caller.signed_in(), request.workspace_id, after, limit)


async def set_member(chat: Chat, caller: Caller, request: SetWorkspaceMember) -> WorkspaceMember:
    role = None if request.role is None else Role(request.role.lower())
    user = caller.signed_in()
    return await chat.workspaces.set_member(user, request.workspace_id, request.user_id, role)


async def remove_member(chat: Chat, caller: Caller, request: RemoveWorkspaceMember) -> None:
    await chat.workspaces.remove_member(caller.signed_in(), request.workspace_id, request.user_id)
