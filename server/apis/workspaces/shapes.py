"""The shapes of what workspaces answer, for the type checker and the documentation."""

from typing import Literal, TypedDict

from server.transports.api import IsoTime, ShownUserId

WorkspaceRole = Literal["OWNER", "ADMIN", "MEMBER"]


class Good(TypedDict):
    """What every good answer begins with; a refusal is a problem document (RFC 9457)."""

    success: Literal[True]


class Workspace(TypedDict):
    id: str
    name: str
    createdById: ShownUserId
    role: WorkspaceRole
    memberCount: int
    createdAt: IsoTime
    updatedAt: IsoTime


class WorkspaceMember(TypedDict):
    userId: ShownUserId
    name: str
    role: WorkspaceRole
    joinedAt: IsoTime


class OneWorkspace(Good):
    workspace: Workspace


class Workspaces(Good):
    workspaces: list[Workspace]


class OneWorkspaceMember(Good):
    member: WorkspaceMember


class WorkspaceMembers(Good):
    """`nextCursor` is null at the end."""

    members: list[WorkspaceMember]
    nextCursor: str | None


class RemovedWorkspaceMember(Good):
    workspaceId: str
    userId: ShownUserId


class File(TypedDict):
    """`name` and `type` are as its sender said, or null; `url` is where its bytes are."""

    id: str
    conversationId: str
    workspaceId: str
    userId: ShownUserId
    name: str | None
    type: str | None
    size: int
    url: str
    createdAt: IsoTime


class OneFile(Good):
    file: File
