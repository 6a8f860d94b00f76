"""Workspaces and who is in them: what goes into their store, and what comes out."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from server.core.durable import Role
from server.core.ids import RoomId, UserId, WorkspaceId
from server.core.workspaces.values import Standing, Workspace, WorkspaceMember, WrappedKey


class Entrant(Struct, frozen=True, kw_only=True):
    """Who asks for something in a workspace.

    Attributes:
        claimed: Which workspaces its token names.
        claims_role: Which role it has where it comes in by that.
    """

    user_id: UserId
    claimed: frozenset[WorkspaceId] = frozenset()
    claims_role: Role = Role.MEMBER


class ForeignUser(Struct, frozen=True, kw_only=True):
    """A user of another system.

    Attributes:
        issuer: Whose published key has signed its token; empty if the shared secret has.
        is_numeric: Its id is shown as a number.
        name: As the token has it.
    """

    user_id: UserId
    issuer: str
    is_numeric: bool
    name: str


class NewWorkspace(Struct, frozen=True, kw_only=True):
    """A workspace to be made.

    Attributes:
        name: Sealed under the key, which is its first.
    """

    workspace_id: WorkspaceId
    name: str
    key: WrappedKey


class StandingAt(Struct, frozen=True, kw_only=True):
    """What a member of a workspace has said of itself last, and when it was there last."""

    user_id: UserId
    standing: Standing
    said_ms: int
    seen_ms: int


class Departure(Struct, frozen=True, kw_only=True):
    """Somebody is out of a workspace.

    Attributes:
        left: The conversations that it is in no more.
        changed: Those of them in which others are; the rest has ended.
        opaque: Those of them in which clients encrypt what is said: users hear of these.
    """

    left: tuple[RoomId, ...] = ()
    changed: tuple[RoomId, ...] = ()
    opaque: tuple[RoomId, ...] = ()


class Entry(Struct, frozen=True, kw_only=True):
    """What was noted of a workspace.

    Attributes:
        user_id: Who did it; None: operators.
        subject_id: To whom, or to what.
    """

    entry_id: str
    at_ms: int
    action: str
    user_id: UserId | None
    subject_id: str | None
    room_id: RoomId | None


class WorkspaceStore(Protocol):
    """Who is in a workspace: never more than its bound.

    Somebody is in who was added here, or whose token names the workspace; not who was removed,
    whatever a token says. For whoever is not in it there is none: it raises NOT_FOUND. A
    workspace has an owner from when it was made until nobody is in it; one that only tokens
    name may have none.
    """

    async def note_foreign(self, user: ForeignUser, now_ms: int) -> None:
        """Note a user of another system: from now on it exists.

        Raises:
            AppError: FORBIDDEN if an account, or a user of another issuer, has its id.
        """
        ...

    async def create(self, user_id: UserId, new: NewWorkspace, now_ms: int) -> Workspace:
        """Make a workspace, which the user owns.

        Raises:
            AppError: TOO_MANY_ROOMS if it is in too many, or has made too many.
        """
        ...

    async def unclaimed(self, who: Entrant) -> tuple[WorkspaceId, ...]:
        """Which of the workspaces that a token names have never heard of its user."""
        ...

    async def claim(self, who: Entrant, wanted: Sequence[NewWorkspace], now_ms: int) -> None:
        """Have somebody in workspaces that its token names; those that are unknown are made.

        It is not let into one that is full, or from which it was removed.
        """
        ...

    async def page(self, who: Entrant) -> tuple[Workspace, ...]:
        """The workspaces that somebody is in, in order of joining."""
        ...

    async def get(self, who: Entrant, workspace_id: WorkspaceId) -> Workspace: ...

    async def members(
        self, who: Entrant, workspace_id: WorkspaceId, after: UserId | None, limit: int
    ) -> tuple[WorkspaceMember, ...]:
        """Who is in a workspace, in order of their ids."""
        ...

    async def set_member(
        self,
        who: Entrant,
        workspace_id: WorkspaceId,
        member: UserId,
        role: Role | None,
        now_ms: int,
    ) -> WorkspaceMember:
        """Have somebody in a workspace, in a role; as a member if None is said of somebody new.

        Raises:
            AppError: FORBIDDEN: admins add members, and owners do all else; to the last owner,
                of its own role; RECIPIENT_NOT_FOUND if there is no such user, or it has
                blocked the asker; LIMIT_REACHED if the workspace is full, or that one is in
                too many, or was put into too many by strangers.
        """
        ...

    async def remove_member(
        self, who: Entrant, workspace_id: WorkspaceId, member: UserId, now_ms: int
    ) -> Departure:
        """Take somebody out of a workspace and all its conversations, or leave it.

        Raises:
            AppError: FORBIDDEN: admins remove members, owners anybody; to the last owner, who
                leaves; RECIPIENT_NOT_FOUND if that one is not in it.
        """
        ...

    async def key(self, workspace_id: WorkspaceId, version: int | None = None) -> WrappedKey:
        """A key of a workspace; the newest if none is said. For nobody in particular.

        Raises:
            AppError: NOT_FOUND.
        """
        ...

    async def set_standing(
        self, who: Entrant, workspace_id: WorkspaceId, standing: Standing, now_ms: int
    ) -> None: ...

    async def standings(
        self, who: Entrant, workspace_id: WorkspaceId, after: UserId | None, limit: int
    ) -> tuple[StandingAt, ...]:
        """Of those who are in a workspace, in order of their ids."""
        ...

    async def standing(self, workspace_id: WorkspaceId, user_id: UserId) -> StandingAt | None:
        """Of somebody who is in a workspace; for nobody in particular."""
        ...

    async def note_gone(
        self, workspace_id: WorkspaceId, user_ids: Sequence[UserId], now_ms: int
    ) -> None:
        """Note when members of a workspace were there last."""
        ...

    async def audit(
        self, workspace_id: WorkspaceId, before: tuple[int, str] | None, limit: int
    ) -> tuple[Entry, ...]:
        """What was noted of a workspace, the newest first; for operators.

        Args:
            before: Time and id of an entry.

        Raises:
            AppError: NOT_FOUND if nothing ever was.
        """
        ...
