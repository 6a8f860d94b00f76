"""What clients may ask of workspaces and of who is in them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from server.core.ids import UserId, WorkspaceId
from server.transports.api import RoomName

WorkspaceRoleWord = Literal["OWNER", "ADMIN", "MEMBER"]


class CreateWorkspace(Struct, frozen=True):
    name: RoomName


class ListWorkspaces(Struct, frozen=True):
    pass


class OfWorkspace(Struct, frozen=True, rename="camel"):
    workspace_id: WorkspaceId


class ListWorkspaceMembers(OfWorkspace, frozen=True, kw_only=True, rename="camel"):
    """`cursor` is `nextCursor` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 100
    cursor: UserId | None = None


class SetWorkspaceMember(OfWorkspace, frozen=True, kw_only=True, rename="camel"):
    user_id: UserId
    role: WorkspaceRoleWord | None = None


class RemoveWorkspaceMember(OfWorkspace, frozen=True, kw_only=True, rename="camel"):
    user_id: UserId
