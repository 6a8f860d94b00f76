"""The OpenAPI document: every HTTP route of the APIs, made from their tables.

What may be asked is said by the request types, what is answered by the annotations of the
renders, and why it may be refused by the routes and by what surrounds all of them.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

import msgspec

from server.core.errors import AppError, Code
from server.core.limits import Bounds
from server.transports.api import Access, Api, Route, Stream, shape_of
from server.transports.errors import DETAILS, HTTP_STATUS, NO_WORDS, Problem, problem, word
from server.transports.health import PROBES, Probe
from server.transports.schemas import Json, Schemas, choice_of
from server.version import VERSION

OPENAPI_VERSION = "3.1.0"

SERVER_TAG = "server"
"""Of what is no API's."""

_DESCRIPTION = """\
The HTTP routes of all APIs that this server speaks. What goes over Socket.IO and raw WebSockets
is in `asyncapi.json`. Fields that are not named are left out when a request is read. Ciphertext
and public keys are opaque: relayed as they are, and never looked into.
"""

_EVERYWHERE = (
    Code.INVALID_REQUEST,
    Code.ORIGIN_REFUSED,
    Code.RATE_LIMITED,
    Code.INTERNAL,
    Code.UNAVAILABLE,
)
_OF_BODIES = (Code.PAYLOAD_TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE)
_OF_TOKENS = (Code.UNAUTHENTICATED, Code.TOKEN_EXPIRED, Code.FORBIDDEN)

_SECURITY: Mapping[Access, list[dict[str, list[str]]]] = {
    Access.OPEN: [{}, {"token": []}],
    Access.USER: [{"token": []}],
    Access.OPERATOR: [{"operators": []}, {"operatorsHeader": []}, {"token": []}],
}

_SCHEMES: Json = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token of an account's device, a guest's, or another system's; "
        "of whoever has registered by one, also an identity token of the issuer",
    },
    "operators": {"type": "http", "scheme": "bearer", "description": "The operators' token"},
    "operatorsHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Admin-Token",
        "description": "The operators' token",
    },
}

_RETRY_AFTER = {
    "description": "After how many seconds to try again, where that is known",
    "schema": {"type": "integer", "minimum": 1},
}

_BINARY: Json = {"type": "string", "format": "binary"}

_FILE_NAME: Json = {
    "name": "X-File-Name",
    "in": "header",
    "required": False,
    "description": "What the file is called, in UTF-8, percent-encoded; of a form its part says it",
    "schema": {"type": "string"},
}

_FILE_BODY: Json = {
    "required": False,
    "content": {
        "application/octet-stream": {"schema": _BINARY},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": _BINARY},
                "required": ["file"],
            }
        },
    },
}
"""Any other type than these is taken, too, for what is in the file. Nothing is an empty file."""


def _file(description: str, *headers: str) -> Json:
    return {
        "description": description,
        "headers": {name: {"schema": {"type": "string"}} for name in headers},
        "content": {"application/octet-stream": {"schema": _BINARY}},
    }


_FILES = (
    ("200", _file("The file, as an attachment", "Content-Disposition", "ETag")),
    ("206", _file("The range of it that was asked for", "Content-Range", "ETag")),
    (
        "416",
        {
            "description": "`invalid_request`: the file has no such range",
            "headers": {"Content-Range": {"schema": {"type": "string"}}},
            "content": {"application/problem+json": {"schema": {"type": "object"}}},
        },
    ),
)


def document(apis: Sequence[Api], bounds: Bounds) -> Json:
    """The document of these APIs, as this installation bounds them."""
    schemas = _Components(bounds)
    paths: dict[str, Json] = {}
    for (method, path), choices in _choices(apis).items():
        paths.setdefault(path, {})[method.lower()] = _chosen(choices, schemas)
    for probe in PROBES:
        paths[probe.path] = {"get": _probe(probe, schemas)}
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "Hushwire",
            "version": VERSION,
            "summary": "A self-hosted relay for end-to-end-encrypted chat",
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "./", "description": "Where this document was found"}],
        "tags": [*(_tag(api.name) for api in apis if api.routes), _tag(SERVER_TAG)],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": schemas.refusals,
            "securitySchemes": _SCHEMES,
        },
    }


def refusals_of(route: Route) -> frozenset[Code]:
    """Every code with which a route may answer."""
    of_bodies = _OF_BODIES if takes_body(route) else ()
    of_tokens = _OF_TOKENS if route.access is not Access.OPEN else ()
    return frozenset((*_EVERYWHERE, *of_bodies, *of_tokens, *route.refusals))


def takes_body(route: Route) -> bool:
    """Whether a request may say something in its body."""
    names = {field.encode_name for field in msgspec.structs.fields(route.request)}
    if route.stream is Stream.UP:
        return True
    return route.method != "GET" and bool(names - set(names_in(route.path)))


def answered(route: Route) -> Any:
    """The type of the body of its good answers."""
    return get_args(shape_of(route.render))[0]


def names_in(path: str) -> list[str]:
    """The fields of a request that stand in its path."""
    return re.findall(r"{(\w+)}", path)


class _Components(Schemas):
    """The schemas of the document, and the responses by which routes refuse.

    Attributes:
        refusals: By name.
    """

    def __init__(self, bounds: Bounds) -> None:
        super().__init__(bounds)
        self.refusals: Json = {}

    def of_refusals(self, status: int, codes: list[Code], words: Mapping[Code, str]) -> Json:
        """The response of this status, for one of these reasons."""
        name = "-".join([str(status), *(word(code, words) for code in codes)])
        if name not in self.refusals:
            details = [self.of(DETAILS[code]) for code in codes if code in DETAILS]
            self.refusals[name] = _refusal(codes, words, [self.of(Problem), *details])
        return {"$ref": f"#/components/responses/{name}"}


Choice = tuple[Api, Route]


def _choices(apis: Iterable[Api]) -> dict[tuple[str, str], list[Choice]]:
    """Routes by method and path: those for some queries, and the one for the rest, last."""
    found: dict[tuple[str, str], list[Choice]] = {}
    for api in apis:
        for route in api.routes:
            found.setdefault((route.method, route.path), []).append((api, route))
    return {key: sorted(some, key=lambda one: not one[1].if_query) for key, some in found.items()}


def _chosen(choices: Sequence[Choice], schemas: _Components) -> Json:
    """The operation of routes of one path, between which the query decides."""
    refusals = tuple(code for _, route in choices for code in route.refusals)
    *others, operation = (
        _operation(api, msgspec.structs.replace(route, refusals=refusals), schemas)
        for api, route in choices
    )
    for (_, route), other in zip(choices, others, strict=False):
        names = " or ".join(f"`{name}`" for name in route.if_query)
        operation["description"] = f"With {names} in its query: {other['summary']}."
        for part in ("tags", "security", "parameters"):
            operation[part] = [*operation[part], *_new(other[part], operation[part])]
        shapes = [_answer_of(one) for one in (operation, other)]
        operation["responses"]["200"]["content"]["application/json"] = {"schema": {"anyOf": shapes}}
    return operation


def _new(some: Iterable[Json], known: Iterable[Json]) -> list[Json]:
    known = list(known)
    return [one for one in some if one not in known]


def _answer_of(operation: Json) -> Json:
    schema: Json = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return schema


def _operation(api: Api, route: Route, schemas: _Components) -> Json:
    fields, required = schemas.of_fields(route.request)
    in_path = names_in(route.path)
    rest = {name: schema for name, schema in fields.items() if name not in in_path}
    operation: Json = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [api.name],
        "security": _SECURITY[route.access],
        "parameters": [_parameter("path", name, fields[name], required=True) for name in in_path],
        "responses": dict(_responses(api, route, schemas)),
    }
    if route.method == "GET":
        operation["parameters"] += _in_query(rest, required)
        return operation
    if route.method == "DELETE":
        in_query = {name: rest[name] for name in rest if name not in route.secrets}
        operation["parameters"] += _in_query(in_query, ())
        required &= set(route.secrets)
    if route.stream is Stream.UP:
        operation["parameters"].append(_FILE_NAME)
        operation["requestBody"] = _FILE_BODY
    elif rest:
        operation["requestBody"] = _body(route, rest, required - set(in_path))
    return operation


def _operation_id(route: Route) -> str:
    words = re.findall(r"[A-Za-z]+", route.path.removeprefix("/api"))
    return "".join([route.method.lower(), *(word[0].upper() + word[1:] for word in words)])


def _in_query(fields: Mapping[str, Json], required: Iterable[str]) -> Iterator[Json]:
    for name, schema in fields.items():
        yield _parameter("query", name, schema, required=name in required)


def _parameter(place: str, name: str, schema: Json, *, required: bool) -> Json:
    return {"name": name, "in": place, "required": required, "schema": _written(schema)}


def _written(schema: Json) -> Json:
    """Of what stands in an address, where everything is text, and what is absent is not null."""
    kinds: list[Json] = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    texts = [one for one in kinds if one.get("type") == "string"]
    return (texts or kinds or [schema])[0]


def _body(route: Route, fields: Mapping[str, Json], required: set[str]) -> Json:
    choice = choice_of(route.request)
    schema: Json = {"type": "object", "properties": dict(fields), **choice}
    if required:
        schema["required"] = sorted(required)
    # An empty one, too: else the pages make one up, with "string" for each id.
    content: Json = {"schema": schema, "example": dict(route.example)}
    return {"required": bool(required or choice), "content": {"application/json": content}}


def _responses(api: Api, route: Route, schemas: _Components) -> Iterator[tuple[str, Json]]:
    if route.stream is Stream.DOWN:
        yield from _FILES
    else:
        shape = schemas.of(answered(route))
        for status in sorted(route.statuses):
            yield str(status), _done(shape)
    yield from _refusals(refusals_of(route), api.words, schemas)


def _probe(probe: Probe, schemas: _Components) -> Json:
    refusals = _refusals(probe.refusals, NO_WORDS, schemas)
    return {
        "operationId": f"get{probe.path[1:].capitalize()}",
        "summary": probe.summary,
        "tags": [SERVER_TAG],
        "security": [{}],
        "parameters": [],
        "responses": {"200": _done(schemas.of(probe.shape)), **dict(refusals)},
    }


def _done(schema: Json) -> Json:
    return {"description": "Done", "content": {"application/json": {"schema": schema}}}


def _refusals(
    codes: Collection[Code], words: Mapping[Code, str], schemas: _Components
) -> Iterator[tuple[str, Json]]:
    by_status: dict[int, list[Code]] = {}
    for code in Code:
        if code in codes:
            by_status.setdefault(int(HTTP_STATUS[code]), []).append(code)
    for status, of_status in sorted(by_status.items()):
        yield str(status), schemas.of_refusals(status, of_status, words)


def _refusal(codes: list[Code], words: Mapping[Code, str], schemas: list[Json]) -> Json:
    names = sorted(word(code, words) for code in codes)
    told = {"properties": {"code": {"enum": names}, "error": {"enum": names}}}
    content = {
        "schema": {"allOf": [*schemas, told]},
        "example": problem(AppError(codes[0], "what a person may do about it"), words),
    }
    response: Json = {
        "description": " or ".join(f"`{name}`" for name in names),
        "content": {"application/problem+json": content},
    }
    if Code.RATE_LIMITED in codes:
        response["headers"] = {"Retry-After": _RETRY_AFTER}
    return response


def _tag(name: str) -> Json:
    return {"name": name}
