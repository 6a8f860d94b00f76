"""The REST routes of events."""

from server.apis.event_queue.handlers import events as handlers
from server.apis.event_queue.render import events as render
from server.apis.event_queue.requests import events as requests
from server.core.errors import Code
from server.core.limits import Bounds
from server.transports.api import Access, Route


def _event(bounds: Bounds) -> int:
    recipients = requests.MAX_RECIPIENTS * (bounds.id_bytes + 3)
    return bounds.ciphertext_bytes + bounds.metadata_bytes + recipients


ROUTES = (
    Route(
        "POST",
        "/api/events",
        requests.Send,
        handlers.send_event,
        render.sent,
        "Queue an event for users or a group, once for each event id",
        access=Access.USER,
        statuses=(201,),
        refusals=(
            Code.NOT_FOUND,
            Code.RECIPIENT_NOT_FOUND,
            Code.ID_CONFLICT,
            Code.QUEUE_FULL,
            Code.LIMIT_REACHED,
        ),
        extra_body_bytes=_event,
        example={
            "event_type": "MESSAGE",
            "recipient_id": "019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e",
            "event_id": "event-1",
            "metadata": {"chat_id": "chat_789"},
            "encrypted_payload": "bm90aGluZyB0aGF0IGEgc2VydmVyIGNhbiByZWFk",
        },
    ),
)
