"""From results and events of the core to the words of secure chat."""

from collections.abc import Callable
from typing import Any

from server.transports.api import Cookie, Response


def envelope(
    data: Any, message: str | None = None, status: int = 200, cookies: tuple[Cookie, ...] = ()
) -> Response:
    """An answer as every route of the contract has it."""
    told = {} if message is None else {"message": message}
    return Response(status, {"success": True, "data": data, **told}, cookies)


def answer(
    data: Callable[[Any, Any], Any], message: str | None = None, status: int = 200
) -> Callable[[Any, Any], Response]:
    """A render that puts what another makes into the envelope."""

    def render(request: Any, result: Any) -> Response:
        return envelope(data(request, result), message, status)

    return render
