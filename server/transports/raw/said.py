"""What a client says in one frame: `{type, payload, ref?}`, or its fields beside the type."""

from typing import Any

from msgspec import Struct

from server.core.errors import AppError, Code
from server.transports.decode import MAX_SAFE_INTEGER, parse_json

MAX_REF_CHARS = 128


class Said(Struct, frozen=True):
    """One frame.

    Attributes:
        name: Its type.
        ref: By which the client knows the answer; None for none.
        problem: Why it is no frame; then it has no name.
    """

    name: str = ""
    payload: Any = None
    ref: str | int | None = None
    problem: AppError | None = None


def read(message: str | bytes) -> Said:
    """Whatever came, as a frame."""
    if isinstance(message, bytes):
        return _refused("send JSON as text, not binary")
    try:
        value = parse_json(message)
    except (ValueError, RecursionError):
        return _refused("that is not JSON")
    if not isinstance(value, dict):
        return _refused("a frame is an object")
    ref = value.pop("ref", None)
    if not _is_ref(ref):
        return _refused(f"ref: Expected text of at most {MAX_REF_CHARS} characters, or an integer")
    name = value.pop("type", None)
    if not isinstance(name, str):
        return Said(ref=ref, problem=_problem("type: Expected text"))
    payload = value.get("payload")
    return Said(name, value if payload is None else payload, ref)


def _is_ref(ref: object) -> bool:
    if isinstance(ref, str):
        return len(ref) <= MAX_REF_CHARS
    if isinstance(ref, int) and not isinstance(ref, bool):
        return abs(ref) <= MAX_SAFE_INTEGER
    return ref is None


def _refused(message: str) -> Said:
    return Said(problem=_problem(message))


def _problem(message: str) -> AppError:
    return AppError(Code.INVALID_REQUEST, message)
