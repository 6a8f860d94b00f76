"""The shapes of what the routes of the session relay answer, for the documentation.

Times are milliseconds.
"""

from typing import TypedDict

from server.transports.api import Success


class Reserved(Success):
    sessionId: str
    expiresAt: int


class Session(TypedDict):
    sessionId: str
    members: int
    messages: int
    bytes: int
    createdAt: int
    lastActivityAt: int
    locked: bool
    hasKey: bool


class Sessions(Success):
    """`next` is what to ask for `after`."""

    sessions: list[Session]
    next: str | None
