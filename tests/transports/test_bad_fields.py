"""Whatever stands in whichever field of whichever event: the documented answer, and no harm."""

import json
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.apis.session_relay import SESSION_RELAY
from tests.servers import ADMIN_TOKEN, RunningServer, running
from tests.transports.answers import problem_of
from tests.transports.hostile import NOT_OBJECTS, VALUES, fields
from tests.transports.wire import Line, Pair, Reply, WebSocketLine, exchange, head

LAIR = "lair"
ACTIONS = SESSION_RELAY.actions

RIGHT: dict[str, Any] = {
    "sessionId": LAIR,
    "userId": "mallory",
    "from": "mallory",
    "to": "all",
    "encrypted": "words",
    "publicKey": {"kty": "OKP"},
    "fileName": "picture.png",
    "locked": False,
}
"""A right value for every field that some event requires, and for some others."""

REFUSALS = {
    "forbidden",
    "id_conflict",
    "invalid_auth_key",
    "invalid_request",
    "not_a_member",
    "payload_too_large",
    "recipient_not_found",
    "session_full",
    "session_locked",
    "session_not_found",
    "too_many_sessions",
    "user_id_taken",
}
"""All that an event may be refused with while nobody is over a rate."""

thorough = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    async with running(RATE_LIMITS="off", RECONNECT_GRACE_S=0) as one:
        yield one


@pytest.fixture
async def mallory(server: RunningServer) -> AsyncIterator[Line]:
    async with WebSocketLine(server.url) as line:
        yield await line.open()


def right_payload(event: str) -> dict[str, Any]:
    return {
        field.name: RIGHT[field.name]
        for field in fields(ACTIONS[event].request)
        if field.is_required
    }


async def refusal_of(line: Line, event: str, *arguments: Any) -> dict[str, Any] | None:
    """The error that an event is answered with, in both its forms; None for success."""
    told_before = len(line.events("session-error"))
    ack: dict[str, Any] = await line.ask(event, *arguments)
    told = line.events("session-error")[told_before:]
    if ack.pop("success"):
        assert told == []
        return None
    assert ack.keys() >= {"error", "message"}
    assert told == [ack]
    return ack


@pytest.mark.parametrize("event", sorted(ACTIONS))
@given(data=st.data())
@thorough
async def test_no_payload_does_more_than_be_refused(
    event: str, data: st.DataObject, mallory: Line, pair: Pair
) -> None:
    await mallory.join(LAIR, "mallory")
    names = [field.name for field in fields(ACTIONS[event].request)]
    odd = data.draw(st.dictionaries(st.sampled_from([*names, "unknown"]), VALUES, max_size=4))

    refusal = await refusal_of(mallory, event, {**right_payload(event), **odd})

    assert refusal is None or refusal["error"] in REFUSALS
    assert not mallory.is_ended
    await pair.talk(1)


@pytest.mark.parametrize("event", sorted(ACTIONS))
@given(data=st.data())
@thorough
async def test_a_wrong_value_in_a_field_is_refused_by_the_name_of_the_field(
    event: str, data: st.DataObject, mallory: Line
) -> None:
    await mallory.join(LAIR, "mallory")
    field = data.draw(st.sampled_from(list(fields(ACTIONS[event].request))))
    wrong = data.draw(field.wrong)

    refusal = await refusal_of(mallory, event, {**right_payload(event), field.name: wrong})

    assert refusal is not None
    assert refusal["error"] == "invalid_request"
    assert f"$.{field.name}" in refusal["message"]


@pytest.mark.parametrize("event", sorted(ACTIONS))
async def test_every_required_field_is_missed(event: str, mallory: Line) -> None:
    await mallory.join(LAIR, "mallory")
    for name in right_payload(event):
        payload = right_payload(event)
        del payload[name]

        refusal = await refusal_of(mallory, event, payload)

        assert refusal is not None
        assert refusal["error"] == "invalid_request"
        assert name in refusal["message"]


@given(
    event=st.sampled_from(sorted(ACTIONS)), payload=NOT_OBJECTS, more=st.lists(VALUES, max_size=2)
)
@thorough
async def test_a_payload_that_is_no_object_is_refused(
    event: str, payload: object, more: list[object], mallory: Line
) -> None:
    refusal = await refusal_of(mallory, event, payload, *more)

    assert refusal is not None
    assert refusal["error"] == "invalid_request"


RESERVE_FIELDS = ["sessionId", "authKey", "unknown"]


async def reserve(server: RunningServer, body: object) -> Reply:
    encoded = json.dumps(body).encode()
    sized = {"Content-Type": "application/json", "Content-Length": str(len(encoded))}
    return await exchange(server.url, head("POST", "/api/reserve-session", sized) + encoded)


@given(body=NOT_OBJECTS | st.dictionaries(st.sampled_from(RESERVE_FIELDS), VALUES))
@thorough
async def test_no_body_does_more_than_be_refused(
    body: object, server: RunningServer, pair: Pair
) -> None:
    reply = await reserve(server, body)

    if reply.status not in (200, 201):
        assert problem_of(reply) in ("invalid_request", "payload_too_large", "session_exists")
    await pair.talk(1)


@given(data=st.data())
@thorough
async def test_a_wrong_value_in_a_body_is_refused_by_the_name_of_the_field(
    data: st.DataObject, server: RunningServer
) -> None:
    (route,) = (route for route in SESSION_RELAY.routes if route.method == "POST")
    field = data.draw(st.sampled_from(list(fields(route.request))))

    reply = await reserve(server, {"sessionId": "a", field.name: data.draw(field.wrong)})

    if reply.status == 413:  # wrong, and too long for any body
        assert problem_of(reply) == "payload_too_large"
        return
    assert (reply.status, problem_of(reply)) == (400, "invalid_request")
    assert f"$.{field.name}" in reply.json["message"]


QUERIES = [
    "limit=",
    "limit=0",
    "limit=1001",
    "limit=ten",
    "limit=NaN",
    "after=%00",
    "after=" + "a" * 642,
]


@pytest.mark.parametrize("query", QUERIES)
async def test_a_wrong_query_is_refused_by_the_name_of_the_field(
    query: str, server: RunningServer
) -> None:
    token = {"Authorization": f"Bearer {ADMIN_TOKEN}"}

    reply = await exchange(server.url, head("GET", f"/sessions?{query}", token))

    assert (reply.status, problem_of(reply)) == (400, "invalid_request")
    assert f"$.{query.partition('=')[0]}" in reply.json["message"]


@given(query=st.dictionaries(st.sampled_from(["after", "limit", "x"]), st.text(max_size=30)))
@thorough
async def test_no_query_does_more_than_be_refused(
    query: dict[str, str], server: RunningServer
) -> None:
    encoded = urllib.parse.urlencode(query, errors="surrogatepass")
    token = {"Authorization": f"Bearer {ADMIN_TOKEN}"}

    reply = await exchange(server.url, head("GET", f"/sessions?{encoded}", token))

    assert reply.status == 200 or problem_of(reply) == "invalid_request"


NAMES = {
    "a family": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "a screenshot of macOS": "Screenshot 2024-05-01 at 9.41.00\u202fAM.png",
    "a Japanese name with its space": "\u5c71\u7530\u3000\u592a\u90ce",
    "Persian with a joiner": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.pdf",
    "Hebrew with a mark of direction": "\u200f\u05e9\u05dc\u05d5\u05dd.txt",
    "French with its space": "Qui\u00a0? Moi\u00a0!.doc",
    "a character newer than this Python": "\U0001fae8",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_names_that_people_and_files_have_are_accepted(name: str, mallory: Line) -> None:
    joined = await mallory.join(LAIR, "mallory", displayName=name)
    assert joined["success"], joined
    assert joined["members"][0]["displayName"] == name

    told = await mallory.ask("file-downloaded", {"sessionId": LAIR, "fileName": name})

    assert told["success"], told
