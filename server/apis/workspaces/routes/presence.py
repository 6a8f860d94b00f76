"""The REST routes of who is there."""

from server.apis.workspaces.handlers import presence as handlers
from server.apis.workspaces.render import presence as render
from server.apis.workspaces.requests.presence import ListPresence, UpdatePresence
from server.core.errors import Code
from server.transports.api import Access, Route

_IN_ONE = (Code.FORBIDDEN, Code.NOT_FOUND)

ROUTES = (
    Route(
        "PUT",
        "/chat/presence",
        UpdatePresence,
        handlers.update_presence,
        render.one,
        "Say as what one is to be shown in a workspace while one is there",
        access=Access.USER,
        refusals=_IN_ONE,
        example={"status": "away", "workspaceId": "019a9d3e-0000-7b64-9d0e-1f2a3b4c5d6e"},
    ),
    Route(
        "GET",
        "/chat/presence/{workspaceId}",
        ListPresence,
        handlers.show_presence,
        render.several,
        "Who is in a workspace, and as what each is shown",
        access=Access.USER,
        refusals=_IN_ONE,
    ),
)
