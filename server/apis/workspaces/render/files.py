"""Files of conversations."""

from typing import Any

from server.apis.workspaces import shapes
from server.core.clock import iso_utc
from server.core.ports.files import Download
from server.core.workspaces.files import File
from server.transports.api import Response


def one(_: Any, found: File) -> Response[shapes.OneFile]:
    return Response({"success": True, "file": file(found)})


def content(_: Any, found: Download) -> Response[Download]:
    return Response(found)


def file(found: File) -> shapes.File:
    return {
        "id": found.file_id,
        "conversationId": found.room_id,
        "workspaceId": found.workspace_id,
        "userId": str(found.uploader),
        "name": found.name,
        "type": found.media_type,
        "size": found.size_bytes,
        "url": f"/chat/files/{found.file_id}",
        "createdAt": iso_utc(found.created_ms),
    }
