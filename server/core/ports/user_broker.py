"""From one process to all: what concerns people, wherever they are connected."""

from collections.abc import Callable
from typing import Protocol

from server.core.ids import UserId
from server.core.user_events import UserEvent

DeliverToUser = Callable[[UserId, UserEvent], None]
"""Takes an event, once for each of its users; never waits."""


class UserBroker(Protocol):
    """Tells every process what concerns the users that are connected there.

    An event is a hint. Of those that were published one after the other by the same process
    a user hears in that order. It may be lost where a process cannot be reached: then that one
    hears of it (`on_lost`) as soon as it can be reached again. What must not be lost is in a
    store before it is published.
    """

    async def publish(self, event: UserEvent) -> None:
        """Tell what has happened, now or as soon as that is possible. It never fails."""
        ...

    async def hear(self, user_id: UserId) -> None:
        """Hear of a user from now on, until `unhear` was called as often as this.

        Raises:
            AppError: UNAVAILABLE; `unhear` is to be called then, too.
        """
        ...

    def unhear(self, user_id: UserId) -> None:
        """Hear no more of a user, for one of those who did."""
        ...

    def subscribe(self, deliver: DeliverToUser, on_lost: Callable[[], None]) -> None:
        """Have `deliver` called for each event, and `on_lost` after some may have been lost."""
        ...
