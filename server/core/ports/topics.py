"""From one process to all: what happens in a workspace, wherever somebody listens to it."""

from collections.abc import Callable
from typing import Protocol

from server.core.ids import WorkspaceId
from server.core.workspaces.events import WorkspaceEvent

DeliverOfWorkspace = Callable[[WorkspaceEvent], None]
"""Takes an event, once in a process; never waits."""

LostOfWorkspace = Callable[[WorkspaceId | None], None]
"""Told that events of a workspace may have been lost, or of all of them; never waits."""


class Topics(Protocol):
    """Tells every process what happens in a workspace that somebody there listens to.

    An event is a hint. Those that were published one after the other by the same process come in
    that order. One may be lost where a process cannot be reached: then that one hears of it
    (`on_lost`) as soon as it can be reached again. What must not be lost is in a store before it
    is published.
    """

    async def publish(self, event: WorkspaceEvent) -> None:
        """Tell what has happened, now or as soon as that is possible. It never fails."""
        ...

    async def hear(self, workspace_id: WorkspaceId) -> None:
        """Hear of a workspace from now on, until `unhear` was called as often as this.

        Raises:
            AppError: UNAVAILABLE; `unhear` is to be called then, too.
        """
        ...

    def unhear(self, workspace_id: WorkspaceId) -> None:
        """Hear no more of a workspace, for one of those who did."""
        ...

    def subscribe(self, deliver: DeliverOfWorkspace, on_lost: LostOfWorkspace) -> None:
        """Have `deliver` called for each event, and `on_lost` after some may have been lost."""
        ...
