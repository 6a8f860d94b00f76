"""What can go wrong, as a closed list of codes. Each wire has its own table of words for them."""

from collections.abc import Mapping
from enum import Enum
from typing import Any


class Code(Enum):
    """A reason for a refusal, and whether trying again later can help.

    The value is `(name, can_retry)`; the name is the wire word where a wire has no other.
    """

    INVALID_REQUEST = ("invalid_request", False)
    PAYLOAD_TOO_LARGE = ("payload_too_large", False)
    UNKNOWN_EVENT = ("unknown_event", False)
    UNAUTHENTICATED = ("unauthenticated", False)
    TOKEN_EXPIRED = ("token_expired", True)
    INVALID_CREDENTIALS = ("invalid_credentials", False)
    ACCOUNT_EXISTS = ("account_exists", False)
    FORBIDDEN = ("forbidden", False)
    ORIGIN_REFUSED = ("origin_refused", False)
    NOT_FOUND = ("not_found", False)
    METHOD_NOT_ALLOWED = ("method_not_allowed", False)
    UNSUPPORTED_MEDIA_TYPE = ("unsupported_media_type", False)
    ROOM_NOT_FOUND = ("room_not_found", False)
    ROOM_EXISTS = ("room_exists", False)
    ROOM_FULL = ("room_full", True)
    ROOM_LOCKED = ("room_locked", True)
    ROOM_EXPIRED = ("room_expired", False)
    INVALID_KEY = ("invalid_key", False)
    NOT_A_MEMBER = ("not_a_member", False)
    MEMBER_REMOVED = ("removed", False)
    USER_ID_TAKEN = ("user_id_taken", True)
    RECIPIENT_NOT_FOUND = ("recipient_not_found", False)
    ID_CONFLICT = ("id_conflict", False)
    IDENTITY_MISMATCH = ("identity_mismatch", False)
    INVALID_SIGNATURE = ("invalid_signature", False)
    DEVICE_MISMATCH = ("device_mismatch", False)
    UNSEARCHABLE = ("unsearchable", False)
    RATE_LIMITED = ("rate_limited", True)
    TOO_MANY_CONNECTIONS = ("too_many_connections", True)
    TOO_MANY_ROOMS = ("too_many_rooms", False)
    LIMIT_REACHED = ("limit_reached", False)
    QUEUE_FULL = ("queue_full", True)
    SLOW_READER = ("slow_reader", True)
    SERVER_FULL = ("server_full", True)
    UNAVAILABLE = ("unavailable", True)
    INTERNAL = ("internal", True)

    @property
    def word(self) -> str:
        return self.value[0]

    @property
    def can_retry(self) -> bool:
        return self.value[1]


class AppError(Exception):
    """A refusal that the caller is told about.

    Args:
        code: The reason, from the closed list.
        message: One sentence for people that says the way out. It goes to the client:
            no ids of others, no ciphertext, nothing of the machine.
        retry_after_ms: How long to wait before trying again, where that is known.
        details: What a program needs for the way out; it stands beside the message on every
            wire, under these names.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        retry_after_ms: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after_ms = retry_after_ms
        self.details = details or {}
