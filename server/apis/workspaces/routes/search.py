"""The REST route by which messages are found."""

from server.apis.workspaces.handlers import search as handlers
from server.apis.workspaces.render import search as render
from server.apis.workspaces.requests import search as requests
from server.core.errors import Code
from server.transports.api import Access, Route

ROUTES = (
    Route(
        "GET",
        "/chat/search",
        requests.SearchMessages,
        handlers.search_messages,
        render.found,
        "Find messages by whole words, in conversations that are not encrypted end to end",
        access=Access.USER,
        refusals=(Code.FORBIDDEN, Code.NOT_FOUND, Code.UNSEARCHABLE),
    ),
)
