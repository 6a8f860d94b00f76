"""What is remembered of users beyond their group: keys, connections, whom they shun."""

import heapq

from server.core.errors import AppError, Code
from server.core.ids import ConnectionId, RoomId, UserId
from server.core.limits import Bounds
from server.core.ports import SavedKey
from server.stores.memory.group import MemoryGroup
from server.stores.memory.space import Share

_RECORD_BYTES = 1536
"""Python's own records of one user, measured."""

_BLOCK_BYTES = 160


class MemoryUser:
    """One user, in a group or not.

    Attributes:
        leave_ms: When the user leaves the group for want of a connection; None with one.
        blocked: Whom the user has blocked.
        apart_until_ms: Until when the user is not to meet whom it has left.
        left: The groups that it has left, until when it is not to come back.
        forget_ms: When the rest of it may be forgotten.
    """

    __slots__ = (
        "apart_until_ms", "blocked", "connections", "forget_ms", "group", "leave_ms", "left",
        "saved", "user_id",
    )  # fmt: skip

    def __init__(self, user_id: UserId) -> None:
        self.user_id = user_id
        self.saved: SavedKey | None = None
        self.group: MemoryGroup | None = None
        self.connections: dict[ConnectionId, None] = {}
        self.leave_ms: int | None = None
        self.blocked: set[UserId] = set()
        self.apart_until_ms: dict[UserId, int] = {}
        self.left: dict[RoomId, int] = {}
        self.forget_ms = 0

    @property
    def is_idle(self) -> bool:
        return self.group is None and not self.connections

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to be remembered."""
        return not (self.saved or self.blocked or self.left)

    @property
    def held_bytes(self) -> int:
        key_bytes = self.saved.public_key.size_bytes if self.saved else 0
        names_bytes = len(self.user_id.encode()) + (len(self.saved.name) if self.saved else 0)
        return _RECORD_BYTES + names_bytes + key_bytes + _BLOCK_BYTES * len(self.blocked)

    def forget_past(self, now_ms: int) -> None:
        """Of groups left long ago."""
        self.apart_until_ms = {u: due for u, due in self.apart_until_ms.items() if due > now_ms}
        self.left = {group: due for group, due in self.left.items() if due > now_ms}

    def shuns(self, user_id: UserId, now_ms: int) -> bool:
        return user_id in self.blocked or self.apart_until_ms.get(user_id, 0) > now_ms


class MemoryUsers:
    """All users that are remembered; those without a group go when they are due."""

    def __init__(self, bounds: Bounds, share: Share) -> None:
        self._bounds = bounds
        self._share = share
        self._users: dict[UserId, MemoryUser] = {}
        # When to look at whom; each user stands there once at most.
        self._due: list[tuple[int, UserId]] = []
        self._listed: set[UserId] = set()

    def __len__(self) -> int:
        return len(self._users)

    def get(self, user_id: UserId) -> MemoryUser | None:
        return self._users.get(user_id)

    def seen(self, user_id: UserId, forget_ms: int) -> MemoryUser:
        """The record of a user who is here.

        Raises:
            AppError: SERVER_FULL.
        """
        user = self._users.get(user_id)
        if user is None:
            user = self._add(user_id)
        user.forget_ms = max(user.forget_ms, forget_ms)
        return user

    def save_key(self, user: MemoryUser, saved: SavedKey) -> None:
        """Keep the user's newest public key, whose size the caller has checked."""
        held_bytes = user.held_bytes
        user.saved = saved
        self._share.add(user.held_bytes - held_bytes)

    def block(self, user: MemoryUser, blocked: UserId) -> None:
        if user.user_id == blocked:
            raise AppError(Code.FORBIDDEN, "you cannot block yourself")
        if blocked in user.blocked:
            return
        if len(user.blocked) >= self._bounds.blocks_per_user:
            limit = self._bounds.blocks_per_user
            raise AppError(Code.LIMIT_REACHED, f"you may block {limit}; unblock somebody first")
        self._share.space.check(_BLOCK_BYTES)
        user.blocked.add(blocked)
        self._share.add(_BLOCK_BYTES)

    def unblock(self, user: MemoryUser, blocked: UserId) -> None:
        if blocked in user.blocked:
            user.blocked.remove(blocked)
            self._share.add(-_BLOCK_BYTES)

    def rest(self, user: MemoryUser) -> None:
        """Note that a user is here no longer, if that is so."""
        if not user.is_idle:
            return
        if user.is_blank:
            self._drop(user)
        elif user.user_id not in self._listed:
            self._listed.add(user.user_id)
            heapq.heappush(self._due, (user.forget_ms, user.user_id))

    def expire(self, now_ms: int) -> None:
        """Forget who was last here long ago."""
        while self._due and self._due[0][0] <= now_ms:
            _, user_id = heapq.heappop(self._due)
            self._listed.remove(user_id)
            user = self._users.get(user_id)
            if user is None:
                continue
            if user.forget_ms > now_ms:
                self.rest(user)
            elif user.is_idle:
                self._drop(user)

    def _drop(self, user: MemoryUser) -> None:
        if self._users.pop(user.user_id, None):
            self._share.add(-user.held_bytes)

    def _add(self, user_id: UserId) -> MemoryUser:
        if len(self._users) >= self._bounds.users:
            raise AppError(Code.SERVER_FULL, "the relay knows as many users as it may; try later")
        user = MemoryUser(user_id)
        self._share.space.check(user.held_bytes)
        self._users[user_id] = user
        self._share.add(user.held_bytes)
        return user
