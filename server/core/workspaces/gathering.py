"""What the connections of this process have joined in workspaces."""

from collections.abc import AsyncIterator, Container, Mapping
from contextlib import asynccontextmanager

from msgspec import Struct, field

from server.core.errors import AppError, Code
from server.core.ids import ConnectionId, RoomId, WorkspaceId
from server.core.limits import Bounds
from server.core.ports.topics import Topics
from server.core.ports.workspaces import Entrant
from server.core.workspaces.company import Company
from server.core.workspaces.deliveries import Deliveries
from server.core.workspaces.events import ChannelLeft, WorkspaceLeft
from server.core.workspaces.standings import Standings


class Guest(Struct):
    """What a connection has joined.

    Attributes:
        heard: The workspaces of all of that.
    """

    who: Entrant
    workspaces: set[WorkspaceId] = field(default_factory=set)
    rooms: dict[RoomId, WorkspaceId] = field(default_factory=dict)
    heard: set[WorkspaceId] = field(default_factory=set)


class Gathering:
    """A workspace is heard of from the first connection that joins something of it to the last.

    Attributes:
        guests: Those who have joined something.
        companies: Of the workspaces that somebody here hears of.
    """

    def __init__(
        self, bounds: Bounds, topics: Topics, standings: Standings, deliveries: Deliveries
    ) -> None:
        self._bounds = bounds
        self._topics = topics
        self._standings = standings
        self._deliveries = deliveries
        self.guests: dict[ConnectionId, Guest] = {}
        self.companies: dict[WorkspaceId, Company] = {}

    # --- coming ---

    def check_bound(self, connection_id: ConnectionId, wish: WorkspaceId | RoomId) -> None:
        """Check that a connection may join one more.

        Raises:
            AppError: LIMIT_REACHED.
        """
        guest = self.guests.get(connection_id)
        if guest is None:
            return
        is_room = isinstance(wish, RoomId)
        joined: Container[str] = guest.rooms if is_room else guest.workspaces
        count = len(guest.rooms) if is_room else len(guest.workspaces)
        bound = self._bounds.joined_rooms if is_room else self._bounds.joined_workspaces
        if wish not in joined and count >= bound:
            raise AppError(Code.LIMIT_REACHED, f"one connection may join {bound}; open one more")

    @asynccontextmanager
    async def heard(
        self, workspace_id: WorkspaceId, connection_id: ConnectionId
    ) -> AsyncIterator[Company]:
        """Hear of a workspace while a connection joins something of it, and then if it has.

        It is heard before the store is read, so that nothing is missed between.

        Raises:
            AppError: UNAVAILABLE.
        """
        is_kept = False
        try:
            await self._topics.hear(workspace_id)
            yield self.companies.setdefault(workspace_id, Company())
            guest = self.guests[connection_id]
            is_kept = workspace_id not in guest.heard
            guest.heard.add(workspace_id)
        finally:
            if not is_kept:
                self._topics.unhear(workspace_id)
            self.tidy(workspace_id)

    def guest(self, connection_id: ConnectionId, who: Entrant) -> Guest:
        """What a connection has joined, which is about to join something."""
        guest = self.guests.setdefault(connection_id, Guest(who))
        guest.who = who
        return guest

    def begin(
        self, company: Company, workspace_id: WorkspaceId, found: Mapping[RoomId, int]
    ) -> None:
        """Have messages of conversations told in order, from those on that come next.

        Args:
            found: The newest message of each.
        """
        for room_id in company.rooms() & found.keys():
            self._deliveries.order(company, workspace_id, room_id).begin(found[room_id])

    # --- going ---

    def get_up(self, connection_id: ConnectionId, room_id: RoomId) -> None:
        """Hear no more of a conversation than whoever has joined its workspace."""
        guest = self.guests.get(connection_id)
        workspace_id = guest.rooms.pop(room_id, None) if guest else None
        if guest and workspace_id:
            self.companies[workspace_id].get_up(connection_id, room_id)
            self._let_go(workspace_id, connection_id, guest)

    def forget(self, connection_id: ConnectionId) -> None:
        """A connection hears of nothing more."""
        if guest := self.guests.get(connection_id):
            for workspace_id in tuple(guest.heard):
                self.take_out(workspace_id, connection_id)

    def take_out(self, workspace_id: WorkspaceId, connection_id: ConnectionId) -> None:
        """A connection hears of a workspace no more, nor of any of its conversations."""
        guest, company = self.guests[connection_id], self.companies[workspace_id]
        for room_id in [one for one, of in guest.rooms.items() if of == workspace_id]:
            del guest.rooms[room_id]
            company.get_up(connection_id, room_id)
        company.leave(connection_id, guest.who.user_id)
        if workspace_id in guest.workspaces:
            guest.workspaces.discard(workspace_id)
            self._standings.leave(workspace_id, guest.who.user_id)
        self._let_go(workspace_id, connection_id, guest)

    def put_out(self, company: Company, event: WorkspaceLeft) -> None:
        """Who is in a workspace no more hears of it by none of its connections."""
        for connection_id in company.put_out(event.user_id):
            self.take_out(event.workspace_id, connection_id)

    def left(self, company: Company, event: ChannelLeft) -> None:
        """Who is in a conversation no more hears of it by none of its connections."""
        for connection_id in company.left(event.room_id, event.users):
            guest = self.guests[connection_id]
            guest.rooms.pop(event.room_id, None)
            self._let_go(event.workspace_id, connection_id, guest)
        self.tidy(event.workspace_id)

    def _let_go(self, workspace_id: WorkspaceId, connection_id: ConnectionId, guest: Guest) -> None:
        """Hear of a workspace no more for a connection that has joined nothing of it."""
        is_there = workspace_id in guest.workspaces or workspace_id in guest.rooms.values()
        if not is_there and workspace_id in guest.heard:
            guest.heard.discard(workspace_id)
            self._topics.unhear(workspace_id)
        if not guest.heard:
            self.guests.pop(connection_id, None)
        self.tidy(workspace_id)

    def tidy(self, workspace_id: WorkspaceId) -> None:
        """Forget what nobody here hears of any more."""
        company = self.companies.get(workspace_id)
        self._deliveries.tidy(workspace_id, company.rooms() if company else set())
        if company and company.is_empty:
            del self.companies[workspace_id]
