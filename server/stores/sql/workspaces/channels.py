"""Conversations of workspaces."""

from collections.abc import Mapping, Sequence

from server.core.durable import Role
from server.core.errors import AppError, Code
from server.core.ids import MessageId, RoomId, UserId, WorkspaceId
from server.core.kinds import Kind
from server.core.limits import Bounds
from server.core.ports.channels import (
    ChangedChannel,
    ListedChannel,
    Made,
    NewChannel,
    Place,
    Position,
    Texts,
)
from server.core.ports.conversations import Ended, Left
from server.core.ports.conversations import Place as ListPlace
from server.core.ports.workspaces import Entrant
from server.core.workspaces.values import Channel
from server.stores.sql.batches import Batches
from server.stores.sql.conversations import leaving, rooms
from server.stores.sql.database import Database
from server.stores.sql.scopes import OF_WORKSPACES
from server.stores.sql.workspaces import listing, making, reading
from server.stores.sql.workspaces.reading import Mark, mark_all


class SqlChannels:
    """A `ChannelStore`."""

    def __init__(self, database: Database, bounds: Bounds) -> None:
        self._database = database
        self._bounds = bounds
        self._marks: Batches[Mark, Position] = Batches(
            together=lambda some: self._mark(some, waits=False),
            apart=lambda some: self._mark(some, waits=True),
        )

    async def create(self, who: Entrant, new: NewChannel, now_ms: int) -> Made:
        return await self._database.write(lambda: making.create(who, new, now_ms, self._bounds))

    async def place(self, who: Entrant, room_id: RoomId) -> Place:
        return await self._database.look_up(lambda: listing.place(who, room_id))

    async def get(self, user_id: UserId, room_id: RoomId) -> Channel:
        return await self._database.read(lambda: listing.channel(room_id, user_id))

    async def whole(self, room_id: RoomId) -> Channel | None:
        try:
            return await self._database.read(lambda: listing.channel(room_id))
        except AppError as error:
            if error.code is not Code.NOT_FOUND:
                raise
            return None

    async def page(
        self,
        who: Entrant,
        workspace_id: WorkspaceId | None,
        kind: Kind | None,
        before: ListPlace | None,
        limit: int,
        now_ms: int,
    ) -> tuple[tuple[ListedChannel, ...], bool]:
        return await self._database.read(
            lambda: listing.page(who, workspace_id, kind, before, limit, now_ms)
        )

    async def joined(self, who: Entrant, workspace_id: WorkspaceId) -> Mapping[RoomId, int]:
        return await self._database.read(lambda: listing.joined(who, workspace_id))

    async def unread(
        self, who: Entrant, workspace_id: WorkspaceId, now_ms: int
    ) -> tuple[tuple[RoomId, int], ...]:
        return await self._database.read(lambda: listing.unread(who, workspace_id, now_ms))

    async def unread_in(self, user_id: UserId, room_id: RoomId, now_ms: int) -> int:
        return await self._database.read(lambda: reading.unread_in(user_id, room_id, now_ms))

    async def update(
        self, user_id: UserId, room_id: RoomId, texts: Texts, before: Texts, now_ms: int
    ) -> Channel:
        return await self._database.write(
            lambda: making.update(user_id, room_id, texts, before, now_ms)
        )

    async def add_member(
        self, who: Entrant, room_id: RoomId, member: UserId, role: Role | None, now_ms: int
    ) -> ChangedChannel:
        return await self._database.write(
            lambda: making.add_member(who, room_id, member, role, now_ms, self._bounds)
        )

    async def set_role(
        self, user_id: UserId, room_id: RoomId, member: UserId, role: Role, now_ms: int
    ) -> ChangedChannel:
        return await self._database.write(
            lambda: making.set_role(user_id, room_id, member, role, now_ms, self._bounds)
        )

    async def remove_member(
        self, user_id: UserId, room_id: RoomId, member: UserId, now_ms: int
    ) -> Left:
        return await self._database.write(
            lambda: leaving.remove_member(
                user_id, room_id, member, now_ms, self._bounds, OF_WORKSPACES
            )
        )

    async def delete(self, user_id: UserId, room_id: RoomId, now_ms: int) -> Ended:
        return await self._database.write(
            lambda: rooms.delete(user_id, room_id, now_ms, self._bounds, OF_WORKSPACES)
        )

    async def read(
        self, user_id: UserId, room_id: RoomId, message_id: MessageId | None, now_ms: int
    ) -> Position:
        mark = Mark(user_id, room_id, message_id, now_ms)
        return await self._marks.do(mark.key, mark)

    async def _mark(
        self, some: Sequence[Mark], *, waits: bool
    ) -> Sequence[Position | Exception | None]:
        return await self._database.write(lambda: mark_all(some, waits=waits))
