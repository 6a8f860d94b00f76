"""The shapes of what the event queue answers, for the type checker and the documentation."""

from typing import Annotated, TypedDict

from msgspec import Meta

from server.transports.api import ShownUserId

Milliseconds = Annotated[int, Meta(ge=0, examples=[1_800_000_000_000])]
"""Since the epoch."""


class SentEvent(TypedDict):
    event_id: str
    timestamp: Milliseconds
    queue_full: list[ShownUserId]


class QueueStatistics(TypedDict):
    queues: int
    lapsed: int
    waiting: int
    longest: int
    oldest: Milliseconds | None
    bytes: int


class CleanedUp(TypedDict):
    removed: int
