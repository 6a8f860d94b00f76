"""The OpenAPI document: valid, whole, and true."""

import itertools
import re
from typing import Any

import aiohttp
import msgspec
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from server.app import APIS
from server.core.errors import AppError
from server.core.limits import Bounds
from server.core.one_of import one_of
from server.transports.api import Access, Api, Route
from server.transports.decode import Decoder
from server.transports.health import PROBES
from server.transports.openapi import document, names_in, takes_body
from tests.servers import RunningServer

BOUNDS = Bounds()
DOCUMENT = document(APIS, BOUNDS)
ROUTES = {f"{route.method} {route.path}": route for api in APIS for route in api.routes}
EXAMPLES = {name: route for name, route in ROUTES.items() if route.example}
CHOICES = {name: route for name, route in ROUTES.items() if one_of(route.request)}

each_example = pytest.mark.parametrize("route", EXAMPLES.values(), ids=EXAMPLES)


def operation_of(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = DOCUMENT["paths"][route.path][route.method.lower()]
    return operation


def body_of(route: Route) -> dict[str, Any]:
    content: dict[str, Any] = operation_of(route)["requestBody"]["content"]["application/json"]
    return content


def test_the_document_is_valid() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_it_has_all_routes_and_no_other() -> None:
    told = {
        f"{method.upper()} {path}"
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }
    assert told == {*ROUTES, *(f"GET {probe.path}" for probe in PROBES)}


def test_every_name_that_is_referred_to_stands_in_it_and_no_other() -> None:
    text = msgspec.json.encode(DOCUMENT).decode()
    referred = set(re.findall(r'"#/components/(\w+/[^"]+)"', text))
    named = {
        f"{kind}/{name}"
        for kind in ("schemas", "responses")
        for name in DOCUMENT["components"][kind]
    }
    assert referred == named
    # Of two types with one name the longer name would be a path in the code.
    assert not [name for name in named if "server." in name]


def test_two_types_of_one_name_are_noticed() -> None:
    def of(name: str, *routes: Route) -> Api:
        return Api(name=name, routes=routes, actions={}, events={}, heard={}, words={})

    route = ROUTES["POST /api/messages/status/bulk"]
    other = msgspec.defstruct("SetStatus", [("other", int)])
    twin = msgspec.structs.replace(
        route, path="/twin", request=msgspec.defstruct("Twin", [("one", other)])
    )
    with pytest.raises(ValueError, match="SetStatus"):
        document([of("one", route), of("another", twin)], BOUNDS)


def test_what_stands_in_a_path_is_a_parameter() -> None:
    for route in ROUTES.values():
        told = [one for one in operation_of(route)["parameters"] if one["in"] == "path"]
        assert [one["name"] for one in told] == names_in(route.path)
        assert all(one["required"] for one in told)


def test_who_may_call_is_told() -> None:
    for route in ROUTES.values():
        operation = operation_of(route)
        assert ({} in operation["security"]) is (route.access is Access.OPEN)
        assert ("401" in operation["responses"]) or route.access is Access.OPEN


@each_example
def test_an_example_is_taken(route: Route) -> None:
    named = dict.fromkeys(names_in(route.path), "an id")
    assert body_of(route)["example"] == route.example
    Decoder(BOUNDS).request(route.request, {**route.example, **named})


@each_example
def test_what_is_said_to_be_required_is_and_the_rest_is_not(route: Route) -> None:
    schema = body_of(route)["schema"]
    named = dict.fromkeys(names_in(route.path), "an id")
    required = set(schema.get("required", ()))
    assert required <= set(route.example)
    for name in required:
        rest = {key: value for key, value in route.example.items() if key != name}
        with pytest.raises(AppError):
            Decoder(BOUNDS).request(route.request, {**rest, **named})


def test_every_body_that_must_hold_something_has_an_example() -> None:
    bodies = {
        name
        for name, route in ROUTES.items()
        if takes_body(route) and not route.stream and operation_of(route)["requestBody"]["required"]
    }
    assert bodies - set(EXAMPLES) == set()


def test_a_body_that_may_be_empty_has_an_example_that_asks_for_nothing_in_particular() -> None:
    route = ROUTES["DELETE /chat/messages/{messageId}"]
    assert body_of(route)["example"] == {}


@pytest.mark.parametrize("route", CHOICES.values(), ids=CHOICES)
def test_of_fields_of_which_one_is_said_the_server_takes_what_the_document_allows(
    route: Route,
) -> None:
    names = one_of(route.request)
    rest = {name: value for name, value in route.example.items() if name not in names}
    allowed = Draft202012Validator({"oneOf": body_of(route)["schema"]["oneOf"]})
    taken = 0
    for said in itertools.product(("absent", None, "an id"), repeat=len(names)):
        chosen: dict[str, Any] = {
            name: one for name, one in zip(names, said, strict=True) if one != "absent"
        }
        if chosen.get("recipient_ids"):
            chosen["recipient_ids"] = ["an id"]
        assert allowed.is_valid(chosen) == is_taken(route, {**rest, **chosen}), chosen
        taken += allowed.is_valid(chosen)
    assert taken == len(names) * 2 ** (len(names) - 1)  # each of them, the others absent or null


def is_taken(route: Route, body: dict[str, Any]) -> bool:
    try:
        Decoder(BOUNDS).request(route.request, body)
    except AppError:
        return False
    return True


def test_bounds_are_those_of_the_installation() -> None:
    of_others = document(APIS, Bounds(id_chars=7))["paths"]["/api/rooms/{roomId}/participants"]
    schema = of_others["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["userId"]["anyOf"][0]["maxLength"] == 7


def test_what_stands_beside_a_refusal_is_told() -> None:
    refusals = operation_of(ROUTES["POST /api/messages/send"])["responses"]["409"]
    named = refusals["$ref"].rpartition("/")[2]
    content = DOCUMENT["components"]["responses"][named]["content"]["application/problem+json"]
    assert {"$ref": "#/components/schemas/DeviceMismatch"} in content["schema"]["allOf"]
    assert DOCUMENT["components"]["schemas"]["DeviceMismatch"]["properties"].keys() == {
        "missing",
        "stale",
    }


def test_metadata_of_a_message_are_said_to_be_an_object() -> None:
    fields = body_of(ROUTES["POST /api/messages/send"])["schema"]["properties"]
    (told,) = (one for one in fields["encryptionMetadata"]["anyOf"] if one != {"type": "null"})
    assert told["type"] == "object"


def test_what_a_query_may_hold_is_told() -> None:
    told = operation_of(ROUTES["GET /api/messages/direct/{userId}"])["parameters"]
    limit = next(one for one in told if one["name"] == "limit")
    assert limit["in"] == "query"
    assert not limit["required"]
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}


async def test_it_is_served_to_pages_of_any_origin(server: RunningServer) -> None:
    headers = {"Origin": "https://elsewhere.example"}
    async with (
        aiohttp.ClientSession(server.url) as http,
        http.get("/openapi.json", headers=headers) as answer,
    ):
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert await answer.read() == msgspec.json.encode(DOCUMENT)


async def test_whoever_has_it_is_not_sent_it_again(server: RunningServer) -> None:
    async with aiohttp.ClientSession(server.url) as http:
        async with http.get("/openapi.json") as answer:
            etag = answer.headers["ETag"]
            assert answer.headers["Cache-Control"] == "no-cache"
            assert answer.headers["Content-Encoding"] == "gzip"
        async with http.get("/openapi.json", headers={"If-None-Match": etag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
