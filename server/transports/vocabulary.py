"""What the tables of the APIs say of their events and frames: their types, and why they fail."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NotRequired, TypedDict, get_args

from server.core.errors import Code
from server.transports.api import Access, Action, Frame, RawSocket, shape_of

_EVERYWHERE = (Code.INVALID_REQUEST, Code.RATE_LIMITED, Code.INTERNAL, Code.UNAVAILABLE)

_OF_ACCESS: Mapping[Access, tuple[Code, ...]] = {
    Access.OPEN: (),
    Access.USER: (Code.UNAUTHENTICATED, Code.TOKEN_EXPIRED),
    Access.OPERATOR: (Code.UNAUTHENTICATED, Code.TOKEN_EXPIRED, Code.FORBIDDEN),
}

UNASKED = (Code.TOKEN_EXPIRED,)
"""What a raw WebSocket is told as an `error` that answers nothing."""


class Refusal(TypedDict):
    """Why an event was refused. Of some codes there are details besides."""

    success: Literal[False]
    error: str
    message: str
    retryAfterMs: NotRequired[int]


class RefusalFrame(TypedDict):
    """Why a frame was refused. Of some codes there are details besides."""

    type: Literal["error"]
    code: str
    message: str
    retryAfterMs: NotRequired[int]


def acknowledged(action: Action) -> Any:
    """The type of what acknowledges an event."""
    return get_args(shape_of(action.render))[0]


def answered(frame: Frame) -> tuple[Any, ...]:
    """The types of the frames that a client gets back."""
    return tuple(kind for kind in get_args(shape_of(frame.render)) if kind is not Ellipsis)


def told(socket: RawSocket) -> tuple[Any, ...]:
    """The types of the frames that a client is told unasked."""
    renders: list[Callable[..., Any]] = [*socket.events.values()]
    if socket.queued:
        renders.append(socket.queued)
    return tuple(dict.fromkeys(map(shape_of, renders)))


QUEUED = "event"
"""What is told of queues, which has no `type`, as its contract has it."""


def name_of(kind: Any) -> str:
    """What frames of this type are called."""
    return " or ".join(types_of(kind)) or QUEUED


def types_of(kind: Any) -> tuple[str, ...]:
    """What a frame of this type may have as its `type`; none if that is not said."""
    hints = getattr(kind, "__annotations__", {})
    return get_args(hints.get("type"))


def refusals_of_action(action: Action) -> frozenset[Code]:
    """Every code with which an event may be refused."""
    return frozenset((*_EVERYWHERE, *_OF_ACCESS[action.access], *action.refusals))


def refusals_of_frame(frame: Frame) -> frozenset[Code]:
    """Every code with which a frame may be refused."""
    return frozenset((*_EVERYWHERE, *_OF_ACCESS[Access.USER], *frame.refusals))
