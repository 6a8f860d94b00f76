"""What operators are answered."""

from typing import Any

from server.apis.event_queue import shapes
from server.core.ports.queues import QueueStatistics
from server.transports.api import Response


def statistics(_: Any, found: QueueStatistics) -> Response[shapes.QueueStatistics]:
    return Response(
        {
            "queues": found.queues,
            "lapsed": found.lapsed,
            "waiting": found.waiting,
            "longest": found.longest,
            "oldest": found.oldest_ms,
            "bytes": found.bytes,
        }
    )


def cleaned_up(_: Any, removed: int) -> Response[shapes.CleanedUp]:
    return Response({"removed": removed})
