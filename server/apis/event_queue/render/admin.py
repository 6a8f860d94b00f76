"""What operators are answered."""

from typing import Any

from server.apis.event_queue import shapes
from server.core.ports.queues import LongQueue, QueueStatistics
from server.transports.api import Response


def statistics(_: Any, found: QueueStatistics) -> Response[shapes.QueueStatistics]:
    return Response(
        {
            "queues": found.queues,
            "lapsed": found.lapsed,
            "waiting": found.waiting,
            "longest": max((one.waiting for one in found.longest), default=0),
            "longest_queues": [_queue(one) for one in found.longest],
            "oldest": found.oldest_ms,
            "bytes": found.bytes,
        }
    )


def _queue(one: LongQueue) -> shapes.LongQueue:
    return {
        "user_id": one.device.user_id,
        "device_id": one.device.device_id,
        "waiting": one.waiting,
    }


def cleaned_up(_: Any, removed: int) -> Response[shapes.CleanedUp]:
    return Response({"removed": removed})
