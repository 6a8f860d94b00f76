"""Whether the routes answer as the documentation says: looked at in whatever test asks them."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from server.transports.api import Api
from server.transports.errors import HTTP_STATUS, word
from server.transports.openapi import answered, refusals_of


class Documented(NamedTuple):
    """What a route may answer."""

    if_query: tuple[str, ...]
    shape: Any
    statuses: tuple[int, ...]
    refusals: set[tuple[int, str]]


class Conformity:
    """Looks at every answer of a server.

    Attributes:
        strange: What was answered and is not documented.
    """

    def __init__(self, apis: Sequence[Api]) -> None:
        self.strange: list[str] = []
        self._documented: dict[tuple[str, str], list[Documented]] = {}
        for api in apis:
            for route in api.routes:
                one = Documented(
                    route.if_query,
                    answered(route),
                    route.statuses,
                    {
                        (int(HTTP_STATUS[code]), word(code, api.words))
                        for code in refusals_of(route)
                    },
                )
                self._documented.setdefault((route.method, route.path), []).append(one)

    def watch(self, app: web.Application) -> None:
        """Look at all that is answered from now on."""
        app.on_response_prepare.append(self._look)

    async def _look(self, request: web.Request, response: web.StreamResponse) -> None:
        resource = request.match_info.route.resource
        route = (request.method, resource.canonical if resource else "")
        documented = _asked(self._documented.get(route, []), request.query)
        if documented is None or not isinstance(response, web.Response):
            return
        assert isinstance(response.body, bytes)
        if complaint := _complaint(documented, response.status, response.body):
            self.strange.append(f"{' '.join(route)}: {complaint}")


def _asked(routes: Sequence[Documented], query: Collection[str]) -> Documented | None:
    """Which of the routes of one path a request is for."""
    for one in routes:
        if one.if_query and any(name in query for name in one.if_query):
            return one
    return next((one for one in routes if not one.if_query), None)


def _complaint(documented: Documented, status: int, body: bytes) -> str | None:
    said = msgspec.json.decode(body)
    if status >= 400:
        refusal = (status, said["code"])
        return None if refusal in documented.refusals else f"answers {refusal}"
    if status not in documented.statuses:
        return f"answers {status}"
    try:
        # Fields that the type does not have are left out of what is decoded.
        is_all = msgspec.json.decode(body, type=documented.shape) == said
    except msgspec.ValidationError as error:
        return f"{error}: {body!r}"
    return None if is_all else f"says more than is documented: {body!r}"
