"""What tells how to use this server: documents for programs, and pages for people."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from aiohttp import web

from server.core.errors import AppError, Code
from server.core.limits import Bounds
from server.transports import asyncapi, openapi
from server.transports.api import Api
from server.transports.docs_pages import HEADERS, REDOC, SWAGGER, DocsPages, built_in_pages
from server.transports.http import ASYNCAPI_ROUTE, DOCS_FILE_ROUTE, OPENAPI_ROUTE
from server.transports.web import file_response, page_response
from server.transports.web_files import File, file_of

Made = TypeVar("Made")


class Documentation:
    """Serves the documents of some APIs and pages to read them.

    All of it is made when it is first asked for.
    """

    def __init__(self, apis: Sequence[Api], bounds: Bounds) -> None:
        self._openapi = _Later(lambda: _json(openapi.document(apis, bounds)))
        self._asyncapi = _Later(lambda: _json(asyncapi.document(apis, bounds)))
        self._pages = _Later(built_in_pages)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(OPENAPI_ROUTE, self._openapi_document)
        app.router.add_get(ASYNCAPI_ROUTE, self._asyncapi_document)
        for name in (SWAGGER, REDOC):
            app.router.add_get(f"/{name}", self._page)
        app.router.add_get(DOCS_FILE_ROUTE, self._file)

    async def _openapi_document(self, request: web.Request) -> web.Response:
        return file_response(request, await self._openapi.get())

    async def _asyncapi_document(self, request: web.Request) -> web.Response:
        return file_response(request, await self._asyncapi.get())

    async def _page(self, request: web.Request) -> web.Response:
        pages: DocsPages = await self._pages.get()
        return page_response(request, pages.pages[request.path.strip("/")], HEADERS)

    async def _file(self, request: web.Request) -> web.Response:
        pages = await self._pages.get()
        file = pages.files.get(request.match_info["path"])
        if file is None:
            raise AppError(Code.NOT_FOUND, "the documentation has no such file")
        return file_response(request, file)


class _Later(Generic[Made]):
    """Something that is made once, when it is first wanted.

    In a thread: it takes long enough to be felt by whoever is connected.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._made: asyncio.Task[Made] | None = None

    async def get(self) -> Made:
        if self._made is None:
            self._made = asyncio.create_task(asyncio.to_thread(self._make))
        return await asyncio.shield(self._made)


def _json(document: dict[str, Any]) -> File:
    return file_of(msgspec.json.encode(document), "application/json")
