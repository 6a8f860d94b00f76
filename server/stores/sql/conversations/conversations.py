"""Durable rooms, and who is in them."""

from server.core.durable import Conversation, Role
from server.core.ids import RoomId, UserId
from server.core.limits import Bounds
from server.core.ports.conversations import (
    Changed,
    Ended,
    Left,
    ListPage,
    NewRoom,
    Place,
    RoomChange,
)
from server.stores.sql.conversations import leaving, lists, members, rooms
from server.stores.sql.conversations.shapes import whole_room
from server.stores.sql.database import Database


class SqlConversations:
    """A `ConversationStore`."""

    def __init__(self, database: Database, bounds: Bounds) -> None:
        self._database = database
        self._bounds = bounds

    async def create(self, new: NewRoom, now_ms: int) -> Conversation:
        return await self._database.write(lambda: rooms.create(new, now_ms, self._bounds))

    async def get(self, user_id: UserId, room_id: RoomId) -> Conversation:
        return await self._database.read(lambda: whole_room(room_id, user_id))

    async def page(
        self, user_id: UserId, before: Place | None, limit: int, now_ms: int, *, managed: bool
    ) -> ListPage:
        return await self._database.read(
            lambda: lists.page(user_id, before, limit, now_ms, managed=managed)
        )

    async def update(
        self, user_id: UserId, room_id: RoomId, change: RoomChange, now_ms: int
    ) -> Changed:
        return await self._database.write(lambda: rooms.update(user_id, room_id, change, now_ms))

    async def delete(self, user_id: UserId, room_id: RoomId, now_ms: int) -> Ended:
        return await self._database.write(
            lambda: rooms.delete(user_id, room_id, now_ms, self._bounds)
        )

    async def add_member(
        self, user_id: UserId, room_id: RoomId, member: UserId, role: Role | None, now_ms: int
    ) -> Changed:
        return await self._database.write(
            lambda: members.add_member(user_id, room_id, member, role, now_ms, self._bounds)
        )

    async def remove_member(
        self, user_id: UserId, room_id: RoomId, member: UserId, now_ms: int
    ) -> Left:
        return await self._database.write(
            lambda: leaving.remove_member(user_id, room_id, member, now_ms, self._bounds)
        )

    async def members_of(self, user_id: UserId, room_id: RoomId) -> tuple[UserId, ...]:
        return await self._database.read(lambda: members.all_members(user_id, room_id))

    async def peer(self, user_id: UserId, other: UserId) -> RoomId | None:
        return await self._database.read(lambda: rooms.open_direct_room(user_id, other))

    async def rooms_of(self, user_id: UserId, limit: int) -> tuple[RoomId, ...]:
        return await self._database.read(lambda: members.rooms_of(user_id, limit))

    async def whole(self, room_id: RoomId) -> Conversation:
        return await self._database.read(lambda: whole_room(room_id))

    async def acquaintances(self, user_id: UserId, limit: int) -> tuple[UserId, ...]:
        return await self._database.read(lambda: members.acquaintances(user_id, limit))
