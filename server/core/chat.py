"""The core as its callers hold it."""

from server.core.expired import Expired
from server.core.groups import Groups
from server.core.messages import Messages
from server.core.rooms import Rooms


class Chat:
    """Everything a handler may call. Made once, by the composition root."""

    def __init__(self, rooms: Rooms, messages: Messages, groups: Groups) -> None:
        self.rooms = rooms
        self.messages = messages
        self.groups = groups

    async def expire(self) -> Expired:
        """Let go of what is due: lost members, idle rooms and groups."""
        rooms, groups = await self.rooms.expire(), await self.groups.expire()
        return Expired(rooms.rooms + groups.rooms, rooms.members + groups.members)
