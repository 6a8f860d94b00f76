"""The REST routes of operators."""

from server.apis.event_queue.handlers import admin as handlers
from server.apis.event_queue.render import admin as render
from server.apis.event_queue.requests import admin as requests
from server.transports.api import Access, Route

ROUTES = (
    Route(
        "GET",
        "/api/admin/event-queues",
        requests.AskStatistics,
        handlers.read_statistics,
        render.statistics,
        "Read how much waits in all queues",
        access=Access.OPERATOR,
    ),
    Route(
        "POST",
        "/api/admin/cleanup-expired-events",
        requests.Cleanup,
        handlers.clean_up,
        render.cleaned_up,
        "Forget at once what has expired",
        access=Access.OPERATOR,
    ),
)
