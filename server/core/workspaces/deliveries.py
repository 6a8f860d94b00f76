"""Who hears of what in a workspace, when, and in which order."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from server.core.clock import Clock
from server.core.errors import AppError
from server.core.ids import ConnectionId, RoomId, UserId, WorkspaceId
from server.core.ports.posts import PostStore
from server.core.workspaces.changes import Change, Changes, Doubt, seq_of
from server.core.workspaces.company import Company
from server.core.workspaces.events import (
    ChannelChanged,
    ChannelEvent,
    ChannelLeft,
    ChannelMade,
    PositionMoved,
    PostDeleted,
    PostEdited,
    PostReacted,
    PostStored,
    PostTyping,
    StandingChanged,
    WorkspaceEvent,
    WorkspaceLeft,
)
from server.core.workspaces.order import MAX_READS, Order
from server.core.workspaces.pace import Pace

TellPeople = Callable[[WorkspaceEvent, Sequence[ConnectionId]], None]
"""Takes an event and the connections that are to hear of it; never waits."""


class PostsMissed(ChannelEvent, frozen=True, kw_only=True):
    """More was missed of a conversation than can be told; its messages are to be read again."""


class Deliveries:
    """Tells events to those of a company whom they concern.

    Messages of a conversation come in their order, with those that were lost on the way; changes of
    one come after it, and none after a newer one.
    """

    def __init__(self, posts: PostStore, clock: Clock) -> None:
        self._posts = posts
        self._clock = clock
        self._orders: dict[WorkspaceId, dict[RoomId, Order]] = {}
        self._reads = asyncio.Semaphore(MAX_READS)
        self._pace = Pace()
        self._changes = Changes()
        self._tell: TellPeople = lambda event, connections: None
        self._ways: Mapping[type[WorkspaceEvent], Callable[[Company, Any], None]] = {
            PostStored: self._stored,
            PostEdited: self._changed_post,
            PostReacted: self._changed_post,
            PostDeleted: self._changed_post,
            PositionMoved: self._moved,
            PostTyping: self._typed,
            ChannelMade: self._made,
            ChannelChanged: self._changed,
            ChannelLeft: self._left,
            StandingChanged: self._to_all,
            WorkspaceLeft: self._put_out,
        }
        self._late: Mapping[type[WorkspaceEvent], Callable[[Company, Any], None]] = {
            PositionMoved: self._tell_position,
            ChannelChanged: self._tell_change,
            PostTyping: self._tell_typing,
        }

    def subscribe(self, tell: TellPeople) -> None:
        self._tell = tell

    def deliver(self, company: Company, event: WorkspaceEvent) -> None:
        """Tell whom it concerns. Who has left is still in the company then."""
        way: Callable[[Company, Any], None] = self._ways.get(type(event), self._to_audience)
        way(company, event)

    def expire(self, companies: Mapping[WorkspaceId, Company]) -> None:
        """Tell what was held back."""
        for event in self._pace.due(self._clock.now_ms()):
            if company := companies.get(event.workspace_id):
                self._late[type(event)](company, event)

    async def look_again(self, companies: Mapping[WorkspaceId, Company]) -> None:
        """Tell how messages stand that were changed at about the same time."""
        due = self._changes.due(self._clock.now_ms())
        heard = [(companies[one.workspace_id], one) for one in due if one.workspace_id in companies]
        await asyncio.gather(*(self._follow(*one) for one in heard))

    # --- to whom ---

    def _stored(self, company: Company, event: PostStored) -> None:
        if company.audience(event.room_id):
            self.order(company, event.workspace_id, event.room_id).take(event)
        self._stop_typing(company, event.room_id, event.post.message.sender)

    def _tell_stored(self, company: Company, event: PostStored) -> None:
        for one in self._changes.first(event, self._clock.now_ms()):
            self._to_audience(company, one)

    def _changed_post(self, company: Company, event: Change) -> None:
        audience, now_ms = company.audience(event.room_id), self._clock.now_ms()
        if not audience:
            return
        if self.order(company, event.workspace_id, event.room_id).awaits(seq_of(event)):
            self._changes.hold(event, now_ms)
        elif self._changes.is_news(event, now_ms):
            self._tell_some(event, audience)

    async def _follow(self, company: Company, doubt: Doubt) -> None:
        room_id, seq = doubt.place
        if not company.audience(room_id):
            return
        try:
            async with self._reads:
                posts = await self._posts.told_after(room_id, seq - 1, 1)
        except AppError:
            self._changes.again(doubt, self._clock.now_ms())
            return
        for post in posts:
            if post.message.seq == seq:
                news = self._changes.found(doubt, post, self._clock.now_ms())
                if news:
                    self._to_audience(company, news)

    def _to_audience(self, company: Company, event: ChannelEvent) -> None:
        self._tell_some(event, company.audience(event.room_id))

    def _moved(self, company: Company, event: PositionMoved) -> None:
        hearers = len(company.present(event.room_id))
        if self._pace.position(event, hearers, self._clock.now_ms()):
            self._tell_position(company, event)

    def _tell_position(self, company: Company, event: PositionMoved) -> None:
        """To those who are present, and to the reader wherever its count is shown."""
        audience = company.audience(event.room_id)
        own = {one: who for one, who in audience.items() if who == event.user_id}
        self._tell_some(event, {**company.present(event.room_id), **own})

    def _typed(self, company: Company, event: PostTyping) -> None:
        if self._pace.typing(event, self._clock.now_ms()):
            self._tell_typing(company, event)

    def _stop_typing(self, company: Company, room_id: RoomId, user_id: UserId) -> None:
        """Somebody types no more: has said something, or is not there any longer."""
        if stopped := self._pace.stopped(room_id, user_id):
            self._tell_typing(company, stopped)

    def _tell_typing(self, company: Company, event: PostTyping) -> None:
        present = company.present(event.room_id).items()
        self._tell_some(event, {one: who for one, who in present if who != event.user_id})

    def _made(self, company: Company, event: ChannelMade) -> None:
        company.made(event.room_id, event.users)
        if company.audience(event.room_id):
            order = self.order(company, event.workspace_id, event.room_id)
            order.begin(event.channel.conversation.seq)
        self._tell_these(event, company.of_users(event.users))

    def _changed(self, company: Company, event: ChannelChanged) -> None:
        if self._pace.change(event, self._clock.now_ms()):
            self._tell_change(company, event)

    def _tell_change(self, company: Company, event: ChannelChanged) -> None:
        audience = company.audience(event.room_id).items()
        self._tell_some(event, {one: who for one, who in audience if who not in event.joined})

    def _left(self, company: Company, event: ChannelLeft) -> None:
        audience = company.audience(event.room_id)
        self._tell_some(event, {one: who for one, who in audience.items() if who in event.users})
        for user_id in () if event.is_ended else event.users:
            self._stop_typing(company, event.room_id, user_id)

    def _put_out(self, company: Company, event: WorkspaceLeft) -> None:
        """The others are told of each conversation by itself."""
        rooms = company.rooms_of(event.user_id)
        self.tell_out(company, event.workspace_id, event.user_id, rooms)

    def tell_out(
        self,
        company: Company,
        workspace_id: WorkspaceId,
        user_id: UserId,
        rooms: Iterable[RoomId],
    ) -> None:
        """Tell somebody that it is in these conversations no more."""
        for room_id in rooms:
            left = ChannelLeft(
                workspace_id=workspace_id,
                room_id=room_id,
                users=(user_id,),
                at_ms=self._clock.now_ms(),
            )
            self._left(company, left)

    def _to_all(self, company: Company, event: WorkspaceEvent) -> None:
        self._tell_these(event, company.everybody())

    def _tell_some(self, event: ChannelEvent, found: Mapping[ConnectionId, UserId]) -> None:
        some = found if event.only is None else [o for o, who in found.items() if who == event.only]
        self._tell_these(event, some)

    def _tell_these(self, event: WorkspaceEvent, found: Iterable[ConnectionId]) -> None:
        if some := [one for one in found if one != event.skip]:
            self._tell(event, some)

    # --- in order, and nothing left out ---

    def order(self, company: Company, workspace_id: WorkspaceId, room_id: RoomId) -> Order:
        """That of a conversation that somebody of the company hears of."""
        orders = self._orders.setdefault(workspace_id, {})
        if room_id not in orders:
            missed = PostsMissed(workspace_id=workspace_id, room_id=room_id)
            orders[room_id] = Order(
                workspace_id,
                room_id,
                read=self._posts.told_after,
                tell=lambda event: self._tell_stored(company, event),
                give_up=lambda: self._to_audience(company, missed),
                reads=self._reads,
            )
        return orders[room_id]

    def doubt(self, company: Company, workspace_id: WorkspaceId) -> None:
        """Something may have been lost in all conversations."""
        for room_id in company.rooms():
            self.order(company, workspace_id, room_id).doubt()

    def tidy(self, workspace_id: WorkspaceId, rooms: set[RoomId]) -> None:
        """Forget the conversations of a workspace but these."""
        orders = self._orders.get(workspace_id, {})
        for room_id in [one for one in orders if one not in rooms]:
            orders.pop(room_id).close()
        if not orders:
            self._orders.pop(workspace_id, None)
