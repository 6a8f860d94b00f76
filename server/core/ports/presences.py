"""Which users are connected."""

from collections.abc import Sequence
from typing import Protocol

from server.core.ids import UserId


class PresenceStore(Protocol):
    """The users that are connected to any process of an installation.

    A process says again and again whom it has. Whom it has said until some time counts until
    then, and no longer if the process has ended. Who comes, and who goes, is answered to one
    caller alone.
    """

    async def hold(self, users: Sequence[UserId], until_ms: int, now_ms: int) -> tuple[UserId, ...]:
        """Say that this process has these users.

        Returns:
            Those whom no process had.

        Raises:
            AppError: UNAVAILABLE.
        """
        ...

    async def release(self, user_id: UserId, now_ms: int) -> bool:
        """Say that this process has a user no longer; whether now none has.

        Raises:
            AppError: UNAVAILABLE.
        """
        ...

    async def lapsed(self, now_ms: int, limit: int) -> tuple[UserId, ...]:
        """Forget what no process has said for too long; whom none has since.

        Raises:
            AppError: UNAVAILABLE.
        """
        ...

    async def present(self, users: Sequence[UserId], now_ms: int) -> frozenset[UserId]:
        """Those of these users whom some process has.

        Raises:
            AppError: UNAVAILABLE.
        """
        ...
