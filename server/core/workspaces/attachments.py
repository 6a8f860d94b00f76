"""How the attachments of an opaque message are kept: in its metadata.

Secure chat, which may read it too, knows no others.
"""

from typing import Any

import msgspec

from server.core.errors import AppError, Code

Attachments = tuple[Any, ...]
"""JSON values of the client's."""

FIELD = "attachments"


def with_attachments(metadata: bytes | None, attachments: Attachments) -> bytes | None:
    """Metadata that carry them.

    Raises:
        AppError: INVALID_REQUEST if there is no place for them.
    """
    if not attachments:
        return metadata
    carried = msgspec.json.decode(metadata) if metadata else {}
    if not isinstance(carried, dict):
        raise AppError(Code.INVALID_REQUEST, "encryptionMetadata beside attachments is an object")
    return msgspec.json.encode({**carried, FIELD: list(attachments)})


def without_attachments(metadata: bytes | None) -> bytes | None:
    """What its client has written."""
    carried = msgspec.json.decode(metadata) if metadata else None
    if not isinstance(carried, dict) or FIELD not in carried:
        return metadata
    left = {name: value for name, value in carried.items() if name != FIELD}
    return msgspec.json.encode(left) if left else None


def attachments_in(metadata: bytes | None) -> Attachments:
    carried = msgspec.json.decode(metadata) if metadata else None
    found = carried.get(FIELD) if isinstance(carried, dict) else None
    return tuple(found) if isinstance(found, list) else ()
