"""Somebody who watches the users come and go."""

from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import ConnectionId, UserId


class Doorman:
    """Notes what he is told, in order.

    Attributes:
        seen: What happened, and to which user.
        is_ill: He fails at everything while he is.
        is_busy: He asks everybody to come again later.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.connections: list[ConnectionId] = []
        self.is_ill = False
        self.is_busy = False

    async def arrived(self, user: User, connection_id: ConnectionId) -> None:
        self._note("arrived", user.user_id, connection_id)

    async def lapsed(self, user_id: UserId, connection_id: ConnectionId) -> None:
        self._note("lapsed", user_id, connection_id)

    async def departed(
        self, user_id: UserId, connection_id: ConnectionId, *, is_lost: bool
    ) -> None:
        self._note("lost" if is_lost else "left", user_id, connection_id)

    def _note(self, what: str, user_id: UserId, connection_id: ConnectionId) -> None:
        if self.is_ill:
            raise ConnectionError("at home in bed")
        if self.is_busy:
            raise AppError(Code.UNAVAILABLE, "come again later")
        self.seen.append((what, str(user_id)))
        self.connections.append(connection_id)
