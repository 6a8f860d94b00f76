"""What a connection that returns after a drop is to be told of one room."""

from collections.abc import Iterator

from server.core.events import (
    ConnectionDetached,
    Member,
    MemberJoined,
    MemberLeft,
    MembersChanged,
    MessageSent,
    RoomEvent,
)
from server.core.ids import ConnectionId, RoomId, UserId
from server.core.ports import Missed
from server.transports.socketio.offsets import Point


class Backlog:
    """From a place in the room's log to what all hear there.

    Args:
        start: How far the connection has been told.
        missed: What is known to have come after that.

    Attributes:
        attached_place: Of the room when the connection was attached again.
        members: To be told then, in the place of all lists before; None if it has these.
    """

    __slots__ = ("_missed", "attached_place", "members", "room_id", "start")

    def __init__(self, room_id: RoomId, start: Point, missed: Missed | None = None) -> None:
        self.room_id = room_id
        self.start = start
        self._missed = missed
        self.attached_place = 0
        self.members: tuple[Member, ...] | None = None

    @property
    def known_place(self) -> int:
        """Up to where it is known what was missed."""
        return self._missed.place if self._missed else self.start.place

    def extend(self, missed: Missed) -> None:
        """Note what came after that."""
        before = self._missed.events if self._missed else ()
        self._missed = Missed((*before, *missed.events), missed.place)

    def is_of_one(self, user_id: UserId, connection_id: ConnectionId) -> bool:
        """Whether nobody else was there under that user id meanwhile, of whom things are told."""
        events = self._missed.events if self._missed else ()
        return not any(
            isinstance(one.event, MemberJoined)
            and one.event.user_id == user_id
            and one.event.skip != connection_id
            for one in events
        )

    def last_said(self, user_id: UserId, connection_id: ConnectionId) -> MessageSent | None:
        """The last message of the connection (of a group, of its user) that it has no word of."""
        said = [
            one.event
            for one in (self._missed.events if self._missed else ())
            if isinstance(one.event, MessageSent)
            and one.event.sender == user_id
            and one.event.skip in (connection_id, None)
        ]
        return said[-1] if said else None

    def take(self) -> Missed | None:
        """What is known already, once."""
        missed, self._missed = self._missed, None
        return missed

    def events(
        self, missed: Missed, connection_id: ConnectionId, user_id: UserId
    ) -> Iterator[tuple[RoomEvent, int]]:
        """What is to be told of it, with the place at which the connection then is."""
        for one in missed.events:
            if self.members is not None and one.place > self.attached_place:
                yield from ((event, one.place - 1) for event in self.rest())
            if self._concerns(one.event, one.place, connection_id, user_id):
                yield one.event, one.place

    def rest(self) -> Iterator[RoomEvent]:
        """The list of members, if it was not told yet."""
        members, self.members = self.members, None
        if members is not None:
            yield MembersChanged(room_id=self.room_id, members=members)

    def _concerns(
        self, event: RoomEvent, place: int, connection_id: ConnectionId, user_id: UserId
    ) -> bool:
        if event.skip == connection_id:
            return False
        match event:
            case ConnectionDetached():
                return event.connection_id == connection_id
            case MemberJoined() | MemberLeft():
                return event.user_id != user_id
            case MembersChanged():
                return self.members is None or place > self.attached_place
        return True
