"""A workspace whose key is changed, on one process or several."""

from collections.abc import Sequence

from server.core.durable import Role
from server.core.identity import User
from server.core.ids import MessageId, RoomId, UserId, WorkspaceId
from server.core.kinds import Kind
from server.core.limits import Rates
from server.core.workspaces.channels import ChannelWish
from server.core.workspaces.content import PostWish
from server.core.workspaces.rotation import LOOK_MS
from server.core.workspaces.searching import SearchWish
from server.stores.sql.database import Database
from server.stores.sql.steps import rows, value
from server.stores.sql.workspaces.keys import SqlKeys
from tests.clocks import ManualClock
from tests.core.visitors import Core
from tests.stores.sql.households import Household

UNLIMITED = Rates().lifted()

PASSES = 200
"""Rounds of the reaper, in which everything must be done."""


def of_account(name: str) -> User:
    return User(user_id=UserId(name), login=name, expires_ms=None, family_id="a sign-in")


ALICE, BOB = map(of_account, ("alice", "bob"))


class Firm:
    """A workspace of Alice's and Bob's, on one process or several."""

    def __init__(self, cores: list[Core], workspace_id: WorkspaceId, room: RoomId) -> None:
        self.cores = cores
        self.core = cores[0]
        self.id = workspace_id
        self.room = room

    async def say(self, core: Core, user: User, content: str, message_id: str) -> None:
        wish = PostWish(room_id=self.room, content=content, message_id=MessageId(message_id))
        await core.posts.send(user, wish)

    async def said(self, core: Core | None = None) -> list[str | None]:
        page, _ = await (core or self.core).posts.page(BOB, self.room, 200)
        return [one.content for one in page]

    async def found(self, text: str, core: Core | None = None) -> list[str | None]:
        wish = SearchWish(text=text, workspace_id=self.id)
        page = await (core or self.core).posts.search(BOB, wish, None, 50)
        return [one.content for one in page.posts]

    async def under(self, version: int) -> int:
        """Of how many messages the words or boxes are under a version."""
        sql = "SELECT COUNT(*) FROM posts WHERE key_version = $1"
        return await self.core.database.read(lambda: value(sql, version))

    async def versions(self) -> list[int]:
        sql = "SELECT version FROM workspace_keys ORDER BY version"
        return [one for (one,) in await self.core.database.read(lambda: rows(sql))]

    async def expire(self, clock: ManualClock) -> None:
        """Let the reaper do what is to be done: all of it."""
        for _ in range(PASSES):
            await self.core.rotation.expire()
            keys = SqlKeys(self.core.database)
            left = [await keys.under(one, 1) for one in await keys.retired()]
            if all(one.is_empty for one in left):
                break
        else:
            raise AssertionError("it does not come to its end")
        clock.advance(ms=LOOK_MS)
        await self.core.rotation.expire()


async def founded(databases: Sequence[Database], clock: ManualClock) -> Firm:
    cores = [Core(clock, rates=UNLIMITED, database=one) for one in databases]
    await Household(databases[0]).settle("alice", "bob")
    return await firm_of(cores)


async def firm_of(cores: list[Core]) -> Firm:
    """One more workspace of these two."""
    core = cores[0]
    made = await core.workspaces.create(ALICE, "Firm")
    await core.workspaces.set_member(ALICE, made.workspace_id, UserId("bob"), Role.MEMBER)
    wish = ChannelWish(
        workspace_id=made.workspace_id,
        kind=Kind.GROUP,
        name="general",
        description="all of us",
        icon="🐤",
        members=(UserId("bob"),),
    )
    channel, _ = await core.channels.create(ALICE, wish)
    return Firm(cores, made.workspace_id, channel.conversation.room_id)
