"""Workspaces, and who is in them."""

from typing import Any

from server.apis.workspaces import shapes
from server.apis.workspaces.requests.workspaces import (
    ListWorkspaceMembers,
    RemoveWorkspaceMember,
)
from server.core.clock import iso_utc
from server.core.durable import Role
from server.core.workspaces.values import Workspace, WorkspaceMember
from server.transports.api import Response

ROLES: dict[Role, shapes.WorkspaceRole] = {
    Role.OWNER: "OWNER",
    Role.ADMIN: "ADMIN",
    Role.MEMBER: "MEMBER",
}


def one(_: Any, found: Workspace) -> Response[shapes.OneWorkspace]:
    return Response({"success": True, "workspace": _workspace(found)})


def several(_: Any, found: tuple[Workspace, ...]) -> Response[shapes.Workspaces]:
    return Response({"success": True, "workspaces": [_workspace(each) for each in found]})


def members(
    request: ListWorkspaceMembers, found: tuple[WorkspaceMember, ...]
) -> Response[shapes.WorkspaceMembers]:
    shown = found[: request.limit]
    following = str(shown[-1].user_id) if len(found) > len(shown) else None
    return Response(
        {"success": True, "members": [_member(each) for each in shown], "nextCursor": following}
    )


def member(_: Any, found: WorkspaceMember) -> Response[shapes.OneWorkspaceMember]:
    return Response({"success": True, "member": _member(found)})


def removed(request: RemoveWorkspaceMember, _: None) -> Response[shapes.RemovedWorkspaceMember]:
    workspace_id, user_id = request.workspace_id, str(request.user_id)
    return Response({"success": True, "workspaceId": workspace_id, "userId": user_id})


def _workspace(found: Workspace) -> shapes.Workspace:
    return {
        "id": found.workspace_id,
        "name": found.name,
        "createdById": str(found.created_by),
        "role": ROLES[found.role],
        "memberCount": found.members,
        "createdAt": iso_utc(found.created_ms),
        "updatedAt": iso_utc(found.updated_ms),
    }


def _member(found: WorkspaceMember) -> shapes.WorkspaceMember:
    return {
        "userId": str(found.user_id),
        "name": found.name,
        "role": ROLES[found.role],
        "joinedAt": iso_utc(found.joined_ms),
    }
