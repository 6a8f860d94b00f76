"""What is answered of events."""

from typing import Any

from server.apis.event_queue import shapes
from server.core.ports.queues import Queued
from server.transports.api import Response


def sent(_: Any, queued: Queued) -> Response[shapes.SentEvent]:
    return Response(
        {
            "event_id": queued.event_id,
            "timestamp": queued.sent_ms,
            "queue_full": list(queued.full),
        }
    )
