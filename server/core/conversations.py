"""Durable rooms: made, found, changed and ended, and who is in them."""

import logging

from server.core.durable import (
    Conversation,
    MemberTyping,
    Role,
)
from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import RoomId, UserId, new_id
from server.core.kinds import DURABLE
from server.core.parts import Parts
from server.core.ports.conversations import (
    ConversationStore,
    ListPage,
    NewRoom,
    Place,
    RoomChange,
)
from server.core.rates import charge, spend
from server.core.workspaces.telling import Teller

log = logging.getLogger("hushwire.conversations")

MAX_ACQUAINTANCES = 1_000

MAX_TOLD_ROOMS = 2_000
"""Of somebody who has gone, in which the others are told."""


class Conversations:
    """Durable rooms of an installation."""

    def __init__(self, parts: Parts, store: ConversationStore, teller: Teller) -> None:
        self._parts = parts
        self._store = store
        self._teller = teller

    async def create(
        self,
        user: User,
        name: str,
        description: str,
        members: tuple[UserId, ...],
        ttl_ms: int | None,
    ) -> Conversation:
        """Make a room with roles, which the user owns.

        Raises:
            AppError: See `ConversationStore.create`; also RATE_LIMITED.
        """
        self._check_text(description)
        await self._spend(user, max(1, len(members)))
        new = NewRoom(
            room_id=RoomId(new_id()),
            creator=user.user_id,
            name=name,
            description=description,
            ttl_ms=ttl_ms,
            members=members,
        )
        made = await self._store.create(new, self._now_ms())
        await self._teller.changed(made, ())
        return made

    async def get(self, user: User, room_id: RoomId) -> Conversation:
        return await self._store.get(user.user_id, room_id)

    async def get_managed(self, user: User, room_id: RoomId) -> Conversation:
        """The same of a room with roles: a direct one is none."""
        found = await self._store.get(user.user_id, room_id)
        if not DURABLE[found.kind].is_managed:
            raise AppError(Code.NOT_FOUND, "there is no such group for you")
        return found

    async def page(
        self, user: User, before: Place | None, limit: int, *, managed: bool
    ) -> ListPage:
        """The user's rooms, the most active first; with `managed` only those with roles."""
        return await self._store.page(user.user_id, before, limit, self._now_ms(), managed=managed)

    async def update(self, user: User, room_id: RoomId, change: RoomChange) -> Conversation:
        """Change what a room is called, or how long its messages are kept.

        Raises:
            AppError: See `ConversationStore.update`.
        """
        self._check_text(change.description or "")
        changed = await self._store.update(user.user_id, room_id, change, self._now_ms())
        if changed.is_changed:
            await self._teller.changed(changed.conversation, ("name", "description"))
        return changed.conversation

    async def delete(self, user: User, room_id: RoomId) -> None:
        """End a room, with all that was said there.

        Raises:
            AppError: See `ConversationStore.delete`; also RATE_LIMITED.
        """
        await self._spend(user, 1)
        now_ms = self._now_ms()
        ended = await self._store.delete(user.user_id, room_id, now_ms)
        await self._teller.left(room_id, ended.workspace_id, ended.users, now_ms, is_ended=True)

    async def add_member(
        self, user: User, room_id: RoomId, member: UserId, role: Role | None
    ) -> Conversation:
        """Have somebody in a room, in a role.

        Raises:
            AppError: See `ConversationStore.add_member`; also RATE_LIMITED.
        """
        await self._spend(user, 1)
        changed = await self._store.add_member(user.user_id, room_id, member, role, self._now_ms())
        if changed.is_changed:
            joined = (member,) if changed.has_joined else ()
            await self._teller.changed(changed.conversation, ("members",), joined)
        return changed.conversation

    async def remove_member(self, user: User, room_id: RoomId, member: UserId) -> None:
        """Take somebody out of a room, or leave it.

        Raises:
            AppError: See `ConversationStore.remove_member`; also RATE_LIMITED.
        """
        await self._spend(user, 1)
        now_ms = self._now_ms()
        left = await self._store.remove_member(user.user_id, room_id, member, now_ms)
        await self._teller.left(room_id, left.workspace_id, (member,), now_ms)
        if left.conversation:
            await self._teller.changed(left.conversation, ("members",))

    async def heard_by(
        self, user: User, room_id: RoomId | None, other: UserId | None
    ) -> tuple[RoomId, tuple[UserId, ...]]:
        """A room, or the direct room with somebody, and the others there: for what is not stored.

        Nobody is there if the two have no room yet, or one blocks the other.

        Raises:
            AppError: NOT_FOUND unless the user is a member.
        """
        if other is not None:
            found = await self._store.peer(user.user_id, other)
            return (RoomId(""), ()) if found is None else (found, (other,))
        if room_id is None:
            raise AppError(Code.INVALID_REQUEST, "say the room or the recipient")
        members = await self._store.members_of(user.user_id, room_id)
        return room_id, tuple(one for one in members if one != user.user_id)

    async def acquaintances(self, user_id: UserId) -> tuple[UserId, ...]:
        """Who may know whether a user is online: not more than `MAX_ACQUAINTANCES`."""
        return await self._store.acquaintances(user_id, MAX_ACQUAINTANCES)

    async def rooms_of(self, user_id: UserId) -> tuple[RoomId, ...]:
        """The rooms that a user is in: not more than `MAX_TOLD_ROOMS`."""
        return await self._store.rooms_of(user_id, MAX_TOLD_ROOMS)

    async def tell_left(self, room_ids: tuple[RoomId, ...]) -> None:
        """Tell who is in these rooms how they are now that somebody has gone.

        It is a hint: whoever asks for a room sees it all the same.
        """
        for room_id in room_ids:
            try:
                if not await self._teller.changed_in(room_id):
                    await self._teller.changed(await self._store.whole(room_id), ("members",))
            except AppError as error:
                if error.code is not Code.NOT_FOUND:  # it ended with its last member
                    log.warning("room_not_told", extra={"code": error.code.word})

    async def tell_typing(
        self, user: User, room_id: RoomId | None, other: UserId | None, *, is_typing: bool
    ) -> None:
        """Tell the others in a room, or the other one of a direct room, that the user is typing.

        Raises:
            AppError: NOT_FOUND unless the user is a member; RATE_LIMITED.
        """
        rate = self._parts.rates.typing
        await spend(self._parts.limiter, "typing", user.user_id, rate, self._now_ms())
        heard_in, others = await self.heard_by(user, room_id, other)
        if others:
            await self._teller.notify(
                MemberTyping(
                    users=others, room_id=heard_in, user_id=user.user_id, is_typing=is_typing
                )
            )

    def _check_text(self, description: str) -> None:
        limit = self._parts.bounds.description_chars
        if len(description) > limit:
            raise AppError(Code.INVALID_REQUEST, f"a description may have {limit} characters")

    async def _spend(self, user: User, times: int) -> None:
        rate, limiter = self._parts.rates.converse, self._parts.limiter
        await spend(limiter, "converse", user.user_id, rate, self._now_ms())
        if times > 1:
            key = ("converse", user.user_id)
            await charge(limiter, key, rate, times - 1, self._now_ms())

    def _now_ms(self) -> int:
        return self._parts.clock.now_ms()
