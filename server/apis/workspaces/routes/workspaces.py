"""The REST routes of workspaces and of who is in them."""

from server.apis.workspaces.handlers import workspaces as handlers
from server.apis.workspaces.render import workspaces as render
from server.apis.workspaces.requests import workspaces as requests
from server.core.errors import Code
from server.transports.api import Access, Route

ROUTES = (
    Route(
        "POST",
        "/chat/workspaces",
        requests.CreateWorkspace,
        handlers.create_workspace,
        render.one,
        "Make a workspace, which one owns",
        access=Access.USER,
        statuses=(201,),
        refusals=(Code.FORBIDDEN, Code.TOO_MANY_ROOMS),
        example={"name": "Acme"},
    ),
    Route(
        "GET",
        "/chat/workspaces",
        requests.ListWorkspaces,
        handlers.list_workspaces,
        render.several,
        "The workspaces that one is in, in order of joining",
        access=Access.USER,
        refusals=(Code.FORBIDDEN,),
    ),
    Route(
        "GET",
        "/chat/workspaces/{workspaceId}/members",
        requests.ListWorkspaceMembers,
        handlers.list_members,
        render.members,
        "Who is in a workspace",
        access=Access.USER,
        refusals=(Code.FORBIDDEN, Code.NOT_FOUND),
    ),
    Route(
        "POST",
        "/chat/workspaces/{workspaceId}/members",
        requests.SetWorkspaceMember,
        handlers.set_member,
        render.member,
        "Have somebody in a workspace, or in another role there (admins add members; owners)",
        access=Access.USER,
        refusals=(
            Code.FORBIDDEN,
            Code.NOT_FOUND,
            Code.RECIPIENT_NOT_FOUND,
            Code.LIMIT_REACHED,
        ),
        example={"userId": "019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e", "role": "MEMBER"},
    ),
    Route(
        "DELETE",
        "/chat/workspaces/{workspaceId}/members/{userId}",
        requests.RemoveWorkspaceMember,
        handlers.remove_member,
        render.removed,
        "Take somebody out of a workspace and its conversations, or leave it",
        access=Access.USER,
        refusals=(Code.FORBIDDEN, Code.NOT_FOUND, Code.RECIPIENT_NOT_FOUND),
    ),
)
