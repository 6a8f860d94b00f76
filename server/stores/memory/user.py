"""What is remembered of one user beyond its group."""

from msgspec import structs

from server.core.events import ConnectionAttached, Group, GroupEntered
from server.core.ids import ConnectionId, UserId
from server.core.kinds import Kind
from server.core.ports import SavedKey, Wish
from server.stores import group_refusals
from server.stores.memory.group import MemoryGroup
from server.stores.sizes import USER_BYTES, key_bytes, shunned_bytes


class MemoryUser:
    """One user, in a group or not.

    Attributes:
        blocked: Whom the user has blocked.
        apart_until_ms: Whom the user has left, or who has left it, until when they are not to
            meet; the earliest first.
        forget_ms: When the rest of it may be forgotten.
        counted_bytes, idle_bytes: What of it stands in the books.
    """

    __slots__ = (
        "apart_until_ms", "blocked", "connections", "counted_bytes", "forget_ms", "group",
        "idle_bytes", "saved", "user_id", "_shunned_bytes",
    )  # fmt: skip

    def __init__(self, user_id: UserId) -> None:
        self.user_id = user_id
        self.saved: SavedKey | None = None
        self.group: MemoryGroup | None = None
        self.connections: dict[ConnectionId, None] = {}
        self.blocked: set[UserId] = set()
        self.apart_until_ms: dict[UserId, int] = {}
        self.forget_ms = 0
        self.counted_bytes = 0
        self.idle_bytes = 0
        self._shunned_bytes = 0

    @property
    def is_idle(self) -> bool:
        return self.group is None and not self.connections

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to be remembered."""
        return not (self.saved or self.blocked or self.apart_until_ms)

    @property
    def held_bytes(self) -> int:
        own_bytes = USER_BYTES + len(self.user_id.encode()) + self._shunned_bytes
        return own_bytes + (key_bytes(self.saved) if self.saved else 0)

    def key_for(self, wish: Wish, now_ms: int) -> SavedKey:
        """The key to be with from now on: the new one, or the last under the name of now.

        Raises:
            AppError: INVALID_REQUEST if there is neither.
        """
        if wish.public_key is not None:
            return SavedKey(wish.user_id, wish.name, wish.public_key, now_ms)
        if self.saved is None:
            raise group_refusals.key_missing()
        return structs.replace(self.saved, name=wish.name)

    def growth_bytes(self, saved: SavedKey) -> int:
        """How much more it would take with that key."""
        return key_bytes(saved) - (key_bytes(self.saved) if self.saved else 0)

    # --- what its connections hear of its group ---

    def attached(self, connection_id: ConnectionId, group: Group) -> ConnectionAttached:
        return ConnectionAttached(
            room_id=group.room_id,
            user_id=self.user_id,
            connection_id=connection_id,
            kind=Kind.RANDOM,
        )

    def entered(self, connection_id: ConnectionId, group: Group) -> GroupEntered:
        return GroupEntered(
            room_id=group.room_id,
            user_id=self.user_id,
            connection_id=connection_id,
            kind=Kind.RANDOM,
            group=group,
        )

    # --- whom it is not to meet ---

    def block(self, user_id: UserId) -> None:
        self.blocked.add(user_id)
        self._shunned_bytes += shunned_bytes(user_id)

    def unblock(self, user_id: UserId) -> None:
        self.blocked.remove(user_id)
        self._shunned_bytes -= shunned_bytes(user_id)

    def part(self, user_id: UserId, until_ms: int) -> None:
        if self.apart_until_ms.pop(user_id, None) is None:
            self._shunned_bytes += shunned_bytes(user_id)
        self.apart_until_ms[user_id] = until_ms

    def forget_partings(self, now_ms: int) -> int | None:
        """Forget those that are over.

        Returns:
            When the next one will be.
        """
        while self.apart_until_ms:
            user_id, until_ms = next(iter(self.apart_until_ms.items()))
            if until_ms > now_ms:
                return until_ms
            del self.apart_until_ms[user_id]
            self._shunned_bytes -= shunned_bytes(user_id)
        return None
