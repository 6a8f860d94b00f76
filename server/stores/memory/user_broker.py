"""What concerns users, told within one process: a direct call."""

from collections.abc import Callable

from server.core.ids import UserId
from server.core.ports import DeliverToUser
from server.core.user_events import UserEvent


class LocalUserBroker:
    """A `UserBroker` for one process, in which nothing is lost."""

    def __init__(self) -> None:
        self._deliver: list[DeliverToUser] = []

    async def publish(self, event: UserEvent) -> None:
        for deliver in self._deliver:
            for user_id in event.users:
                deliver(user_id, event)

    async def hear(self, user_id: UserId) -> None:
        """It does."""

    def unhear(self, user_id: UserId) -> None:
        """Nobody is told who is not there."""

    def subscribe(self, deliver: DeliverToUser, on_lost: Callable[[], None]) -> None:
        self._deliver.append(deliver)
