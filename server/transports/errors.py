"""What each error code is on each wire. A test says that no code is missing in a table."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NotRequired, TypedDict

from server.core.errors import AppError, Code

NO_WORDS: Mapping[Code, str] = {}

HTTP_STATUS: dict[Code, HTTPStatus] = {
    Code.INVALID_REQUEST: HTTPStatus.BAD_REQUEST,
    Code.PAYLOAD_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.UNKNOWN_EVENT: HTTPStatus.BAD_REQUEST,
    Code.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Code.TOKEN_EXPIRED: HTTPStatus.UNAUTHORIZED,
    Code.INVALID_CREDENTIALS: HTTPStatus.UNAUTHORIZED,
    Code.ACCOUNT_EXISTS: HTTPStatus.CONFLICT,
    Code.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Code.ORIGIN_REFUSED: HTTPStatus.FORBIDDEN,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Code.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Code.ROOM_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.ROOM_EXISTS: HTTPStatus.CONFLICT,
    Code.ROOM_FULL: HTTPStatus.CONFLICT,
    Code.ROOM_LOCKED: HTTPStatus.FORBIDDEN,
    Code.ROOM_EXPIRED: HTTPStatus.GONE,
    Code.INVALID_KEY: HTTPStatus.FORBIDDEN,
    Code.NOT_A_MEMBER: HTTPStatus.FORBIDDEN,
    Code.MEMBER_REMOVED: HTTPStatus.FORBIDDEN,
    Code.USER_ID_TAKEN: HTTPStatus.CONFLICT,
    Code.RECIPIENT_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.ID_CONFLICT: HTTPStatus.CONFLICT,
    Code.IDENTITY_MISMATCH: HTTPStatus.CONFLICT,
    Code.INVALID_SIGNATURE: HTTPStatus.BAD_REQUEST,
    Code.DEVICE_MISMATCH: HTTPStatus.CONFLICT,
    Code.UNSEARCHABLE: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    Code.TOO_MANY_CONNECTIONS: HTTPStatus.TOO_MANY_REQUESTS,
    Code.TOO_MANY_ROOMS: HTTPStatus.CONFLICT,
    Code.LIMIT_REACHED: HTTPStatus.CONFLICT,
    Code.QUEUE_FULL: HTTPStatus.TOO_MANY_REQUESTS,
    Code.SLOW_READER: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.SERVER_FULL: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}

CLOSE_CODE: dict[Code, int] = {
    Code.RATE_LIMITED: 1008,
    Code.TOO_MANY_CONNECTIONS: 1008,
    Code.INVALID_REQUEST: 1002,
    Code.SLOW_READER: 1013,
    Code.UNAVAILABLE: 1012,
    Code.INTERNAL: 1011,
    Code.UNAUTHENTICATED: 4401,
    Code.TOKEN_EXPIRED: 4401,
    Code.FORBIDDEN: 4403,
}
"""Close codes of a WebSocket, for the errors that end a connection.

What HTTP answers 401 or 403 is told by a raw WebSocket: browsers show pages no answers to a
handshake that is refused.
"""


class Problem(TypedDict):
    """Why a request was refused: RFC 9457, and the envelope that good answers have, too.

    Of some codes there are details besides.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    success: bool
    error: str
    message: str
    retryAfterMs: NotRequired[int]


class NamedDevice(TypedDict):
    userId: str | int
    deviceId: str


class DeviceMismatch(TypedDict, total=False):
    """Of `device_mismatch`: for which devices to encrypt as well, and for which no more."""

    missing: list[NamedDevice]
    stale: list[NamedDevice]


class RecipientNotFound(TypedDict, total=False):
    """Of `recipient_not_found`: who of the recipients of an event."""

    not_found: list[str | int]


DETAILS: Mapping[Code, Any] = {
    Code.DEVICE_MISMATCH: DeviceMismatch,
    Code.RECIPIENT_NOT_FOUND: RecipientNotFound,
}
"""What stands beside the message of some codes, for the documentation."""


def error_body(error: AppError, words: Mapping[Code, str] = NO_WORDS) -> dict[str, Any]:
    """An error as clients of Socket.IO get it, in an acknowledgement or an event.

    Returns:
        `{error, message}`, the error's details, and `retryAfterMs` where the wait is known.
    """
    body = {**error.details, "error": word(error.code, words), "message": error.message}
    if error.retry_after_ms is not None:
        body["retryAfterMs"] = error.retry_after_ms
    return body


def frame_error(error: AppError, words: Mapping[Code, str] = NO_WORDS) -> dict[str, Any]:
    """An error as clients of raw WebSockets get it.

    Returns:
        `{type: "error", code, message}`, the error's details, and `retryAfterMs` where the wait
        is known.
    """
    body: dict[str, Any] = {
        **error.details,
        "type": "error",
        "code": word(error.code, words),
        "message": error.message,
    }
    if error.retry_after_ms is not None:
        body["retryAfterMs"] = error.retry_after_ms
    return body


def problem(error: AppError, words: Mapping[Code, str] = NO_WORDS) -> dict[str, Any]:
    """An error as HTTP clients get it: RFC 9457, and the envelope `{success, error, message}`."""
    status = HTTP_STATUS[error.code]
    name = word(error.code, words)
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": error.message,
        "code": name,
        "success": False,
        **error_body(error, words),
    }


def word(code: Code, words: Mapping[Code, str] = NO_WORDS) -> str:
    return words.get(code, code.word)
