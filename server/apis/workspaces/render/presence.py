"""Who is there, and as what."""

from server.apis.workspaces import shapes
from server.apis.workspaces.requests.workspaces import OfWorkspace
from server.core.clock import iso_utc
from server.core.ids import WorkspaceId
from server.core.ports.workspaces import StandingAt
from server.transports.api import Response


def one(request: OfWorkspace, found: StandingAt) -> Response[shapes.OnePresence]:
    return Response({"success": True, "presence": presence(request.workspace_id, found)})


def several(request: OfWorkspace, found: tuple[StandingAt, ...]) -> Response[shapes.Presences]:
    shown = [presence(request.workspace_id, each) for each in found]
    return Response({"success": True, "presence": shown})


def presence(workspace_id: WorkspaceId, found: StandingAt) -> shapes.Presence:
    """A member of a workspace, as all there are shown it."""
    return {
        "id": f"{workspace_id}.{found.user_id}",
        "userId": str(found.user_id),
        "workspaceId": workspace_id,
        "status": found.standing.value,
        "lastSeen": iso_utc(found.seen_ms),
        "updatedAt": iso_utc(found.said_ms),
    }
