"""What tells programs how to use this server: `/openapi.json`."""

import asyncio
from collections.abc import Sequence

import msgspec
from aiohttp import web

from server.core.limits import Bounds
from server.transports.api import Api
from server.transports.http import OPENAPI_ROUTE
from server.transports.openapi import document
from server.transports.web import file_response
from server.transports.web_files import File, file_of


class Documentation:
    """Serves the document of some APIs, which is made when it is first asked for."""

    def __init__(self, apis: Sequence[Api], bounds: Bounds) -> None:
        self._apis = apis
        self._bounds = bounds
        self._made: asyncio.Task[File] | None = None

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(OPENAPI_ROUTE, self._openapi)

    async def _openapi(self, request: web.Request) -> web.Response:
        if self._made is None:
            # In a thread: it takes long enough to be felt by whoever is connected.
            self._made = asyncio.create_task(asyncio.to_thread(self._make))
        return file_response(request, await asyncio.shield(self._made))

    def _make(self) -> File:
        body = msgspec.json.encode(document(self._apis, self._bounds))
        return file_of(body, "application/json")
