"""Who is there: which connections of this process hear what happens in workspaces."""

import logging
from collections.abc import Awaitable, Callable

from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import ConnectionId, RoomId, UserId, WorkspaceId
from server.core.parts import Parts
from server.core.ports.channels import ChannelStore, Place
from server.core.ports.posts import PostStore
from server.core.ports.topics import Topics
from server.core.ports.workspaces import Entrant
from server.core.signins import SignIns
from server.core.workspaces.company import Reading
from server.core.workspaces.deliveries import Deliveries, TellPeople
from server.core.workspaces.doubts import Doubts
from server.core.workspaces.events import (
    ChannelLeft,
    ChannelMade,
    WorkspaceEvent,
    WorkspaceLeft,
)
from server.core.workspaces.gathering import Gathering
from server.core.workspaces.standings import Standings

log = logging.getLogger("hushwire.workspaces")

Enter = Callable[[User], Awaitable[Entrant]]


class Attendance:
    """A `Watcher` of connections: what they have joined ends with their sign-in.

    Args:
        enter: Who asks, as `Workspaces.enter`.

    Attributes:
        gathering: What they have joined.
    """

    def __init__(
        self,
        parts: Parts,
        channels: ChannelStore,
        posts: PostStore,
        topics: Topics,
        enter: Enter,
        standings: Standings,
    ) -> None:
        self._channels = channels
        self._enter = enter
        self._standings = standings
        self._books: list[SignIns] = []
        self._deliveries = Deliveries(posts, parts.clock)
        self.gathering = Gathering(parts.bounds, topics, standings, self._deliveries)
        self._doubts = Doubts(channels, self.gathering, self._deliveries)
        topics.subscribe(self.deliver, self._doubts.lost)

    def subscribe(self, tell: TellPeople) -> None:
        """Have `tell` called with each event and who is to hear of it; it never waits."""
        self._deliveries.subscribe(tell)

    def watch(self, sign_ins: SignIns) -> None:
        """See to the connections of these."""
        self._books.append(sign_ins)
        sign_ins.watch(self)
        sign_ins.on_renewed(self._doubts.renewed)

    # --- coming and going ---

    async def join_workspace(
        self, user: User, connection_id: ConnectionId, workspace_id: WorkspaceId
    ) -> tuple[RoomId, ...]:
        """Have a connection hear of all that its user may hear of in a workspace.

        Returns:
            The user's conversations there.

        Raises:
            AppError: NOT_FOUND unless it is in there; LIMIT_REACHED; UNAVAILABLE; as `enter`.
        """
        who = await self._enter(user)
        self.gathering.check_bound(connection_id, workspace_id)
        async with self.gathering.heard(workspace_id, connection_id) as company:
            with company.reading(who.user_id) as reading:
                found = await self._channels.joined(who, workspace_id)
            self._check(user, connection_id, reading)
            guest = self.gathering.guest(connection_id, who)
            rooms = reading.settled(found)
            company.join(connection_id, who.user_id)
            company.set_rooms(who.user_id, rooms)
            self.gathering.begin(company, workspace_id, found)
            is_new = workspace_id not in guest.workspaces
            guest.workspaces.add(workspace_id)
        if is_new:
            await self._standings.arrive(workspace_id, who.user_id)
        return tuple(sorted(rooms))

    async def join_conversation(
        self, user: User, connection_id: ConnectionId, room_id: RoomId
    ) -> Place:
        """Have a connection hear of a conversation, and of who reads and types there.

        Raises:
            AppError: NOT_FOUND unless its user is in there; LIMIT_REACHED; UNAVAILABLE; as `enter`.
        """
        who = await self._enter(user)
        self.gathering.check_bound(connection_id, room_id)
        workspace_id = (await self._channels.place(who, room_id)).workspace_id
        async with self.gathering.heard(workspace_id, connection_id) as company:
            with company.reading(who.user_id) as reading:
                place = await self._channels.place(who, room_id)
            self._check(user, connection_id, reading, room_id)
            guest = self.gathering.guest(connection_id, who)
            company.sit_down(connection_id, who.user_id, room_id)
            guest.rooms[room_id] = workspace_id
            self.gathering.begin(company, workspace_id, {room_id: place.seq})
        return place

    def leave_conversation(self, connection_id: ConnectionId, room_id: RoomId) -> None:
        """Hear no more of a conversation than whoever has joined its workspace."""
        self.gathering.get_up(connection_id, room_id)

    def _check(
        self,
        user: User,
        connection_id: ConnectionId,
        reading: Reading,
        room_id: RoomId | None = None,
    ) -> None:
        """Nothing has happened meanwhile after which it may not hear that."""
        known = (book.user_of(connection_id) for book in self._books)
        if not any(one and one.user_id == user.user_id for one in known):
            raise AppError(Code.UNAUTHENTICATED, "sign in with a token first")
        if reading.is_out or (room_id is not None and not reading.is_in(room_id)):
            raise AppError(Code.NOT_FOUND, "there is no such conversation, or you are not in it")

    # --- as a watcher ---

    async def arrived(self, user: User, connection_id: ConnectionId) -> None:
        """It has joined nothing yet."""

    async def lapsed(self, user_id: UserId, connection_id: ConnectionId) -> None:
        self.gathering.forget(connection_id)

    async def departed(
        self, user_id: UserId, connection_id: ConnectionId, *, is_lost: bool
    ) -> None:
        self.gathering.forget(connection_id)

    # --- delivering ---

    def deliver(self, event: WorkspaceEvent) -> None:
        """Tell everybody here whom an event concerns; never waits."""
        company = self.gathering.companies.get(event.workspace_id)
        if company is None:
            return
        try:
            if isinstance(event, ChannelMade):
                event = self._doubts.settled(company, event)
            self._deliveries.deliver(company, event)
            if isinstance(event, ChannelLeft):
                self._doubts.waver(company, event)
                self.gathering.left(company, event)
            elif isinstance(event, WorkspaceLeft):
                self.gathering.put_out(company, event)
        except Exception:  # of one event, after which there will be others to hear of
            log.exception("internal_error")

    async def expire(self) -> None:
        """Tell what was held back; look again at what may be otherwise than was told.

        Raises:
            AppError: UNAVAILABLE; it is looked at again.
        """
        self._deliveries.expire(self.gathering.companies)
        await self._deliveries.look_again(self.gathering.companies)
        await self._doubts.expire()
