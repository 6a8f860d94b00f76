"""The AsyncAPI document: valid, whole, and true."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import msgspec
import pytest

from server.app import APIS
from server.core.errors import AppError
from server.core.limits import Bounds
from server.transports.api import NOTHING, Access, Action, Api, Frame, RawSocket, Words
from server.transports.asyncapi import document, key_of, socketio_channel
from server.transports.decode import Decoder
from server.transports.raw.sockets import RENEW
from server.transports.vocabulary import QUEUED, name_of, told
from tests.conformity import Conformity
from tests.conftest import Meet
from tests.servers import RunningServer, namespace_of

BOUNDS = Bounds()
DOCUMENT = document(APIS, BOUNDS)
SPECIFICATION = Path(__file__).parents[1] / (
    "js/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"
)

ACTIONS = {
    f"{socketio_channel(namespace)}.{key_of(name, action)}": action
    for api in APIS
    for namespace in api.namespaces
    for name, action in api.actions.items()
}
SOCKETS = {api.name.replace(" ", "-"): (api, api.socket) for api in APIS if api.socket is not None}
FRAMES = {
    f"{channel}.{name}": frame
    for channel, (_, socket) in SOCKETS.items()
    for name, frame in socket.frames.items()
}
ASKED: dict[str, Action | Frame] = {
    **ACTIONS,
    **FRAMES,
}

each_asked = pytest.mark.parametrize("name", ASKED)


def problems(document: dict[str, Any]) -> list[str]:
    """What the official schema of AsyncAPI finds wrong."""
    specification = json.loads(SPECIFICATION.read_text())
    return [one.message for one in jsonschema.Draft7Validator(specification).iter_errors(document)]


def operation_of(name: str) -> dict[str, Any]:
    channel, _, event = name.partition(".")
    operation: dict[str, Any] = DOCUMENT["operations"][f"{channel}.asked.{event}"]
    return operation


def found(reference: dict[str, str], document: dict[str, Any] = DOCUMENT) -> Any:
    """What a reference refers to."""
    place: Any = document
    for part in reference["$ref"].removeprefix("#/").split("/"):
        place = place[part]
    return place


def references(value: Any) -> Iterator[dict[str, str]]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from references(one)


def names(operations: list[dict[str, Any]], channel: str) -> set[str]:
    here = f"#/channels/{channel}"
    mine = [one for one in operations if one["channel"]["$ref"] == here]
    return {found(message)["name"] for one in mine for message in one["messages"]}


def done(action: str) -> list[dict[str, Any]]:
    return [one for one in DOCUMENT["operations"].values() if one["action"] == action]


def test_the_document_is_valid() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert problems(DOCUMENT) == []
    assert problems({**DOCUMENT, "operations": {"one": {"action": "shout"}}}) != []


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        assert found(reference) is not None
    text = json.dumps(DOCUMENT)
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', text)) == set(
        DOCUMENT["components"]["schemas"]
    ), "each type is used, by the name that it has in the code"


def test_every_event_of_every_api_stands_in_it_and_no_other() -> None:
    for namespace in {name for api in APIS for name in api.namespaces}:
        here = [api for api in APIS if namespace in api.namespaces]
        channel = socketio_channel(namespace)
        assert names(done("receive"), channel) == {name for api in here for name in api.actions}
        assert names(done("send"), channel) == {name for api in here for name in api.heard}


def test_every_frame_of_every_api_stands_in_it_and_no_other() -> None:
    for channel, (_, socket) in SOCKETS.items():
        assert DOCUMENT["channels"][channel]["address"] == socket.path
        assert names(done("receive"), channel) == {*socket.frames, RENEW}
        kinds = {name_of(kind) for kind in told(socket)}
        assert names(done("send"), channel) == {*kinds, *socket.own, "error"}
        assert (QUEUED in kinds) is (socket.queued is not None)
    namespaces = {socketio_channel(name) for api in APIS for name in api.namespaces}
    assert set(DOCUMENT["channels"]) == {*namespaces, *SOCKETS}


def test_of_each_kind_of_event_to_a_user_something_is_told() -> None:
    for _, socket in SOCKETS.values():
        of_queues = 0 if socket.queued is None else 1
        assert len(told(socket)) == len(set(socket.events.values())) + of_queues


@each_asked
def test_an_example_is_taken(name: str) -> None:
    asked = ASKED[name]
    (message,) = operation_of(name)["messages"]
    (example,) = found(message)["examples"]
    payload = {one: value for one, value in example["payload"].items() if one != "type"}
    assert payload == asked.example
    Decoder(BOUNDS).request(asked.request, payload)


@each_asked
def test_what_is_said_to_be_required_is_and_the_rest_is_not(name: str) -> None:
    asked = ASKED[name]
    payload = found(operation_of(name)["messages"][0])["payload"]
    schema = payload["allOf"][0] if "allOf" in payload else payload
    required = set(schema.get("required", ())) - {"type"}
    assert required <= set(asked.example)
    for field in required:
        rest = {key: value for key, value in asked.example.items() if key != field}
        with pytest.raises(AppError):
            Decoder(BOUNDS).request(asked.request, rest)


@each_asked
def test_who_may_ask_and_why_one_may_be_refused_is_told(name: str) -> None:
    asked, operation = ASKED[name], operation_of(name)
    is_open = isinstance(asked, Action) and asked.access is Access.OPEN
    assert ("security" not in operation) is is_open
    refused = found(operation["reply"]["messages"][-1])["payload"]
    words = json.dumps(refused)
    assert '"rate_limited"' in words
    assert ('"unauthenticated"' in words) is (not is_open or name.endswith("auth-refresh"))


def test_what_the_caller_is_told_besides_is_something_that_is_told() -> None:
    heard = {name for api in APIS for name in api.heard}
    for name, action in ACTIONS.items():
        assert set(action.sent) <= heard, name


def test_a_path_with_a_name_in_it_has_a_parameter() -> None:
    async def beat(*_: object) -> None:
        """Nothing is asked."""

    class Beaten(msgspec.Struct):
        """Nothing is said."""

    def beaten(_: object, __: None) -> tuple[Words, ...]:
        return ()

    frames = {"beat": Frame(Beaten, beat, beaten, "Beat")}
    socket = RawSocket(path="/ws/{user_id}", frames=frames, events={})
    api = Api("one of many", (), NOTHING, NOTHING, NOTHING, NOTHING, socket=socket)
    made = document([api], BOUNDS)
    assert problems(made) == []
    channel = made["channels"]["one-of-many"]
    assert (channel["address"], list(channel["parameters"])) == ("/ws/{user_id}", ["user_id"])


async def test_it_is_served_as_the_other_document_is(server: RunningServer) -> None:
    headers = {"Origin": "https://elsewhere.example"}
    async with aiohttp.ClientSession(server.url) as http:
        async with http.get("/asyncapi.json", headers=headers) as answer:
            assert (answer.status, answer.content_type) == (200, "application/json")
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert answer.headers["Content-Encoding"] == "gzip"
            assert await answer.read() == msgspec.json.encode(DOCUMENT)
            etag = answer.headers["ETag"]
        async with http.get("/asyncapi.json", headers={"If-None-Match": etag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")


# --- that it is true is looked at wherever something is said ---

RELAY = next(api for api in APIS if api.error_event)


@pytest.mark.parametrize(
    "api",
    [
        msgspec.structs.replace(RELAY, heard={**RELAY.heard, "public-keys-updated": list[int]}),
        msgspec.structs.replace(
            RELAY, heard={name: kind for name, kind in RELAY.heard.items() if "keys" not in name}
        ),
        msgspec.structs.replace(
            RELAY,
            actions={
                **RELAY.actions,
                "join-session": msgspec.structs.replace(
                    RELAY.actions["join-session"], render=RELAY.actions["lock-session"].render
                ),
            },
        ),
    ],
    ids=["another shape", "no shape", "another acknowledgement"],
)
async def test_what_is_told_and_not_documented_is_noticed(
    server: RunningServer, meet: Meet, api: Api
) -> None:
    looking = Conformity([api])
    looking.watch_events(namespace_of(server.app))
    await (await meet()).join("tea", "alice", isCreator=True)
    assert looking.strange


async def test_a_refusal_that_is_not_documented_is_noticed(
    server: RunningServer, meet: Meet
) -> None:
    action = RELAY.actions["join-session"]
    silent = msgspec.structs.replace(action, refusals=())
    looking = Conformity([msgspec.structs.replace(RELAY, actions={"join-session": silent})])
    looking.watch_events(namespace_of(server.app))
    await (await meet()).join("nowhere", "alice")
    assert looking.strange == ["refusal of join-session: session_not_found is not documented"]
