"""A workspace that people have joined, on real stores, and what each of their connections hears."""

from collections.abc import Sequence

from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import ConnectionId, MessageId, RoomId, UserId
from server.core.ports.topics import DeliverOfWorkspace, LostOfWorkspace
from server.core.signins import SignIns
from server.core.workspaces.attendance import Attendance
from server.core.workspaces.events import (
    ChannelChanged,
    ChannelLeft,
    ChannelMade,
    PositionMoved,
    PostStored,
    PostTyping,
    StandingChanged,
    WorkspaceEvent,
    WorkspaceLeft,
)
from server.core.workspaces.standings import Standings
from server.core.workspaces.values import Post
from server.stores.memory.presences import MemoryPresences
from server.stores.memory.topics import LocalTopics
from server.stores.sql.workspaces.channels import SqlChannels
from server.stores.sql.workspaces.posts import SqlPosts
from tests.core.visitors import Core
from tests.stores.sql.channels import Atelier
from tests.stores.sql.teams import asks

GRACE_MS = 3_000


class Leaky(LocalTopics):
    """Topics whose events a test may lose.

    Attributes:
        loses: Events are lost while it is set.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loses = False
        self.lost: LostOfWorkspace = lambda workspace_id: None

    async def publish(self, event: WorkspaceEvent) -> None:
        if not self.loses:
            await super().publish(event)

    def subscribe(self, deliver: DeliverOfWorkspace, on_lost: LostOfWorkspace) -> None:
        super().subscribe(deliver, on_lost)
        self.lost = on_lost


class Moody(SqlPosts):
    """Messages that cannot be had while `is_away`."""

    is_away = False
    reads = 0

    async def told_after(self, room_id: RoomId, seq: int, limit: int) -> Sequence[Post]:
        self.reads += 1
        if self.is_away:
            raise AppError(Code.UNAVAILABLE, "away")
        return await super().told_after(room_id, seq, limit)


class Hall:
    """People of one process; each connection is called by a name of its own.

    Attributes:
        heard: What was told, and to which connections, in order.
    """

    def __init__(self, core: Core, atelier: Atelier) -> None:
        self.clock = core.clock
        self.atelier = atelier
        self.id = atelier.team.id
        self.topics = Leaky()
        self.book = SignIns(core.clock)
        database, bounds = atelier.home.database, core.parts.bounds
        self.posts = Moody(database, bounds)
        self.channels = SqlChannels(database, bounds)
        enter, members = core.workspaces.enter, atelier.team.store
        self.standings = Standings(
            core.parts, members, MemoryPresences(), self.topics, enter, GRACE_MS
        )
        self.attendance = Attendance(
            core.parts, self.channels, self.posts, self.topics, enter, self.standings
        )
        self.attendance.watch(self.book)
        self.heard: list[tuple[WorkspaceEvent, set[str]]] = []
        self.attendance.subscribe(lambda event, some: self.heard.append((event, _once(some))))

    # --- people ---

    async def come(self, name: str, connection: str) -> None:
        await self.book.renew(user(name), ConnectionId(connection))

    async def go(self, connection: str) -> None:
        await self.book.depart(ConnectionId(connection), is_lost=True)

    async def join(self, name: str, connection: str = "") -> tuple[RoomId, ...]:
        """Come, and join the workspace."""
        await self.come(name, connection or name)
        return await self.attendance.join_workspace(
            user(name), ConnectionId(connection or name), self.id
        )

    async def sit_down(self, name: str, room: RoomId, connection: str = "") -> int:
        """Come, and join a conversation; up to which message one has then counted."""
        await self.come(name, connection or name)
        place = await self.attendance.join_conversation(
            user(name), ConnectionId(connection or name), room
        )
        return place.seq

    # --- what happens ---

    async def say(self, name: str, room: RoomId, text: str, skip: str = "") -> PostStored:
        """Send a message, of which all are told."""
        event = await self.store(name, room, text, skip)
        await self.topics.publish(event)
        return event

    async def store(self, name: str, room: RoomId, text: str, skip: str = "") -> PostStored:
        stored = await self.atelier.say(name, room, text)
        assert stored.post
        readers = stored.readers
        return PostStored(
            workspace_id=self.id,
            room_id=room,
            post=stored.post,
            only=readers[0] if len(readers) == 1 else None,
            skip=ConnectionId(skip) if skip else None,
        )

    async def make(self, by: str, *members: str) -> RoomId:
        """Make a conversation, of which its members are told."""
        made = await self.atelier.make(by, *members)
        conversation = made.channel.conversation
        users = tuple(one.user_id for one in conversation.participants)
        await self.topics.publish(
            ChannelMade(
                workspace_id=self.id,
                room_id=conversation.room_id,
                users=users,
                channel=made.channel,
            )
        )
        return conversation.room_id

    async def add(self, name: str, room: RoomId) -> ChannelMade:
        """Add somebody to a conversation, of which nobody is told yet."""
        who, user_id = asks("alice"), UserId(name)
        added = await self.channels.add_member(who, room, user_id, None, 1)
        return ChannelMade(
            workspace_id=self.id, room_id=room, users=(user_id,), channel=added.channel
        )

    async def remove(self, name: str, room: RoomId, by: str = "alice") -> None:
        """Take somebody out of a conversation, of which it is told."""
        await self.channels.remove_member(UserId(by), room, UserId(name), 1)
        await self.topics.publish(
            ChannelLeft(workspace_id=self.id, room_id=room, users=(UserId(name),), at_ms=1)
        )

    async def put_out(self, name: str) -> None:
        """Take somebody out of the workspace."""
        await self.atelier.team.store.remove_member(asks("alice"), self.id, UserId(name), 1)
        await self.topics.publish(WorkspaceLeft(workspace_id=self.id, user_id=UserId(name)))

    async def type(self, name: str, room: RoomId, *, is_typing: bool = True) -> None:
        """Tell that somebody is typing, or no longer."""
        await self.topics.publish(
            PostTyping(
                workspace_id=self.id, room_id=room, user_id=UserId(name), is_typing=is_typing
            )
        )

    async def read(self, name: str, room: RoomId, seq: int) -> None:
        """Tell that somebody has read up to there."""
        await self.topics.publish(
            PositionMoved(
                workspace_id=self.id,
                room_id=room,
                user_id=UserId(name),
                seq=seq,
                message_id=None,
                at_ms=1,
            )
        )

    async def later(self, ms: int) -> None:
        self.clock.advance(ms=ms)
        await self.attendance.expire()
        await self.standings.expire()

    # --- what was heard ---

    def texts(self, connection: str) -> list[MessageId]:
        """The messages that a connection was told, by their ids."""
        return [
            event.post.message.message_id
            for event, some in self.heard
            if isinstance(event, PostStored) and connection in some
        ]

    def kinds(self, connection: str) -> list[str]:
        """Of all that it was told but of how people stand."""
        told = [event for event, some in self.heard if connection in some]
        return [type(one).__name__ for one in told if not isinstance(one, StandingChanged)]

    def stands(self, connection: str) -> list[tuple[str, str]]:
        """How people stand, as it was told."""
        return [
            (str(event.user_id), event.standing.value)
            for event, some in self.heard
            if isinstance(event, StandingChanged) and connection in some
        ]

    def typing(self) -> list[tuple[bool, set[str]]]:
        found = [one for one in self.heard if isinstance(one[0], PostTyping)]
        return [(event.is_typing, some) for event, some in found if isinstance(event, PostTyping)]

    def positions(self) -> list[tuple[int, set[str]]]:
        return [(one.seq, some) for one, some in self.heard if isinstance(one, PositionMoved)]

    def changes(self) -> list[tuple[tuple[str, ...], int]]:
        """What was told to have changed of conversations, and how many members these have."""
        found = [one for one, _ in self.heard if isinstance(one, ChannelChanged)]
        return [(one.changed, len(one.channel.conversation.participants)) for one in found]

    @property
    def is_empty(self) -> bool:
        """Nothing is left of whoever was here."""
        attendance, orders = self.attendance, self.attendance._deliveries._orders
        return not (
            attendance.gathering.guests
            or attendance.gathering.companies
            or orders
            or self.topics._heard
        )


def user(name: str) -> User:
    """Somebody with an account."""
    return User(user_id=UserId(name), login=name, expires_ms=None, family_id="a sign-in")


def _once(some: Sequence[ConnectionId]) -> set[str]:
    assert len(set(some)) == len(some), "nobody hears anything twice"
    return set(some)
