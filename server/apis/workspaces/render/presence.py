"""Who is there, and as what."""

from collections.abc import Sequence

from server.apis.workspaces import shapes
from server.apis.workspaces.requests.presence import ListPresence
from server.apis.workspaces.requests.workspaces import OfWorkspace
from server.core.clock import iso_utc
from server.core.ids import WorkspaceId
from server.core.ports.workspaces import StandingAt
from server.transports.api import Response


def one(request: OfWorkspace, found: StandingAt) -> Response[shapes.OnePresence]:
    return Response({"success": True, "presence": _presence(request.workspace_id, found)})


def several(request: ListPresence, found: tuple[StandingAt, ...]) -> Response[shapes.Presences]:
    return Response({"success": True, **page(request.workspace_id, found, request.limit)})


def page(workspace_id: WorkspaceId, found: Sequence[StandingAt], limit: int) -> shapes.PresencePage:
    """The first of these, and where to go on."""
    shown = found[:limit]
    return {
        "presence": [_presence(workspace_id, each) for each in shown],
        "nextCursor": str(shown[-1].user_id) if len(found) > limit else None,
    }


def _presence(workspace_id: WorkspaceId, found: StandingAt) -> shapes.Presence:
    """A member of a workspace, as all there are shown it."""
    return {
        "id": f"{workspace_id}.{found.user_id}",
        "userId": str(found.user_id),
        "workspaceId": workspace_id,
        "status": found.standing.value,
        "lastSeen": iso_utc(found.seen_ms),
        "updatedAt": iso_utc(found.said_ms),
    }
