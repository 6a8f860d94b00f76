"""What happens in workspaces, told within one process: a direct call."""

from collections import Counter

from server.core.ids import WorkspaceId
from server.core.ports.topics import DeliverOfWorkspace, LostOfWorkspace
from server.core.workspaces.events import WorkspaceEvent


class LocalTopics:
    """`Topics` for one process, in which nothing is lost."""

    def __init__(self) -> None:
        self._deliver: list[DeliverOfWorkspace] = []
        self._heard: Counter[WorkspaceId] = Counter()

    async def publish(self, event: WorkspaceEvent) -> None:
        if event.workspace_id in self._heard:
            for deliver in self._deliver:
                deliver(event)

    async def hear(self, workspace_id: WorkspaceId) -> None:
        self._heard[workspace_id] += 1

    def unhear(self, workspace_id: WorkspaceId) -> None:
        self._heard[workspace_id] -= 1
        if self._heard[workspace_id] <= 0:
            del self._heard[workspace_id]

    def subscribe(self, deliver: DeliverOfWorkspace, on_lost: LostOfWorkspace) -> None:
        self._deliver.append(deliver)
