"""What was found."""

from typing import Any

from server.apis.workspaces import shapes
from server.apis.workspaces.render.messages import message
from server.core.workspaces.posts import Found
from server.transports.api import Response


def found(_: Any, page: Found) -> Response[shapes.FoundMessages]:
    place = page.next
    shown: shapes.FoundMessages = {
        "success": True,
        "messages": [message(one) for one in page.posts],
        "nextCursor": f"{place.sent_ms}.{place.seq}.{place.room_id}" if place else None,
    }
    if page.has_opaque:
        shown["encryptedSkipped"] = True
    return Response(shown)
