"""What happens in workspaces, told between processes: each workspace has a channel."""

from collections.abc import Sequence

from server.core.ids import WorkspaceId
from server.core.ports.topics import DeliverOfWorkspace, LostOfWorkspace
from server.core.workspaces.events import WorkspaceEvent
from server.stores.redis.addressed import AddressedBroker
from server.stores.redis.link import Link


class HintsLost(WorkspaceEvent, frozen=True, kw_only=True):
    """Redis did not take some events of the workspace; they are not told again."""


class RedisTopics(AddressedBroker[WorkspaceId, WorkspaceEvent]):
    """`Topics` for all processes that share a Redis."""

    mark = "w:"
    kind = WorkspaceEvent

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._subscribers: list[tuple[DeliverOfWorkspace, LostOfWorkspace]] = []

    def subscribe(self, deliver: DeliverOfWorkspace, on_lost: LostOfWorkspace) -> None:
        self._subscribers.append((deliver, on_lost))

    def restored(self) -> None:
        """All is heard again after something may have been lost."""
        for _, on_lost in self._subscribers:
            on_lost(None)

    def _addresses(self, event: WorkspaceEvent) -> Sequence[WorkspaceId]:
        return (event.workspace_id,)

    def _lost(self, addresses: Sequence[WorkspaceId]) -> list[WorkspaceEvent]:
        return [HintsLost(workspace_id=one) for one in addresses]

    def _deliver(self, address: WorkspaceId, event: WorkspaceEvent) -> None:
        for deliver, on_lost in self._subscribers:
            if isinstance(event, HintsLost):
                on_lost(address)
            else:
                deliver(event)

    def _written(self, address: WorkspaceId) -> str:
        return address

    def _read(self, written: str) -> WorkspaceId:
        return WorkspaceId(written)
