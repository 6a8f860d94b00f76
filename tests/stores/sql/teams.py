"""Workspaces for tests, with keys that open nothing."""

from collections.abc import Awaitable, Iterable

import pytest

from server.core.durable import Role
from server.core.errors import AppError, Code
from server.core.ids import UserId, WorkspaceId, new_id
from server.core.ports.workspaces import Entrant, ForeignUser, NewWorkspace
from server.core.workspaces.values import WrappedKey
from server.stores.sql.workspaces import SqlWorkspaces
from tests.stores.sql.households import NOW_MS, Household

KEY = bytes(range(72))


def new_workspace(workspace_id: str | None = None) -> NewWorkspace:
    known = WorkspaceId(workspace_id or new_id())
    key = WrappedKey(workspace_id=known, version=1, wrapped=KEY, wrapped_by=KEY[:8])
    return NewWorkspace(workspace_id=known, name=f"sealed name of {known}", key=key)


def asks(name: str, *claimed: str, role: Role = Role.MEMBER) -> Entrant:
    """Somebody whose token names these workspaces."""
    return Entrant(
        user_id=UserId(name), claimed=frozenset(map(WorkspaceId, claimed)), claims_role=role
    )


def foreigner(name: str, issuer: str = "") -> ForeignUser:
    """Somebody of another system."""
    return ForeignUser(
        user_id=UserId(name), issuer=issuer, is_numeric=name.isdigit(), name=f"{name} ☎"
    )


class Team:
    """A workspace of Alice's on a database, and who comes into it."""

    def __init__(self, store: SqlWorkspaces, workspace_id: WorkspaceId) -> None:
        self.store = store
        self.id = workspace_id

    async def add(self, by: str, member: str, role: Role | None = None) -> Role:
        """Which role the member has then."""
        wish = (asks(by), self.id, UserId(member), role, NOW_MS)
        return (await self.store.set_member(*wish)).role

    async def remove(self, by: str, member: str) -> tuple[str, ...]:
        """Which conversations the member was in."""
        gone = await self.store.remove_member(asks(by), self.id, UserId(member), NOW_MS)
        return gone.left

    async def roles(self, by: str = "alice") -> dict[str, Role]:
        found = await self.store.members(asks(by), self.id, None, 100)
        return {str(one.user_id): one.role for one in found}

    async def count(self, by: str = "alice") -> int:
        """How many are in it, as it counts them itself."""
        return (await self.store.get(asks(by), self.id)).members


async def found(home: Household, members: Iterable[str] = (), admins: Iterable[str] = ()) -> Team:
    """A workspace of Alice's."""
    made = await home.workspaces.create(UserId("alice"), new_workspace(), NOW_MS)
    team = Team(home.workspaces, made.workspace_id)
    for name in (*members, *admins):
        await team.add("alice", name, Role.ADMIN if name in admins else None)
    return team


async def code_of(awaitable: Awaitable[object]) -> Code:
    with pytest.raises(AppError) as caught:
        await awaitable
    return caught.value.code
