"""What comes back in frames, shown by rendering a sample."""

from enum import Enum
from types import NoneType, SimpleNamespace
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from server.core.ids import RoomId
from server.core.opaque import Opaque

ASKED = SimpleNamespace(
    session_id=RoomId("room"),
    room_id="",
    user_id="",
    group_id="",
    user_ids=(),
    message_id="",
    status="",
    page=1,
    limit=20,
    ids=(),
)


def sample(kind: Any) -> Any:
    """Some value of a type that handlers give back."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        kinds = get_type_hints(kind)
        names = (field.name for field in msgspec.structs.fields(kind))
        return kind(**{name: sample(kinds[name]) for name in names})
    if NoneType in {kind, *get_args(kind)}:
        return None
    if get_origin(kind) is tuple:
        return (sample(get_args(kind)[0]),)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    return Opaque("") if kind is Opaque else kind()


def shape(body: dict[str, Any]) -> str:
    names = (
        f"{name}: {shape(value)}" if isinstance(value, dict) else name
        for name, value in body.items()
    )
    return f"{{{', '.join(names)}}}"
