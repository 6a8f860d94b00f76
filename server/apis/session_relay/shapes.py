"""The shapes of what the session relay says, for the type checker and the documentation.

Times are milliseconds.
"""

from typing import Any, Literal, NotRequired, TypedDict

from server.transports.api import ShownUserId, Success

# --- answers to routes ---


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


# --- events, and what acknowledges them ---


class SessionMember(TypedDict):
    userId: ShownUserId
    publicKey: Any
    displayName: str | None
    joinedAt: int


SessionMessage = TypedDict(
    "SessionMessage",
    {
        "id": str,
        "from": ShownUserId,
        "to": ShownUserId | None,
        "encrypted": Any,
        "timestamp": int,
        "type": str,
        "seq": int,
    },
)
"""`to` is as it was sent, null or a word for everybody."""


class OldSessionMessage(SessionMessage):
    """`originalContent` is what old clients look for; the server never has it."""

    originalContent: None


class SessionLimits(TypedDict):
    ciphertextBytes: int
    publicKeyBytes: int
    historyMessages: int
    historyBytes: int
    idleMinutes: int


class Joined(Success):
    """With `memberToken` if this connection has proved who it is."""

    sessionId: str
    seq: int
    truncated: bool
    locked: bool
    isCreator: bool
    memberToken: str | None
    limits: SessionLimits
    members: list[SessionMember]
    messages: list[OldSessionMessage]


class SessionMembers(Success):
    members: list[SessionMember]


class SessionSent(SessionMessage):
    """`messageId` is the same as `id`."""

    success: bool
    messageId: str


SessionSignal = TypedDict(
    "SessionSignal",
    {"from": ShownUserId, "to": ShownUserId | None, "encrypted": Any, "timestamp": int},
)


class UserJoined(TypedDict):
    userId: ShownUserId
    displayName: str | None
    timestamp: int
    seq: int


class UserLeft(TypedDict):
    userId: ShownUserId
    timestamp: int
    reason: Literal["left", "lost", "removed"]
    seq: int


class UserTyping(TypedDict):
    userId: ShownUserId
    isTyping: bool


class DownloadTold(TypedDict):
    downloadedBy: ShownUserId
    fileName: str
    timestamp: int


class SessionLocked(TypedDict):
    locked: bool
    timestamp: int


class SessionError(TypedDict):
    error: str
    message: str
    retryAfterMs: NotRequired[int]


class SessionResync(TypedDict):
    """Events were lost: the client must join again, with the `seq` that it has."""

    sessionId: str
