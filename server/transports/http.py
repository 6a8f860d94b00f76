"""HTTP: who may call, and the same care around every request.

A request passes, from the outside in: a request id, the origin check, errors as problems; and
in `rest`, for the routes of an API, the guard, the toll, the decoder, the handler, the render.
"""

import asyncio
import functools
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import http_exceptions, web
from msgspec import Struct

from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.jws import looks_signed
from server.core.tokens import Tokens
from server.logs import begin_request, request_id
from server.transports.api import Access, Route
from server.transports.decode import to_plain_json
from server.transports.errors import NO_WORDS, problem
from server.transports.front import DEFAULT_HEADERS, Front, Peer
from server.transports.metrics import Metrics
from server.transports.passes import Asked
from server.transports.proxies import is_direct_loopback
from server.transports.suspects import Suspects

log = logging.getLogger("hushwire.http")

BROKEN_BODY = (web.RequestPayloadError, http_exceptions.HttpProcessingError, ConnectionError)
"""What reading a body raises that is cut off, or not what its headers say."""

MAX_BODY_BYTES = 64 * 1024
"""Of a JSON body, unless its route has room for more."""

CLIENT_ROUTE = "/client/{path:.+}"
"""The files of the browser client, which pages of any origin may load."""

OPENAPI_ROUTE = "/openapi.json"
ASYNCAPI_ROUTE = "/asyncapi.json"
"""The documentation for programs, which is the same for everybody, too."""

DOCS_FILE_ROUTE = "/docs/{path:.+}"
"""The files of the pages that show it."""

_PUBLIC_ROUTES = {"/client/{path}", OPENAPI_ROUTE, ASYNCAPI_ROUTE}
_PAGES = {"/", "/docs", "/redoc", "/docs/{path}"}
_QUIET_ROUTES = {*_PUBLIC_ROUTES, *_PAGES, "/health", "/ready", "/metrics", "/socket.io/"}

_CODE = web.ResponseKey("code", Code)
"""The error code of a refusal, for the metrics."""

_CHALLENGES = {
    Code.UNAUTHENTICATED: "Bearer",
    Code.INVALID_CREDENTIALS: "Bearer",
    Code.TOKEN_EXPIRED: 'Bearer error="invalid_token"',
}

Serve = Callable[[], Awaitable[web.StreamResponse]]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard(Struct, frozen=True):
    """Who may call what over HTTP.

    Attributes:
        tokens: Reads those of users, which come as Bearer.
        operators_token: As Bearer or in `X-Admin-Token`.
        open_to_loopback: Whether requests made on this machine need none (`DEBUG`).
        front: Tells where a request was made.
        suspects: Where bad tokens come from.
    """

    tokens: Tokens
    operators_token: str
    open_to_loopback: bool
    front: Front
    suspects: Suspects

    async def admit(self, request: web.Request, route: Route) -> User | None:
        """Let those pass who may, and tell which user it is, if it is one.

        On an open route whoever shows a bad token is nobody; so is who shows any, from where too
        many bad ones came, unless the route is personal.

        Raises:
            AppError: UNAUTHENTICATED, TOKEN_EXPIRED, FORBIDDEN; what `Tokens.verify` raises;
                RATE_LIMITED where too many bad tokens come from.
        """
        if route.access is Access.OPERATOR:
            return await self.admit_operator(request)
        bearer = bearer_of(request.headers)
        if route.access is Access.USER:
            if not bearer:
                raise AppError(Code.UNAUTHENTICATED, "send a token as Bearer")
            return await self._verify(request, bearer)
        if bearer and looks_signed(bearer):
            try:
                return await self._verify(request, bearer)
            except AppError as error:  # whoever it is may do this
                unread = (Code.UNAVAILABLE, Code.RATE_LIMITED if route.is_personal else None)
                if error.code in unread:  # it may ask for what is only its own
                    raise
        return None

    async def _verify(self, request: web.Request, token: str) -> User:
        """The user of a token, unless too many bad ones came from there."""
        address = self._address(request)
        self.suspects.check(address)
        try:
            return await self.tokens.verify(token)
        except AppError as error:
            await self.suspects.note(address, error)
            raise

    def _address(self, request: web.Request) -> str:
        peer = self.front.peer(request.transport, request)
        return self.front.client_address(peer, request.headers)

    async def admit_operator(
        self, request: web.Request, *, open_to_loopback: bool = False
    ) -> User | None:
        """Let operators pass: those with the operators' token, and users who are some.

        Raises:
            AppError: UNAUTHENTICATED without a token, FORBIDDEN with a wrong one; what
                `Tokens.verify` raises.
        """
        if (open_to_loopback or self.open_to_loopback) and is_direct_loopback(
            self.front.peer(request.transport, request).address, request.headers
        ):
            return None
        given = bearer_of(request.headers) or request.headers.get("X-Admin-Token")
        if not given:
            raise AppError(Code.UNAUTHENTICATED, "send the operators' token as Bearer")
        # Headers may hold bytes that are no text.
        as_sent = given.encode(errors="surrogateescape")
        if hmac.compare_digest(as_sent, self.operators_token.encode()):
            return None
        user = await self._verify(request, given) if looks_signed(given) else None
        if user is None or not user.is_operator:
            raise AppError(Code.FORBIDDEN, "that is not the operators' token")
        return user


class Surround:
    """What surrounds every HTTP request of a server.

    Attributes:
        running: Requests that have no answer yet.
        is_last: Set while the process drains: each connection ends with its next answer, so
            that proxies take their further requests elsewhere.
    """

    def __init__(self, front: Front, metrics: Metrics) -> None:
        self._front = front
        self._metrics = metrics
        self.running = 0
        self.is_last = False

    def application(self) -> web.Application:
        """An application without routes that cares for whatever is added to it."""
        app = web.Application(
            middlewares=[self._observe, self._refuse_strange_pages],
            client_max_size=MAX_BODY_BYTES,
        )
        app.on_response_prepare.append(self._add_headers)
        return app

    async def answer(
        self, request: Asked, transport: asyncio.BaseTransport, route: str, serve: Serve
    ) -> web.StreamResponse:
        """The same care around a request that came without aiohttp. Never raises.

        Returns:
            What is to be written, with all of its headers.
        """
        peer = self._front.peer(transport, request)

        async def checked() -> web.StreamResponse:
            self._front.check_origin(peer, request.headers)
            return await serve()

        response = await self._watch(request.method, route, checked)
        self._complete(response, peer, request.headers, is_public=False)
        return response

    @web.middleware
    async def _observe(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        serve = functools.partial(handler, request)
        return await self._watch(request.method, _route_pattern(request), serve)

    async def _watch(self, method: str, route: str, serve: Serve) -> web.StreamResponse:
        begin_request()
        started = time.perf_counter()
        self.running += 1
        try:
            response = await _answer_errors(serve)
        finally:
            self.running -= 1
        if self.is_last:
            response.force_close()
        self._metrics.http_requests.labels(method, route, response.status).inc()
        if code := response.get(_CODE):
            self._metrics.refused(code)
        # What has no rate must not fill the disk; metrics count it.
        is_quiet = route in _QUIET_ROUTES or 400 <= response.status < 500 or method == "OPTIONS"
        level = logging.DEBUG if is_quiet else logging.INFO
        if log.isEnabledFor(level):
            fields = {
                "method": method,
                "route": route,
                "status": response.status,
                "ms": round((time.perf_counter() - started) * 1000, 1),
            }
            log.log(level, "http_request", extra={"fields": fields})
        return response

    @web.middleware
    async def _refuse_strange_pages(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        if _is_public(request):
            return await handler(request)
        self._front.check_origin(self._peer(request), request.headers)
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=self._front.preflight_headers())
        return await handler(request)

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        is_public = _is_public(request)
        self._complete(response, self._peer(request), request.headers, is_public=is_public)

    def _complete(
        self,
        response: web.StreamResponse,
        peer: Peer,
        headers: Mapping[str, str],
        *,
        is_public: bool,
    ) -> None:
        for name, value in DEFAULT_HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.update(self._front.headers(peer, headers, is_public=is_public))

    def _peer(self, request: web.Request) -> Peer:
        return self._front.peer(request.transport, request)


async def _answer_errors(serve: Serve) -> web.StreamResponse:
    try:
        return await serve()
    except AppError as error:
        return problem_response(error)
    except web.HTTPRequestEntityTooLarge:
        return problem_response(
            AppError(Code.PAYLOAD_TOO_LARGE, f"a body may have {MAX_BODY_BYTES} bytes")
        )
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        response = problem_response(AppError(Code.METHOD_NOT_ALLOWED, f"use {allowed}"))
        response.headers["Allow"] = allowed
        return response
    except ConnectionError:
        return problem_response(AppError(Code.INVALID_REQUEST, "the connection was lost"))
    except web.HTTPException as error:
        if error.status >= 500:
            return _internal()
        if error.status == 404:
            return problem_response(AppError(Code.NOT_FOUND, "there is no such route"))
        return problem_response(AppError(Code.INVALID_REQUEST, error.reason))
    except Exception:  # noqa: BLE001 - the outermost frame: whatever it is, the client gets an answer
        return _internal()


def _internal() -> web.Response:
    log.exception("internal_error")
    return problem_response(
        AppError(Code.INTERNAL, f"something went wrong here; report it as {request_id()}")
    )


def problem_response(error: AppError, words: Mapping[Code, str] = NO_WORDS) -> web.Response:
    body = problem(error, words)
    response = json_response(body, body["status"], "application/problem+json")
    response[_CODE] = error.code
    if error.retry_after_ms is not None:
        response.headers["Retry-After"] = str(-(-error.retry_after_ms // 1000))
    if challenge := _CHALLENGES.get(error.code):
        response.headers["WWW-Authenticate"] = challenge
    return response


def json_response(
    body: dict[str, Any], status: int = 200, content_type: str = "application/json"
) -> web.Response:
    return web.Response(text=to_plain_json(body), status=status, content_type=content_type)


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """The token in `Authorization`, if there is one of that kind."""
    return bearer_in(headers.get("Authorization", ""))


def bearer_in(text: str) -> str | None:
    """The token in what such a header says."""
    scheme, _, token = text.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _is_public(request: web.Request) -> bool:
    return _route_pattern(request) in _PUBLIC_ROUTES


def _route_pattern(request: web.Request) -> str:
    """The route, not the path: paths may hold ids."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unmatched"
