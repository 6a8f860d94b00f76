"""Workspaces of an installation: made, found, and who is in them."""

from msgspec import structs

from server.core.durable import Role
from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import NumericUserId, UserId, WorkspaceId, new_id
from server.core.parts import Parts
from server.core.ports.workspaces import (
    Departure,
    Entrant,
    Entry,
    ForeignUser,
    NewWorkspace,
    WorkspaceStore,
)
from server.core.rates import spend
from server.core.workspaces.telling import Teller
from server.core.workspaces.values import Workspace, WorkspaceMember, WrappedKey
from server.core.workspaces.vault import Vault, of_workspace

KNOWN_MS = 10 * 60_000
"""For so long a user of another system is not noted again."""

MAX_KNOWN = 10_000
"""Such users whom this process remembers."""

Seen = tuple[UserId, str, bool, frozenset[WorkspaceId]]
"""What is noted of a user: its id, its issuer, whether it is an operator, and what it claims."""


class Workspaces:
    """Who belongs together. All but guests can use them: users of other systems, too."""

    def __init__(self, parts: Parts, store: WorkspaceStore, vault: Vault, teller: Teller) -> None:
        self._parts = parts
        self._store = store
        self._vault = vault
        self._teller = teller
        self._known: dict[Seen, int] = {}

    async def enter(self, user: User) -> Entrant:
        """Who asks: from the first time on, a user of another system exists here.

        It comes into the workspaces that its token names, as their owner if it is an operator.

        Raises:
            AppError: FORBIDDEN to guests, and if the id is somebody else's here.
        """
        if user.is_guest:
            raise AppError(Code.FORBIDDEN, "guests are in no workspace; sign in with an account")
        who = entrant_of(user)
        if user.is_account:
            return who
        seen = (user.user_id, user.issuer, user.is_operator, who.claimed)
        now_ms = self._now_ms()
        if self._known.get(seen, now_ms) <= now_ms:
            await self._note(user, who, now_ms)
            self._remember(seen, now_ms + KNOWN_MS)
        return who

    async def create(self, user: User, name: str) -> Workspace:
        """Make a workspace, which the user owns.

        Raises:
            AppError: TOO_MANY_ROOMS, RATE_LIMITED; as `enter`.
        """
        who = await self.enter(user)
        await self._spend(user)
        new = self._new(WorkspaceId(new_id()), name)
        return self._opened(await self._store.create(who.user_id, new, self._now_ms()))

    async def page(self, user: User) -> tuple[Workspace, ...]:
        """The workspaces that a user is in."""
        found = await self._store.page(await self.enter(user))
        return tuple(map(self._opened, found))

    async def get(self, user: User, workspace_id: WorkspaceId) -> Workspace:
        """One of these.

        Raises:
            AppError: NOT_FOUND; as `enter`.
        """
        return self._opened(await self._store.get(await self.enter(user), workspace_id))

    async def members(
        self, user: User, workspace_id: WorkspaceId, after: UserId | None, limit: int
    ) -> tuple[WorkspaceMember, ...]:
        """Who is in a workspace, in order of their ids."""
        return await self._store.members(await self.enter(user), workspace_id, after, limit)

    async def set_member(
        self, user: User, workspace_id: WorkspaceId, member: UserId, role: Role | None
    ) -> WorkspaceMember:
        """Have somebody in a workspace, in a role.

        Raises:
            AppError: See `WorkspaceStore.set_member`; also RATE_LIMITED.
        """
        who = await self.enter(user)
        await self._spend(user)
        return await self._store.set_member(who, workspace_id, member, role, self._now_ms())

    async def remove_member(
        self, user: User, workspace_id: WorkspaceId, member: UserId
    ) -> Departure:
        """Take somebody out of a workspace and all its conversations, or leave it.

        Raises:
            AppError: See `WorkspaceStore.remove_member`; also RATE_LIMITED.
        """
        who = await self.enter(user)
        await self._spend(user)
        now_ms = self._now_ms()
        gone = await self._store.remove_member(who, workspace_id, member, now_ms)
        await self._teller.gone_from(workspace_id, member, gone, now_ms)
        return gone

    async def key(self, workspace_id: WorkspaceId) -> WrappedKey:
        """The key under which it is sealed what is said in a workspace from now on.

        Raises:
            AppError: NOT_FOUND.
        """
        return await self._store.key(workspace_id)

    async def audit(
        self, workspace_id: WorkspaceId, before: tuple[int, str] | None, limit: int
    ) -> tuple[Entry, ...]:
        """What was noted of a workspace, the newest first: ids only; for operators.

        Raises:
            AppError: NOT_FOUND.
        """
        return await self._store.audit(workspace_id, before, limit)

    # --- parts ---

    async def _note(self, user: User, who: Entrant, now_ms: int) -> None:
        noted = ForeignUser(
            user_id=user.user_id,
            issuer=user.issuer,
            is_numeric=type(user.user_id) is NumericUserId,
            name=user.login,
        )
        await self._store.note_foreign(noted, now_ms)
        new_to = await self._store.unclaimed(who) if who.claimed else ()
        if new_to:
            # They are called what the token calls them, until somebody knows better.
            wanted = [self._new(one, str(one)) for one in new_to]
            await self._store.claim(who, wanted, now_ms)

    def _remember(self, seen: Seen, until_ms: int) -> None:
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[seen] = until_ms

    def _new(self, workspace_id: WorkspaceId, name: str) -> NewWorkspace:
        key = self._vault.new_key(workspace_id, 1)
        sealed = self._vault.seal(key, of_workspace(workspace_id), name.encode())
        return NewWorkspace(workspace_id=workspace_id, name=sealed, key=key)

    def _opened(self, found: Workspace) -> Workspace:
        plain = self._vault.read(found.key, of_workspace(found.workspace_id), found.name)
        return structs.replace(found, name=(plain or b"").decode())

    async def _spend(self, user: User) -> None:
        rate, limiter = self._parts.rates.converse, self._parts.limiter
        await spend(limiter, "converse", user.user_id, rate, self._now_ms())

    def _now_ms(self) -> int:
        return self._parts.clock.now_ms()


def entrant_of(user: User) -> Entrant:
    """Who a user is in workspaces; those that tokens of accounts name mean nothing."""
    if user.is_account:
        return Entrant(user_id=user.user_id)
    return Entrant(
        user_id=user.user_id,
        claimed=frozenset(user.workspace_ids),
        claims_role=Role.OWNER if user.is_operator else Role.MEMBER,
    )
