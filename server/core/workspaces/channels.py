"""Conversations of workspaces: made, found and changed, who is in them, and how far they read."""

from msgspec import Struct, structs

from server.core.durable import Role, Status, StatusAdvanced
from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import ConnectionId, DocumentId, MessageId, RoomId, UserId, WorkspaceId, new_id
from server.core.kinds import DURABLE, Kind
from server.core.parts import Parts
from server.core.ports.channels import (
    ChannelStore,
    ListedChannel,
    Made,
    NewChannel,
    Place,
    Position,
    Texts,
)
from server.core.ports.conversations import Place as ListPlace
from server.core.ports.workspaces import Entrant
from server.core.rates import charge, spend
from server.core.workspaces.attempts import under_a_key
from server.core.workspaces.events import PositionMoved, PostTyping
from server.core.workspaces.naming import TEXTS, Naming
from server.core.workspaces.telling import Teller
from server.core.workspaces.values import Channel
from server.core.workspaces.vault import Vault
from server.core.workspaces.workspaces import Workspaces

ATTEMPTS = 3
"""To change that, while others do, too."""


class ChannelWish(Struct, frozen=True, kw_only=True):
    """A conversation as somebody wants it made.

    Attributes:
        is_opaque: Its clients encrypt what is said; else we seal it.
        members: Besides who makes it; of a direct one the other.
    """

    workspace_id: WorkspaceId
    kind: Kind
    is_opaque: bool = False
    name: str = ""
    description: str = ""
    icon: str = ""
    document_id: DocumentId | None = None
    members: tuple[UserId, ...] = ()


class TextChange(Struct, frozen=True, kw_only=True):
    """What a conversation is called from now on; None leaves it."""

    name: str | None = None
    description: str | None = None
    icon: str | None = None


class Channels:
    """Conversations of the workspaces of an installation.

    Args:
        must_be_opaque: None is made in which we could read what is said.
    """

    def __init__(
        self,
        parts: Parts,
        store: ChannelStore,
        workspaces: Workspaces,
        vault: Vault,
        teller: Teller,
        *,
        must_be_opaque: bool = False,
    ) -> None:
        self._parts = parts
        self._store = store
        self._workspaces = workspaces
        self._naming = Naming(parts.bounds, vault)
        self._teller = teller
        self._must_be_opaque = must_be_opaque

    async def create(self, user: User, wish: ChannelWish) -> tuple[Channel, bool]:
        """Make a conversation; that of two, or of a document, once: then come into it.

        Returns:
            It, and whether it is new.

        Raises:
            AppError: See `ChannelStore.create`; also FORBIDDEN where all must be opaque,
                INVALID_REQUEST and RATE_LIMITED.
        """
        who = await self._workspaces.enter(user)
        if self._must_be_opaque and not wish.is_opaque:
            problem = "here all conversations are encrypted end to end; say isEncrypted: true"
            raise AppError(Code.FORBIDDEN, problem)
        self._naming.check(wish.description, wish.icon)
        await self._spend(user, max(1, len(wish.members)))
        made = await under_a_key(lambda: self._create(who, wish))
        if made.is_new:
            await self._tell_new(made.channel)
        elif made.joined:
            room = made.channel.conversation
            await self._teller.changed(room, ("members",), made.joined)
        return self._naming.opened(made.channel), made.is_new

    async def _create(self, who: Entrant, wish: ChannelWish) -> Made:
        return await self._store.create(who, await self._new(wish), self._now_ms())

    async def enter(self, user: User) -> Entrant:
        """Who asks: see `Workspaces.enter`."""
        return await self._workspaces.enter(user)

    async def place(self, user: User, room_id: RoomId) -> Place:
        """What a user may do in a conversation, and under which key it seals.

        Raises:
            AppError: NOT_FOUND unless it is in it, and in its workspace.
        """
        return await self._store.place(await self._workspaces.enter(user), room_id)

    async def get(self, user: User, room_id: RoomId) -> Channel:
        place = await self.place(user, room_id)
        return self._naming.opened(await self._store.get(user.user_id, place.room_id))

    async def page(
        self,
        user: User,
        workspace_id: WorkspaceId | None,
        kind: Kind | None,
        before: ListPlace | None,
        limit: int,
    ) -> tuple[tuple[ListedChannel, ...], bool]:
        """A user's conversations, the most active first, and whether there are more.

        What was said last in each is sealed as its store has it: see `Posts.opened`.
        """
        who = await self._workspaces.enter(user)
        wish = (workspace_id, kind, before, limit, self._now_ms())
        found, has_more = await self._store.page(who, *wish)
        shown = (structs.replace(one, channel=self._naming.opened(one.channel)) for one in found)
        return tuple(shown), has_more

    async def unread(self, user: User, workspace_id: WorkspaceId) -> tuple[tuple[RoomId, int], ...]:
        """In which of them something is unread, and how much."""
        who = await self._workspaces.enter(user)
        return await self._store.unread(who, workspace_id, self._now_ms())

    async def unread_in(self, user: User, room_id: RoomId) -> int:
        """How much is unread in one of them; no more than 1000 are counted."""
        await self.place(user, room_id)
        return await self._store.unread_in(user.user_id, room_id, self._now_ms())

    async def update(self, user: User, room_id: RoomId, change: TextChange) -> Channel:
        """Change what a conversation is called.

        Raises:
            AppError: See `ChannelStore.update`; also INVALID_REQUEST and RATE_LIMITED.
        """
        self._naming.check(change.description or "", change.icon or "")
        await self._spend(user, 1)
        for attempt in range(ATTEMPTS):
            try:
                return await under_a_key(lambda: self._update(user, room_id, change))
            except AppError as error:
                if error.code is not Code.ID_CONFLICT or attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError

    async def _update(self, user: User, room_id: RoomId, change: TextChange) -> Channel:
        place = await self.place(user, room_id)
        before = await self._store.get(user.user_id, place.room_id)
        was = self._naming.texts_of(before)
        now = {one: getattr(change, one) or "" for one in TEXTS if getattr(change, one) is not None}
        texts = {**was, **now}
        known = before.conversation
        old = Texts(
            name=known.name,
            description=known.description,
            icon=known.icon,
            key_version=known.key_version,
        )
        changed = tuple(one for one in TEXTS if texts[one] != was[one])
        new = old  # as it is sealed: else it would be another one each time
        if changed:
            new = self._naming.sealed(place.key, place.workspace_id, place.room_id, texts)
        done = await self._store.update(user.user_id, place.room_id, new, old, self._now_ms())
        if changed:
            await self._teller.changed(done.conversation, changed)
        return self._naming.opened(done)

    async def delete(self, user: User, room_id: RoomId) -> int:
        """End a conversation, with all that was said there. Returns when.

        Raises:
            AppError: See `ChannelStore.delete`; also RATE_LIMITED.
        """
        await self.place(user, room_id)
        await self._spend(user, 1)
        now_ms = self._now_ms()
        ended = await self._store.delete(user.user_id, room_id, now_ms)
        await self._teller.left(
            room_id,
            ended.workspace_id,
            ended.users,
            now_ms,
            is_sealed=ended.is_sealed,
            is_ended=True,
        )
        return now_ms

    # --- who is in it ---

    async def add_member(
        self, user: User, room_id: RoomId, member: UserId, role: Role | None
    ) -> Channel:
        """Have somebody in a conversation, in a role; oneself in that of a document.

        Raises:
            AppError: See `ChannelStore.add_member`; also RATE_LIMITED.
        """
        who = await self._workspaces.enter(user)
        if member != user.user_id:
            await self._store.place(who, room_id)
        await self._spend(user, 1)
        done = await self._store.add_member(who, room_id, member, role, self._now_ms())
        if done.changed:
            await self._teller.changed(done.channel.conversation, done.changed, done.joined)
        return self._naming.opened(done.channel)

    async def set_role(self, user: User, room_id: RoomId, member: UserId, role: Role) -> Channel:
        """Change the role of a member.

        Raises:
            AppError: See `ChannelStore.set_role`; also RATE_LIMITED.
        """
        await self.place(user, room_id)
        await self._spend(user, 1)
        done = await self._store.set_role(user.user_id, room_id, member, role, self._now_ms())
        if done.changed:
            await self._teller.changed(done.channel.conversation, done.changed)
        return self._naming.opened(done.channel)

    async def remove_member(self, user: User, room_id: RoomId, member: UserId) -> None:
        """Take somebody out of a conversation, or leave it.

        Raises:
            AppError: See `ChannelStore.remove_member`; also RATE_LIMITED.
        """
        await self.place(user, room_id)
        await self._spend(user, 1)
        now_ms = self._now_ms()
        left = await self._store.remove_member(user.user_id, room_id, member, now_ms)
        users = (member,)
        sealed = left.is_sealed
        await self._teller.left(room_id, left.workspace_id, users, now_ms, is_sealed=sealed)
        if left.conversation:
            await self._teller.changed(left.conversation, ("members",))

    # --- what goes on there ---

    async def read(
        self,
        user: User,
        room_id: RoomId,
        message_id: MessageId | None,
        connection_id: ConnectionId | None = None,
    ) -> Position:
        """Note that a user has read a conversation up to a message, or all of it.

        Raises:
            AppError: NOT_FOUND.
        """
        await self.place(user, room_id)
        now_ms = self._now_ms()
        position = await self._store.read(user.user_id, room_id, message_id, now_ms)
        if position.has_moved:
            await self._tell_read(user.user_id, position, message_id, connection_id)
        return position

    async def _tell_read(
        self,
        user_id: UserId,
        position: Position,
        message_id: MessageId | None,
        skip: ConnectionId | None,
    ) -> None:
        at_ms = position.read_ms or 0
        await self._teller.tell(
            PositionMoved(
                workspace_id=position.workspace_id,
                room_id=position.room_id,
                skip=skip,
                user_id=user_id,
                seq=position.seq,
                message_id=message_id,
                at_ms=at_ms,
            )
        )
        if position.newest:
            read_id, seq, sender = position.newest
            await self._teller.notify(
                StatusAdvanced(
                    users=(sender, user_id),
                    room_id=position.room_id,
                    seq=seq,
                    message_id=read_id,
                    sender=sender,
                    user_id=user_id,
                    status=Status.READ,
                    at_ms=at_ms,
                )
            )

    async def tell_typing(self, user: User, room_id: RoomId, *, is_typing: bool) -> None:
        """Tell who is there that the user is typing, or no longer.

        Raises:
            AppError: NOT_FOUND, RATE_LIMITED.
        """
        rate, limiter = self._parts.rates.typing, self._parts.limiter
        await spend(limiter, "typing", user.user_id, rate, self._now_ms())
        place = await self.place(user, room_id)
        await self._teller.tell(
            PostTyping(
                workspace_id=place.workspace_id,
                room_id=room_id,
                user_id=user.user_id,
                is_typing=is_typing,
            )
        )

    def opened(self, channel: Channel) -> Channel:
        """See `Naming.opened`."""
        return self._naming.opened(channel)

    # --- parts ---

    async def _new(self, wish: ChannelWish) -> NewChannel:
        room_id = RoomId(new_id())
        key = None if wish.is_opaque else await self._workspaces.key(wish.workspace_id)
        is_named = DURABLE[wish.kind].is_managed
        texts = {one: getattr(wish, one) if is_named else "" for one in TEXTS}
        return NewChannel(
            room_id=room_id,
            workspace_id=wish.workspace_id,
            kind=wish.kind,
            document_id=wish.document_id,
            members=wish.members,
            **structs.asdict(self._naming.sealed(key, wish.workspace_id, room_id, texts)),
        )

    async def _tell_new(self, channel: Channel) -> None:
        room = channel.conversation
        users = tuple(one.user_id for one in room.participants)
        if DURABLE[room.kind].is_managed:
            await self._teller.changed(room, (), users)
        else:  # secure chat shows it from its first message on
            await self._teller.made(channel, users)

    async def _spend(self, user: User, times: int) -> None:
        rate, limiter = self._parts.rates.converse, self._parts.limiter
        await spend(limiter, "converse", user.user_id, rate, self._now_ms())
        if times > 1:
            key = ("converse", user.user_id)
            await charge(limiter, key, rate, times - 1, self._now_ms())

    def _now_ms(self) -> int:
        return self._parts.clock.now_ms()
