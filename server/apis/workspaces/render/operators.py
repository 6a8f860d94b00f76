"""What operators are answered."""

from typing import Any

from server.apis.workspaces import shapes
from server.apis.workspaces.requests.operators import ReadAudit, RotateKey
from server.core.clock import iso_utc
from server.core.ports.workspaces import Entry
from server.core.workspaces.rotation import Rewrapped
from server.transports.api import Response


def rotated(request: RotateKey, version: int) -> Response[shapes.RotatedKey]:
    return Response({"success": True, "workspaceId": request.workspace_id, "version": version})


def rewrapped(_: Any, done: Rewrapped) -> Response[shapes.RewrappedKeys]:
    following = None
    if done.next is not None:
        workspace_id, version = done.next
        following = f"{version}.{workspace_id}"
    lost = {name.hex(): count for name, count in sorted(done.lost.items())}
    return Response({"success": True, "rewrapped": done.count, "lost": lost, "next": following})


def audit(request: ReadAudit, found: tuple[Entry, ...]) -> Response[shapes.Audit]:
    following = None
    if len(found) == request.limit:
        following = f"{found[-1].at_ms}.{found[-1].entry_id}"
    return Response({"success": True, "entries": [_entry(one) for one in found], "next": following})


def _entry(one: Entry) -> shapes.AuditEntry:
    return {
        "at": iso_utc(one.at_ms),
        "action": one.action,
        "userId": None if one.user_id is None else str(one.user_id),
        "subjectId": one.subject_id,
        "conversationId": one.room_id,
    }
