"""Who is there: which connections of this process hear what happens in workspaces."""

import asyncio
import logging
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Container,
    Mapping,
)
from contextlib import asynccontextmanager

from msgspec import Struct, field, structs

from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import ConnectionId, RoomId, UserId, WorkspaceId
from server.core.parts import Parts
from server.core.ports.channels import ChannelStore, Place
from server.core.ports.posts import PostStore
from server.core.ports.topics import Topics
from server.core.ports.workspaces import Entrant
from server.core.signins import SignIns
from server.core.workspaces.company import Company, Reading
from server.core.workspaces.deliveries import Deliveries, TellPeople
from server.core.workspaces.events import (
    ChannelLeft,
    ChannelMade,
    WorkspaceEvent,
    WorkspaceLeft,
)
from server.core.workspaces.order import MAX_READS
from server.core.workspaces.standings import Standings
from server.core.workspaces.telling import nobodys
from server.core.workspaces.workspaces import entrant_of

log = logging.getLogger("hushwire.workspaces")

Enter = Callable[[User], Awaitable[Entrant]]


class _Guest(Struct):
    """What a connection has joined.

    Attributes:
        heard: The workspaces of all of that.
    """

    who: Entrant
    workspaces: set[WorkspaceId] = field(default_factory=set)
    rooms: dict[RoomId, WorkspaceId] = field(default_factory=dict)
    heard: set[WorkspaceId] = field(default_factory=set)


class Attendance:
    """A `Watcher` of connections: what they have joined ends with their sign-in.

    Args:
        enter: Who asks, as `Workspaces.enter`.
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
        self._parts = parts
        self._clock = parts.clock
        self._channels = channels
        self._topics = topics
        self._enter = enter
        self._standings = standings
        self._books: list[SignIns] = []
        self._guests: dict[ConnectionId, _Guest] = {}
        self._companies: dict[WorkspaceId, Company] = {}
        self._doubtful: dict[WorkspaceId, None] = {}
        self._unclaimed: dict[ConnectionId, frozenset[WorkspaceId]] = {}
        self._wavering: dict[tuple[WorkspaceId, RoomId, UserId], None] = {}
        self._deliveries = Deliveries(posts, self._clock)
        topics.subscribe(self.deliver, self._lost)

    def subscribe(self, tell: TellPeople) -> None:
        """Have `tell` called with each event and who is to hear of it; it never waits."""
        self._deliveries.subscribe(tell)

    def watch(self, sign_ins: SignIns) -> None:
        """See to the connections of these."""
        self._books.append(sign_ins)
        sign_ins.watch(self)
        sign_ins.on_renewed(self._renewed)

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
        self._check_bound(connection_id, workspace_id)
        async with self._heard(workspace_id, connection_id) as company:
            with company.reading(who.user_id) as reading:
                found = await self._channels.joined(who, workspace_id)
            self._check(user, connection_id, reading)
            guest = self._guest(connection_id, who)
            rooms = reading.settled(found)
            company.join(connection_id, who.user_id)
            company.set_rooms(who.user_id, rooms)
            self._begin(company, workspace_id, found)
            is_new = workspace_id not in guest.workspaces
            guest.workspaces.add(workspace_id)
        if is_new:
            await self._standings.arrive(workspace_id, who.user_id)
        return tuple(sorted(rooms))

    def _begin(
        self, company: Company, workspace_id: WorkspaceId, found: Mapping[RoomId, int]
    ) -> None:
        """Have messages of these conversations told in order, from those on that come next."""
        for room_id in company.rooms() & found.keys():
            self._deliveries.order(company, workspace_id, room_id).begin(found[room_id])

    async def join_conversation(
        self, user: User, connection_id: ConnectionId, room_id: RoomId
    ) -> Place:
        """Have a connection hear of a conversation, and of who reads and types there.

        Raises:
            AppError: NOT_FOUND unless its user is in there; LIMIT_REACHED; UNAVAILABLE; as `enter`.
        """
        who = await self._enter(user)
        self._check_bound(connection_id, room_id)
        workspace_id = (await self._channels.place(who, room_id)).workspace_id
        async with self._heard(workspace_id, connection_id) as company:
            with company.reading(who.user_id) as reading:
                place = await self._channels.place(who, room_id)
            self._check(user, connection_id, reading, room_id)
            guest = self._guest(connection_id, who)
            company.sit_down(connection_id, who.user_id, room_id)
            guest.rooms[room_id] = workspace_id
            self._deliveries.order(company, workspace_id, room_id).begin(place.seq)
        return place

    def leave_conversation(self, connection_id: ConnectionId, room_id: RoomId) -> None:
        """Hear no more of a conversation than whoever has joined its workspace."""
        guest = self._guests.get(connection_id)
        workspace_id = guest.rooms.pop(room_id, None) if guest else None
        if guest and workspace_id:
            self._companies[workspace_id].get_up(connection_id, room_id)
            self._let_go(workspace_id, connection_id, guest)

    def _check_bound(self, connection_id: ConnectionId, wish: WorkspaceId | RoomId) -> None:
        guest = self._guests.get(connection_id)
        if guest is None:
            return
        bounds, is_room = self._parts.bounds, isinstance(wish, RoomId)
        joined: Container[str] = guest.rooms if is_room else guest.workspaces
        count = len(guest.rooms) if is_room else len(guest.workspaces)
        bound = bounds.joined_rooms if is_room else bounds.joined_workspaces
        if wish not in joined and count >= bound:
            raise AppError(Code.LIMIT_REACHED, f"one connection may join {bound}; open one more")

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

    @asynccontextmanager
    async def _heard(
        self, workspace_id: WorkspaceId, connection_id: ConnectionId
    ) -> AsyncIterator[Company]:
        """Hear of a workspace while a connection joins something of it, and then if it has.

        It is heard before the store is read, so that nothing is missed between.
        """
        is_kept = False
        try:
            await self._topics.hear(workspace_id)
            yield self._companies.setdefault(workspace_id, Company())
            guest = self._guests[connection_id]
            is_kept = workspace_id not in guest.heard
            guest.heard.add(workspace_id)
        finally:
            if not is_kept:
                self._topics.unhear(workspace_id)
            self._tidy(workspace_id)

    def _guest(self, connection_id: ConnectionId, who: Entrant) -> _Guest:
        """What a connection has joined, which is about to join something."""
        guest = self._guests.setdefault(connection_id, _Guest(who))
        guest.who = who
        return guest

    def _let_go(
        self, workspace_id: WorkspaceId, connection_id: ConnectionId, guest: _Guest
    ) -> None:
        """Hear of a workspace no more for a connection that has joined nothing of it."""
        is_there = workspace_id in guest.workspaces or workspace_id in guest.rooms.values()
        if not is_there and workspace_id in guest.heard:
            guest.heard.discard(workspace_id)
            self._topics.unhear(workspace_id)
        if not guest.heard:
            self._guests.pop(connection_id, None)
        self._tidy(workspace_id)

    def _tidy(self, workspace_id: WorkspaceId) -> None:
        """Forget what nobody here hears of any more."""
        company = self._companies.get(workspace_id)
        self._deliveries.tidy(workspace_id, company.rooms() if company else set())
        if company and company.is_empty:
            del self._companies[workspace_id]

    # --- as a watcher ---

    async def arrived(self, user: User, connection_id: ConnectionId) -> None:
        """It has joined nothing yet."""

    async def lapsed(self, user_id: UserId, connection_id: ConnectionId) -> None:
        self._forget(connection_id)

    async def departed(
        self, user_id: UserId, connection_id: ConnectionId, *, is_lost: bool
    ) -> None:
        self._forget(connection_id)

    def _forget(self, connection_id: ConnectionId) -> None:
        if guest := self._guests.get(connection_id):
            for workspace_id in tuple(guest.heard):
                self._take_out(workspace_id, connection_id, guest)

    def _take_out(
        self, workspace_id: WorkspaceId, connection_id: ConnectionId, guest: _Guest
    ) -> None:
        """A connection hears of a workspace no more, nor of any of its conversations."""
        company = self._companies[workspace_id]
        for room_id in [one for one, of in guest.rooms.items() if of == workspace_id]:
            del guest.rooms[room_id]
            company.get_up(connection_id, room_id)
        company.leave(connection_id, guest.who.user_id)
        if workspace_id in guest.workspaces:
            guest.workspaces.discard(workspace_id)
            self._standings.leave(workspace_id, guest.who.user_id)
        self._let_go(workspace_id, connection_id, guest)

    def _renewed(self, user: User, connection_id: ConnectionId) -> None:
        """Its token is another, which may no longer name what it has joined."""
        if guest := self._guests.get(connection_id):
            known, guest.who = guest.who, entrant_of(user)
            if gone := known.claimed - guest.who.claimed:
                before = self._unclaimed.get(connection_id, frozenset())
                self._unclaimed[connection_id] = before | gone

    async def _see_all_out(self) -> None:
        while self._unclaimed:
            connection_id, gone = self._unclaimed.popitem()
            try:
                await self._see_out(connection_id, gone)
            except AppError:
                more = self._unclaimed.get(connection_id, frozenset())
                self._unclaimed[connection_id] = more | gone
                raise

    async def _see_out(self, connection_id: ConnectionId, gone: frozenset[WorkspaceId]) -> None:
        """Have a connection hear no more of workspaces in which it was by its token alone."""
        for workspace_id in gone:
            guest = self._guests.get(connection_id)
            if guest is None or workspace_id not in guest.heard:
                continue
            try:
                await self._channels.joined(guest.who, workspace_id)
            except AppError as error:
                if error.code is not Code.NOT_FOUND:
                    raise
                if self._guests.get(connection_id) is guest and workspace_id in guest.heard:
                    self._take_out(workspace_id, connection_id, guest)

    # --- delivering ---

    def deliver(self, event: WorkspaceEvent) -> None:
        """Tell everybody here whom an event concerns; never waits."""
        company = self._companies.get(event.workspace_id)
        if company is None:
            return
        try:
            if isinstance(event, ChannelMade):
                event = self._settled(company, event)
            self._deliveries.deliver(company, event)
            if isinstance(event, ChannelLeft):
                self._left(company, event)
            elif isinstance(event, WorkspaceLeft):
                self._put_out(company, event)
        except Exception:  # of one event, after which there will be others to hear of
            log.exception("internal_error")

    def _settled(self, company: Company, event: ChannelMade) -> ChannelMade:
        """Without those who may have gone since: removed elsewhere, and that was told before."""
        again = self._waver(company, event)
        return structs.replace(event, users=tuple(one for one in event.users if one not in again))

    def _waver(self, company: Company, event: ChannelMade | ChannelLeft) -> tuple[UserId, ...]:
        """Have the store be asked about those who come and go, whatever is told first."""
        again = company.moved(event.room_id, event.users)
        self._wavering |= {(event.workspace_id, event.room_id, one): None for one in again}
        return again

    def _left(self, company: Company, event: ChannelLeft) -> None:
        self._waver(company, event)
        for connection_id in company.left(event.room_id, event.users):
            guest = self._guests[connection_id]
            guest.rooms.pop(event.room_id, None)
            self._let_go(event.workspace_id, connection_id, guest)
        self._tidy(event.workspace_id)

    def _put_out(self, company: Company, event: WorkspaceLeft) -> None:
        for connection_id in company.put_out(event.user_id):
            self._take_out(event.workspace_id, connection_id, self._guests[connection_id])

    # --- in order, and nothing left out ---

    def _lost(self, workspace_id: WorkspaceId | None) -> None:
        some = self._companies if workspace_id is None else (workspace_id,)
        self._doubtful |= dict.fromkeys(some)

    async def expire(self) -> None:
        """Tell what was held back; look again at what may have been lost, and at who may not hear.

        Raises:
            AppError: UNAVAILABLE; it is looked at again.
        """
        self._deliveries.expire(self._companies)
        await self._see_all_out()
        for workspace_id in list(self._doubtful):
            if company := self._companies.get(workspace_id):
                await self._look_again(workspace_id, company)
            self._doubtful.pop(workspace_id, None)
        for one in list(self._wavering):
            del self._wavering[one]  # who moves again from here on is looked up again
            try:
                await self._make_sure(*one)
            except AppError:
                self._wavering[one] = None
                raise

    async def _make_sure(self, workspace_id: WorkspaceId, room_id: RoomId, user_id: UserId) -> None:
        """Tell somebody of a conversation in which it is, as the store has it."""
        company = self._companies.get(workspace_id)
        if company and (connection_id := company.people().get(user_id)):
            await self._settle(workspace_id, company, user_id, connection_id)
            channel = await self._channels.whole(room_id)
            if channel and company.hears(user_id, room_id):
                self._deliveries.deliver(
                    company,
                    ChannelMade(
                        workspace_id=workspace_id,
                        room_id=room_id,
                        users=(user_id,),
                        channel=nobodys(channel),
                    ),
                )
            self._tidy(workspace_id)

    async def _look_again(self, workspace_id: WorkspaceId, company: Company) -> None:
        """Who is in what, as the store has it; then what was said there."""
        people = list(company.people().items())
        for start in range(0, len(people), MAX_READS):
            some = people[start : start + MAX_READS]
            await asyncio.gather(*(self._settle(workspace_id, company, *one) for one in some))
        self._deliveries.doubt(company, workspace_id)
        self._tidy(workspace_id)

    async def _settle(
        self,
        workspace_id: WorkspaceId,
        company: Company,
        user_id: UserId,
        connection_id: ConnectionId,
    ) -> None:
        guest = self._guests.get(connection_id)
        if guest is None:
            return
        with company.reading(user_id) as reading:
            try:
                found = await self._channels.joined(guest.who, workspace_id)
            except AppError as error:
                if error.code is not Code.NOT_FOUND:
                    raise
                self.deliver(WorkspaceLeft(workspace_id=workspace_id, user_id=user_id))
                return
        rooms = reading.settled(found)
        company.set_rooms(user_id, rooms)
        self._begin(company, workspace_id, found)
        for one, room_id in company.strangers(user_id, rooms):
            self.leave_conversation(one, room_id)
