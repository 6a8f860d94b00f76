"""From results and events of the core to the words of secure chat."""

from collections.abc import Callable
from typing import Any, TypeVar

from server.apis.secure_chat.shapes import Envelope
from server.transports.api import Cookie, Response, shape_of

Data = TypeVar("Data")


def envelope(
    data: Data, message: str | None = None, cookies: tuple[Cookie, ...] = ()
) -> Response[Envelope[Data]]:
    """An answer as every route of the contract has it."""
    body: Envelope[Data] = {"success": True, "data": data}
    if message is not None:
        body["message"] = message
    return Response(body, cookies=cookies)


def answer(
    data: Callable[[Any, Any], Data], message: str | None = None
) -> Callable[[Any, Any], Response[Envelope[Data]]]:
    """A render that puts what another makes into the envelope."""

    def render(request: Any, result: Any) -> Response[Envelope[Data]]:
        return envelope(data(request, result), message)

    # For the documentation, which reads there what is answered.
    render.__annotations__["return"] = Response[Envelope[shape_of(data)]]  # type: ignore[misc]
    return render
