"""An answer of data that a render makes."""

from collections.abc import Callable
from typing import Any

from server.apis.secure_chat.render import envelope
from server.transports.api import Response

Render = Callable[[Any, Any], Any]


def answer(
    data: Render, message: str | None = None, status: int = 200
) -> Callable[[Any, Any], Response]:
    """A render that puts data into the envelope, beside a message for people."""

    def render(request: Any, result: Any) -> Response:
        return envelope(data(request, result), message, status)

    return render
