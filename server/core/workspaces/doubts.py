"""What is looked at again in the store, since what was told of it may be wrong or not all."""

import asyncio

from msgspec import structs

from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import ConnectionId, RoomId, UserId, WorkspaceId
from server.core.ports.channels import ChannelStore
from server.core.workspaces.company import Company
from server.core.workspaces.deliveries import Deliveries
from server.core.workspaces.events import ChannelLeft, ChannelMade, WorkspaceLeft
from server.core.workspaces.gathering import Gathering
from server.core.workspaces.order import MAX_READS
from server.core.workspaces.telling import nobodys
from server.core.workspaces.workspaces import entrant_of


class Doubts:
    """Three things may be otherwise than was told: all of a workspace, after something was lost on
    the way; whether somebody is in a conversation, who came and went; and what a connection may
    hear, whose token names less than before.
    """

    def __init__(
        self, channels: ChannelStore, gathering: Gathering, deliveries: Deliveries
    ) -> None:
        self._channels = channels
        self._gathering = gathering
        self._deliveries = deliveries
        self._lost: dict[WorkspaceId, None] = {}
        self._wavering: dict[tuple[WorkspaceId, RoomId, UserId], None] = {}
        self._unclaimed: dict[ConnectionId, frozenset[WorkspaceId]] = {}

    # --- what raises them ---

    def lost(self, workspace_id: WorkspaceId | None) -> None:
        """Something that was told of a workspace may not have come; None: of any."""
        some = self._gathering.companies if workspace_id is None else (workspace_id,)
        self._lost |= dict.fromkeys(some)

    def settled(self, company: Company, event: ChannelMade) -> ChannelMade:
        """Without those who may have gone since: removed elsewhere, and that was told before."""
        again = self.waver(company, event)
        return structs.replace(event, users=tuple(one for one in event.users if one not in again))

    def waver(self, company: Company, event: ChannelMade | ChannelLeft) -> tuple[UserId, ...]:
        """Have the store be asked about those who come and go, whatever is told first.

        Returns:
            Them.
        """
        again = company.moved(event.room_id, event.users)
        self._wavering |= {(event.workspace_id, event.room_id, one): None for one in again}
        return again

    def renewed(self, user: User, connection_id: ConnectionId) -> None:
        """Its token is another, which may no longer name what it has joined."""
        if guest := self._gathering.guests.get(connection_id):
            known, guest.who = guest.who, entrant_of(user)
            if gone := known.claimed - guest.who.claimed:
                before = self._unclaimed.get(connection_id, frozenset())
                self._unclaimed[connection_id] = before | gone

    # --- what settles them ---

    async def expire(self) -> None:
        """Look at all of it.

        Raises:
            AppError: UNAVAILABLE; what was not looked at is so the next time.
        """
        await self._see_all_out()
        for workspace_id in list(self._lost):
            if company := self._gathering.companies.get(workspace_id):
                await self._look_again(workspace_id, company)
            self._lost.pop(workspace_id, None)
        for one in list(self._wavering):
            del self._wavering[one]  # who moves again from here on is looked up again
            try:
                await self._make_sure(*one)
            except AppError:
                self._wavering[one] = None
                raise

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
        guests = self._gathering.guests
        for workspace_id in gone:
            guest = guests.get(connection_id)
            if guest is None or workspace_id not in guest.heard:
                continue
            try:
                await self._channels.joined(guest.who, workspace_id)
            except AppError as error:
                if error.code is not Code.NOT_FOUND:
                    raise
                if guests.get(connection_id) is guest and workspace_id in guest.heard:
                    self._gathering.take_out(workspace_id, connection_id)

    async def _look_again(self, workspace_id: WorkspaceId, company: Company) -> None:
        """Who is in what, as the store has it; then what was said there."""
        people = list(company.people().items())
        for start in range(0, len(people), MAX_READS):
            some = people[start : start + MAX_READS]
            await asyncio.gather(*(self._settle(workspace_id, company, *one) for one in some))
        self._deliveries.doubt(company, workspace_id)
        self._gathering.tidy(workspace_id)

    async def _make_sure(self, workspace_id: WorkspaceId, room_id: RoomId, user_id: UserId) -> None:
        """Tell somebody of a conversation in which it is, as the store has it."""
        company = self._gathering.companies.get(workspace_id)
        connection_id = company.people().get(user_id) if company else None
        if company is None or connection_id is None:
            return
        await self._settle(workspace_id, company, user_id, connection_id)
        channel = await self._channels.whole(room_id)
        if channel and company.hears(user_id, room_id):
            made = ChannelMade(
                workspace_id=workspace_id,
                room_id=room_id,
                users=(user_id,),
                channel=nobodys(channel),
            )
            self._deliveries.deliver(company, made)
        self._gathering.tidy(workspace_id)

    async def _settle(
        self,
        workspace_id: WorkspaceId,
        company: Company,
        user_id: UserId,
        connection_id: ConnectionId,
    ) -> None:
        """What somebody is in, as the store has it."""
        guest = self._gathering.guests.get(connection_id)
        if guest is None:
            return
        with company.reading(user_id) as reading:
            try:
                found = await self._channels.joined(guest.who, workspace_id)
            except AppError as error:
                if error.code is not Code.NOT_FOUND:
                    raise
                left = WorkspaceLeft(workspace_id=workspace_id, user_id=user_id)
                self._deliveries.deliver(company, left)
                self._gathering.put_out(company, left)
                return
        rooms = reading.settled(found)
        gone = [one for one in company.rooms_of(user_id) if one not in rooms]
        self._deliveries.tell_out(company, workspace_id, user_id, gone)
        company.set_rooms(user_id, rooms)
        self._gathering.begin(company, workspace_id, found)
        for one, room_id in company.strangers(user_id, rooms):
            self._gathering.get_up(one, room_id)
