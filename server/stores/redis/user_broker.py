"""What concerns users, told between processes: each user has a channel."""

from collections.abc import Callable, Sequence

from server.core.ids import UserId
from server.core.ports import DeliverToUser
from server.core.user_events import MailWaits, UserEvent
from server.stores.redis.addressed import AddressedBroker
from server.stores.redis.codec import user_id_of, written
from server.stores.redis.link import Link


class RedisUserBroker(AddressedBroker[UserId, UserEvent]):
    """A `UserBroker` for all processes that share a Redis."""

    mark = "u:"
    kind = UserEvent

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._subscribers: list[tuple[DeliverToUser, Callable[[], None]]] = []

    def subscribe(self, deliver: DeliverToUser, on_lost: Callable[[], None]) -> None:
        self._subscribers.append((deliver, on_lost))

    def restored(self) -> None:
        """All is heard again after something may have been lost."""
        for _, on_lost in self._subscribers:
            on_lost()

    def _addresses(self, event: UserEvent) -> Sequence[UserId]:
        return event.users

    def _lost(self, addresses: Sequence[UserId]) -> list[UserEvent]:
        return [MailWaits(users=tuple(addresses))]

    def _deliver(self, address: UserId, event: UserEvent) -> None:
        for deliver, _ in self._subscribers:
            deliver(address, event)

    def _written(self, address: UserId) -> str:
        return written(address)

    def _read(self, written: str) -> UserId:
        return user_id_of(written)
