"""All users that are remembered: their keys, and who of them are not to meet."""

from collections.abc import Set as AbstractSet
from itertools import chain

from server.core.ids import UserId
from server.core.limits import Bounds
from server.stores import group_refusals
from server.stores.memory.agenda import Agenda
from server.stores.memory.group import MemoryGroup
from server.stores.memory.space import Share
from server.stores.memory.user import MemoryUser
from server.stores.sizes import IDLE_PART, shunned_bytes

_NOBODY: AbstractSet[UserId] = frozenset()


class MemoryUsers:
    """Users by id. Those who are not here make room for others, the next to be forgotten first."""

    def __init__(self, bounds: Bounds, share: Share) -> None:
        self._bounds = bounds
        self._share = share
        self._users: dict[UserId, MemoryUser] = {}
        self._blockers: dict[UserId, set[UserId]] = {}
        self._idle: Agenda[UserId] = Agenda()
        self._parted: Agenda[UserId] = Agenda()
        self._idle_bytes = 0

    def __len__(self) -> int:
        return len(self._users)

    def get(self, user_id: UserId) -> MemoryUser | None:
        return self._users.get(user_id)

    def known(self, user_id: UserId) -> MemoryUser:
        """A user who is in a group or connected."""
        return self._users[user_id]

    def seen(self, user_id: UserId, forget_ms: int) -> MemoryUser:
        """The record of a user who is here; `settle` it afterwards.

        Raises:
            AppError: SERVER_FULL.
        """
        user = self._users.get(user_id)
        if user is None:
            user = self._add(user_id)
        user.forget_ms = max(user.forget_ms, forget_ms)
        return user

    def settle(self, user: MemoryUser) -> None:
        """Do the books of a user after a change, and forget it in time if it is not here."""
        self._count(user)
        if not user.is_idle:
            self._idle.drop(user.user_id)
        elif user.is_blank:
            self._drop(user)
        else:
            self._idle.put(user.user_id, user.forget_ms)
            while self._idle_bytes > self._share.space.limit_bytes // IDLE_PART:
                self._forget_one()

    # --- who is not to meet whom ---

    def block(self, user: MemoryUser, blocked: UserId) -> None:
        """Add to a block list; the caller settles the user."""
        if user.user_id == blocked:
            raise group_refusals.blocking_oneself()
        if blocked in user.blocked:
            return
        if not self.can_block(user):
            raise group_refusals.blocks_full(self._bounds)
        self._share.space.check(shunned_bytes(blocked))
        user.block(blocked)
        self._blockers.setdefault(blocked, set()).add(user.user_id)

    def can_block(self, user: MemoryUser) -> bool:
        return len(user.blocked) < self._bounds.blocks_per_user

    def unblock(self, user: MemoryUser, blocked: UserId) -> None:
        if blocked in user.blocked:
            user.unblock(blocked)
            self._forget_blocker(user.user_id, blocked)

    def part(self, user: MemoryUser, other: MemoryUser, until_ms: int) -> None:
        """Have two users not meet until then."""
        for one, another in ((user, other), (other, user)):
            one.part(another.user_id, until_ms)
            self._parted.put(one.user_id, next(iter(one.apart_until_ms.values())))
            self._count(one)

    def may_meet(self, user: MemoryUser, group: MemoryGroup) -> bool:
        """Whether nobody is there whom the user shuns, or who shuns the user."""
        shunned = (user.blocked, self._blockers_of(user), user.apart_until_ms.keys())
        return all(some.isdisjoint(group.members) for some in shunned)

    def shunned(self, user: MemoryUser) -> int:
        """How many people the user may not meet."""
        others = (user.blocked, self._blockers_of(user), user.apart_until_ms)
        return sum(map(len, others))

    def groups_to_avoid(self, user: MemoryUser) -> set[MemoryGroup]:
        """All groups in which the user may not meet somebody."""
        shunned = chain(user.blocked, self._blockers_of(user), user.apart_until_ms)
        known = map(self._users.get, shunned)
        return {one.group for one in known if one and one.group}

    def _blockers_of(self, user: MemoryUser) -> AbstractSet[UserId]:
        return self._blockers.get(user.user_id, _NOBODY)

    # --- forgetting ---

    def expire(self, now_ms: int) -> None:
        """Forget who was last here long ago, and who has left whom."""
        while (user_id := self._parted.take(now_ms)) is not None:
            user = self._users.get(user_id)
            if user and (next_ms := user.forget_partings(now_ms)):
                self._parted.put(user_id, next_ms)
            if user:
                self.settle(user)
        while (user_id := self._idle.take(now_ms)) is not None:
            self._drop(self._users[user_id])

    def _add(self, user_id: UserId) -> MemoryUser:
        if len(self._users) >= self._bounds.users and not self._forget_one():
            raise group_refusals.users_full()
        user = MemoryUser(user_id)
        self._share.space.check(user.held_bytes)
        self._users[user_id] = user
        return user

    def _forget_one(self) -> bool:
        """Forget who would be forgotten next of those who are not here, if there is one."""
        user_id = self._idle.take()
        if user_id is None:
            return False
        self._drop(self._users[user_id])
        return True

    def _drop(self, user: MemoryUser) -> None:
        del self._users[user.user_id]
        self._idle.drop(user.user_id)
        self._parted.drop(user.user_id)
        self._share.add(-user.counted_bytes)
        self._idle_bytes -= user.idle_bytes
        for blocked in user.blocked:
            self._forget_blocker(user.user_id, blocked)

    def _forget_blocker(self, blocker: UserId, blocked: UserId) -> None:
        blockers = self._blockers[blocked]
        blockers.remove(blocker)
        if not blockers:
            del self._blockers[blocked]

    def _count(self, user: MemoryUser) -> None:
        held_bytes = user.held_bytes
        idle_bytes = held_bytes if user.is_idle else 0
        self._share.add(held_bytes - user.counted_bytes)
        self._idle_bytes += idle_bytes - user.idle_bytes
        user.counted_bytes, user.idle_bytes = held_bytes, idle_bytes
