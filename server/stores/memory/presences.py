"""Which users are connected to the only process there is."""

from collections.abc import Sequence

from server.core.ids import UserId


class MemoryPresences:
    """A `PresenceStore` for one process."""

    def __init__(self) -> None:
        self._held: set[UserId] = set()

    async def hold(self, users: Sequence[UserId], until_ms: int, now_ms: int) -> tuple[UserId, ...]:
        new = tuple(one for one in users if one not in self._held)
        self._held.update(new)
        return new

    async def release(self, user_id: UserId, now_ms: int) -> bool:
        was_held = user_id in self._held
        self._held.discard(user_id)
        return was_held

    async def lapsed(self, now_ms: int, limit: int) -> tuple[UserId, ...]:
        return ()  # it ends with the process

    async def present(self, users: Sequence[UserId], now_ms: int) -> frozenset[UserId]:
        return frozenset(self._held.intersection(users))
