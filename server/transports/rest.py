"""The routes of the APIs over HTTP: from a request to its handler, and back to a response."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

from server.core.chat import Chat
from server.core.clock import Clock
from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.limits import BYTES_AN_EVENT, Bounds, Rate
from server.core.ports import RateLimiter
from server.core.ports.files import Download
from server.core.rates import charge, spend
from server.transports.api import NOTHING, Access, Api, Caller, Cookie, Route, Stream
from server.transports.decode import Decoder, parse_json
from server.transports.front import Front
from server.transports.http import (
    BROKEN_BODY,
    MAX_BODY_BYTES,
    Guard,
    bearer_of,
    json_response,
    problem_response,
)
from server.transports.streams import Uploads, head_of, send, upload_of

FILE_BYTES_AN_EVENT = 256 * 1024
"""Of files, which are read and written in few steps."""

BODY_LIMIT_S = 30
"""For a body to arrive."""

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Toll(Struct, frozen=True):
    """What users ask for over HTTP, counted as the events of a connection are.

    Attributes:
        rate: Of one user; None for no limit.
    """

    limiter: RateLimiter
    clock: Clock
    rate: Rate | None

    async def spend(self, user: User) -> None:
        """Count a request.

        Raises:
            AppError: RATE_LIMITED.
        """
        await spend(self.limiter, "request of", user.user_id, self.rate, self.clock.now_ms())

    async def charge(self, user: User, size_bytes: int, an_event: int = BYTES_AN_EVENT) -> None:
        """Count a long answer as many requests, each of so many bytes.

        If nobody can count now, it is not: what was asked for is done, and is not to be repeated.
        """
        if size_bytes < an_event:
            return
        cost, key = size_bytes // an_event, ("request of", user.user_id)
        try:
            await charge(self.limiter, key, self.rate, cost, self.clock.now_ms())
        except AppError as error:
            if error.code is not Code.UNAVAILABLE:
                raise


class Rest(Struct, frozen=True):
    """Runs the routes of any API."""

    chat: Chat
    decoder: Decoder
    bounds: Bounds
    guard: Guard
    front: Front
    toll: Toll
    uploads: Uploads = msgspec.field(default_factory=Uploads)

    def add_routes(self, app: web.Application, apis: Sequence[Api]) -> None:
        """Serve the routes of the APIs."""
        choices: dict[tuple[str, str], list[tuple[Route, Serve]]] = {}
        for api in apis:
            for route in api.routes:
                one = (route, self._serve(route, api))
                choices.setdefault((route.method, route.path), []).append(one)
        for (method, path), some in choices.items():
            serve = _chosen(some)
            app.router.add_route(method, path, serve)
            if any(route.stream is Stream.DOWN for route, _ in some):
                app.router.add_route("HEAD", path, serve)

    def _serve(self, route: Route, api: Api) -> Serve:
        extra_bytes = route.extra_body_bytes(self.bounds) if route.extra_body_bytes else 0
        max_bytes = MAX_BODY_BYTES + extra_bytes

        async def serve(request: web.Request) -> web.StreamResponse:
            try:
                user = await self.guard.admit(request, route)
                if extra_bytes:
                    request = request.clone(client_max_size=max_bytes)
                return await self._answer(route, request, user)
            except AppError as error:
                return problem_response(error, api.words)

        return serve

    async def _answer(
        self, route: Route, request: web.Request, user: User | None
    ) -> web.StreamResponse:
        payer = user if route.access is Access.USER else None
        if payer:
            await self.toll.spend(payer)
        wish = await _wish(route, request, self.decoder)
        peer = self.front.peer(request.transport, request)
        caller = Caller(
            self.front.client_address(peer, request.headers),
            user=user,
            bearer=bearer_of(request.headers),
            cookies=request.cookies if "Cookie" in request.headers else NOTHING,
        )
        result = await self._handled(route, request, caller, wish)
        answer = route.render(wish, result)
        if isinstance(answer.body, Download):
            return await self._sent(request, answer.body, payer)
        response = json_response(answer.body, answer.status or route.statuses[0])
        for cookie in answer.cookies:
            _set_cookie(response, cookie, is_secure=self.front.is_secure(peer, request.headers))
        if payer:
            await self.toll.charge(payer, response.content_length or 0)
        return response

    async def _handled(
        self, route: Route, request: web.Request, caller: Caller, wish: Struct
    ) -> Any:
        if route.stream is not Stream.UP:
            return await route.handler(self.chat, caller, wish)
        user = caller.signed_in()
        with self.uploads.place(user):
            caller.body = await upload_of(request, self.toll.clock)
            try:
                return await route.handler(self.chat, caller, wish)
            finally:
                await self.toll.charge(user, request.content.total_bytes, FILE_BYTES_AN_EVENT)

    async def _sent(
        self, request: web.Request, file: Download, payer: User | None
    ) -> web.StreamResponse:
        response = head_of(request, file)
        if payer and request.method != "HEAD":
            await self.toll.charge(payer, response.content_length or 0, FILE_BYTES_AN_EVENT)
        await send(request, response, file)
        return response


def _set_cookie(response: web.Response, cookie: Cookie, *, is_secure: bool) -> None:
    response.set_cookie(
        cookie.name,
        cookie.value,
        path=cookie.path,
        max_age=cookie.max_age_s,
        secure=is_secure,
        httponly=True,
        samesite="Strict",
    )


def _chosen(choices: Sequence[tuple[Route, Serve]]) -> Serve:
    """Serves by whichever route is for what the query has."""
    if len(choices) == 1:
        return choices[0][1]

    async def serve(request: web.Request) -> web.StreamResponse:
        for route, serve_it in choices:
            if any(name in request.query for name in route.if_query):
                return await serve_it(request)
        return await next(serve_it for route, serve_it in choices if not route.if_query)(request)

    return serve


async def _wish(route: Route, request: web.Request, decoder: Decoder) -> Struct:
    """What a request asks for: by its path, and by its query or its body."""
    named = dict(request.match_info)
    if route.stream is Stream.UP:
        return decoder.request(route.request, named)
    if route.method == "GET":
        return decoder.query(route.request, {**_query_of(request), **named})
    in_query = _outside_of_the_body(route, request)
    has_body = request.can_read_body or _must_be_said(route.request) - {*named, *in_query}
    body = await _json_body(request) if has_body else {}
    beside = {**in_query, **named}
    if beside and not isinstance(body, dict):
        raise AppError(Code.INVALID_REQUEST, "the body is no object")
    if any(name in body and body[name] != value for name, value in in_query.items()):
        raise AppError(Code.INVALID_REQUEST, "query and body say different things")
    return decoder.request(route.request, {**in_query, **body, **named} if beside else body)


def _outside_of_the_body(route: Route, request: web.Request) -> dict[str, str]:
    """What a request that may have no body says in its query."""
    if route.method != "DELETE":
        return {}
    query = _query_of(request)
    return {name: query[name] for name in query if name not in route.secrets}


def _query_of(request: web.Request) -> dict[str, str]:
    """What stands in the query, where of two values nobody could say which one counts."""
    query = request.query
    if len(query) != len(set(query)):
        raise AppError(Code.INVALID_REQUEST, "a name stands in the query twice")
    return dict(query)


def _must_be_said(request: type[Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(request) if field.required}


async def _json_body(request: web.Request) -> Any:
    if not request.body_exists:
        return {}
    if (request.content_length or 0) > request.client_max_size:
        raise _too_large(request)
    if request.content_type != "application/json":
        raise AppError(Code.UNSUPPORTED_MEDIA_TYPE, "send JSON, with Content-Type application/json")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise AppError(Code.UNSUPPORTED_MEDIA_TYPE, "send the body uncompressed")
    try:
        async with asyncio.timeout(BODY_LIMIT_S):
            body = await request.read()
        return parse_json(body.decode())
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(request) from None
    except TimeoutError:
        raise AppError(Code.INVALID_REQUEST, "the body did not arrive in time") from None
    except (ValueError, RecursionError, *BROKEN_BODY):
        raise AppError(Code.INVALID_REQUEST, "the body is not JSON") from None


def _too_large(request: web.Request) -> AppError:
    return AppError(Code.PAYLOAD_TOO_LARGE, f"a body may have {request.client_max_size} bytes here")
