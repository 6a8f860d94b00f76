"""Conversations of a workspace for tests, whose boxes open nowhere."""

from typing import Any

from server.core.ids import MessageId, RoomId, UserId, new_id
from server.core.kinds import Kind
from server.core.ports.channels import Made, NewChannel, Position
from server.core.ports.conversations import MessageRef, StoredNew
from server.core.ports.posts import ChangedPost, PostChange
from server.core.workspaces.values import NewPost, Post
from server.stores.sql.workspaces.channels import SqlChannels
from server.stores.sql.workspaces.posts import SqlPosts
from tests.stores.sql.households import NOW_MS, Household
from tests.stores.sql.teams import Team, asks, found


class Atelier:
    """A workspace of Alice's, Bob's and Carol's; Dan is in none.

    Attributes:
        is_sealed: Its conversations are, if nothing else is said.
    """

    def __init__(self, home: Household, team: Team, *, is_sealed: bool = True) -> None:
        self.home = home
        self.team = team
        self.is_sealed = is_sealed
        bounds = home.bounds
        self.channels = SqlChannels(home.database, bounds)
        self.posts = SqlPosts(home.database, bounds)

    # --- conversations ---

    async def make(self, by: str, *members: str, kind: Kind = Kind.GROUP, **other: Any) -> Made:
        """Make a conversation."""
        is_sealed = other.pop("is_sealed", self.is_sealed)
        wish: dict[str, Any] = {
            "room_id": RoomId(new_id()),
            "workspace_id": self.team.id,
            "kind": kind,
            "key_version": 1 if is_sealed else None,
            "name": "sealed name",
            "description": "",
            "icon": "",
            "document_id": None,
            "members": tuple(map(UserId, members)),
        }
        return await self.channels.create(asks(by), NewChannel(**{**wish, **other}), NOW_MS)

    async def room(self, by: str, *members: str, **other: Any) -> RoomId:
        return (await self.make(by, *members, **other)).channel.conversation.room_id

    async def listed(self, by: str, **wish: Any) -> list[str]:
        asked: dict[str, Any] = {
            "workspace_id": self.team.id,
            "kind": None,
            "before": None,
            "limit": 50,
            "now_ms": NOW_MS,
        }
        page, _ = await self.channels.page(asks(by), **{**asked, **wish})
        return [one.channel.conversation.room_id for one in page]

    async def people(self, room: RoomId, by: str = "alice") -> dict[str, str]:
        """Who is in a conversation, in which role."""
        shown = await self.channels.get(UserId(by), room)
        return {str(one.user_id): one.role.value for one in shown.conversation.participants}

    # --- messages ---

    async def say(
        self, by: str, room: RoomId, message_id: str = "", reply_to: str = "", **other: Any
    ) -> StoredNew:
        """Send a message."""
        is_sealed = other.pop("is_sealed", self.is_sealed)
        post = NewPost(
            reply_to=MessageId(reply_to) if reply_to else None,
            key_version=1 if is_sealed else None,
            tokens=other.pop("tokens", ()),
        )
        return await self.home.send(by, room, message_id or None, post=post, **other)

    async def read_by(self, user: str, room: RoomId, **wish: Any) -> list[str]:
        """The ids of what somebody reads there."""
        asked: dict[str, Any] = {"limit": 100, "now_ms": NOW_MS}
        page, _ = await self.posts.page(UserId(user), room, **{**asked, **wish})
        return [one.message.message_id for one in page]

    async def post(self, message_id: str, by: str = "alice", room: RoomId | None = None) -> Post:
        return await self.posts.get(UserId(by), MessageRef(MessageId(message_id), room), NOW_MS)

    async def edit(
        self, by: str, message_id: str, text: str = "bmV3", expected: int = 0, **other: Any
    ) -> ChangedPost:
        change = PostChange(
            ciphertext=text,
            metadata=None,
            key_version=other.pop("key_version", 1 if self.is_sealed else None),
            tokens=other.pop("tokens", ()),
        )
        ref = MessageRef(MessageId(message_id))
        return await self.posts.edit(UserId(by), ref, change, expected, NOW_MS + 5)

    async def delete(self, by: str, message_id: str) -> ChangedPost:
        return await self.posts.delete(UserId(by), MessageRef(MessageId(message_id)), NOW_MS)

    async def react(
        self, by: str, message_id: str, emoji: str, wanted: bool | None = None, now_ms: int = NOW_MS
    ) -> ChangedPost:
        ref = MessageRef(MessageId(message_id))
        return await self.posts.react(UserId(by), ref, emoji, wanted, now_ms)

    async def mark(
        self, by: str, room: RoomId, message_id: str | None = None, now_ms: int = NOW_MS
    ) -> Position:
        named = None if message_id is None else MessageId(message_id)
        return await self.channels.read(UserId(by), room, named, now_ms)

    async def unread(self, by: str) -> dict[str, int]:
        found = await self.channels.unread(asks(by), self.team.id, NOW_MS)
        return {str(room_id): count for room_id, count in found}


async def atelier_of(home: Household, *, is_sealed: bool = True) -> Atelier:
    await home.settle("dan")
    return Atelier(home, await found(home, ("bob", "carol")), is_sealed=is_sealed)
