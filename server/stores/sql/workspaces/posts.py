"""Messages of workspaces, and what can be done with them besides."""

from collections.abc import Sequence

from server.core.ids import MessageId, RoomId, UserId, WorkspaceId
from server.core.limits import Bounds
from server.core.ports.conversations import FoundPlace, MessageRef
from server.core.ports.posts import ChangedPost, FoundPosts, PostChange, Searched, WordSearch
from server.core.ports.workspaces import Entrant
from server.core.workspaces.values import Post
from server.stores.sql.database import Database
from server.stores.sql.workspaces import changing, showing, words


class SqlPosts:
    """A `PostStore`."""

    def __init__(self, database: Database, bounds: Bounds) -> None:
        self._database = database
        self._bounds = bounds

    async def page(
        self,
        user_id: UserId,
        room_id: RoomId,
        limit: int,
        now_ms: int,
        *,
        before: int | None = None,
        after: int | None = None,
        thread: MessageId | None = None,
    ) -> tuple[tuple[Post, ...], bool]:
        return await self._database.read(
            lambda: showing.page(user_id, room_id, limit, now_ms, before, after, thread)
        )

    async def get(self, user_id: UserId, ref: MessageRef, now_ms: int) -> Post:
        return await self._database.read(lambda: showing.get(user_id, ref, now_ms))

    async def edit(
        self, user_id: UserId, ref: MessageRef, change: PostChange, expected: int, now_ms: int
    ) -> ChangedPost:
        return await self._database.write(
            lambda: changing.edit(user_id, ref, change, expected, now_ms, self._bounds)
        )

    async def delete(self, user_id: UserId, ref: MessageRef, now_ms: int) -> ChangedPost:
        return await self._database.write(lambda: changing.delete(user_id, ref, now_ms))

    async def react(
        self, user_id: UserId, ref: MessageRef, emoji: str, wanted: bool | None, now_ms: int
    ) -> ChangedPost:
        return await self._database.write(
            lambda: changing.react(user_id, ref, emoji, wanted, now_ms, self._bounds)
        )

    async def told_after(self, room_id: RoomId, seq: int, limit: int) -> Sequence[Post]:
        return await self._database.read(lambda: showing.told_after(room_id, seq, limit))

    async def searched(
        self, who: Entrant, workspace_id: WorkspaceId | None, room_id: RoomId | None
    ) -> Searched:
        return await self._database.read(lambda: words.searched(who, workspace_id, room_id))

    async def find(
        self, who: Entrant, wish: WordSearch, before: FoundPlace | None, limit: int, now_ms: int
    ) -> FoundPosts | None:
        return await self._database.read(lambda: words.find(who, wish, before, limit, now_ms))
