"""What is answered over HTTP."""

from collections.abc import Sequence
from typing import get_args

from scripts.docs_parts.answers import names_of
from scripts.docs_parts.markdown import code, table
from scripts.docs_parts.meanings import field_names
from server.transports.api import Api, Route, Stream, shape_of

OTHER_ROUTES = (
    ("GET", "/health", "anybody", "200 `{status, uptime, sessions, connections, version}`"),
    ("GET", "/ready", "anybody", "200 `{status}`; 503 while the server stops"),
    ("GET", "/ws", "users with a token", "the WebSocket of secure chat"),
    ("GET", "/ws/{user_id}", "that user with a token", "the WebSocket of the event queue"),
    (
        "GET",
        "/metrics",
        "operators, and direct requests from this machine",
        "200, for Prometheus",
    ),
    (
        "GET",
        "/",
        "anybody",
        "200: a page to browsers, `{name, status, version, socketio}` to others",
    ),
    ("GET", "/client/{path}", "anybody, from pages of any origin", "200: a file of the page"),
    (
        "GET",
        "/openapi.json",
        "anybody, from pages of any origin",
        "200: all routes of the APIs in OpenAPI 3.1, for programs",
    ),
    (
        "GET",
        "/asyncapi.json",
        "anybody, from pages of any origin",
        "200: all events and frames of the APIs in AsyncAPI 3.0, for programs",
    ),
    ("GET", "/docs", "anybody", "200: a page that shows the routes, and tries them (Swagger UI)"),
    ("GET", "/redoc", "anybody", "200: a page to read them (ReDoc)"),
    ("GET", "/docs/{path}", "anybody", "200: a file of these two pages"),
    ("GET, POST", "/socket.io/", "anybody", "Socket.IO: long polling and WebSocket"),
)
"""What the server itself answers, besides the APIs."""


def other_routes(_: object) -> str:
    rows = [(code(method), code(path), who, what) for method, path, who, what in OTHER_ROUTES]
    return table(("method", "path", "for", "answer"), rows)


def routes(apis: Sequence[Api]) -> str:
    rows = [
        (code(route.method), code(route.path), _asked(route), _who(route), _answer(route))
        for api in apis
        for route in api.routes
    ]
    return table(("method", "path", "request", "for", "answer"), rows)


def _asked(route: Route) -> str:
    fields = field_names(route.request, besides=route.path)
    place = PLACES.get(route.method, "body") if not route.secrets else "body"
    return f"{place} {code(fields)}" if fields != "{}" else ""


PLACES = {"GET": "query", "DELETE": "body or query"}
"""Where a request says what its path does not; all others in the body."""


def _who(route: Route) -> str:
    return route.access.value


def _answer(route: Route) -> str:
    (body,) = get_args(shape_of(route.render))
    shown = "the bytes" if route.stream is Stream.DOWN else code(names_of(body))
    return f"{route.statuses[0]} {shown}. {route.summary}"
