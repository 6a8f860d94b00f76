"""Errors: one envelope a wire, an answer to everything, and nothing told to strangers."""

from typing import Any

import pytest

from tests.apis.session_relay.sessions import configured, events
from tests.people import catch_up

HERE = {"sessionId": "abc123"}

AS_A_MEMBER: dict[str, dict[str, Any]] = {
    "save-public-key": {"publicKey": "pk"},
    "get-public-keys": {},
    "send-message": {"encrypted": "hello"},
    "typing-start": {},
    "typing-stop": {},
    "file-downloaded": {"fileName": "f"},
    "download-notification": {"fileName": "f"},
    "lock-session": {"locked": True},
    "remove-member": {"userId": "bob"},
    "leave-session": {},
}
"""Every event that only members may send, with the least that it must carry."""

NAMES_ITS_SENDER = [
    event for event in AS_A_MEMBER if event not in ("send-message", "lock-session", "remove-member")
]

RESERVE = "/api/reserve-session"
HANDSHAKE = "/socket.io/?EIO=4&transport=polling"
REFUSED_REQUESTS: dict[str, tuple[str, str, dict[str, Any], int, str]] = {
    "unknown route": ("GET", "/nowhere", {}, 404, "not_found"),
    "unknown route of the API": ("POST", "/api/nowhere", {"json": {}}, 404, "not_found"),
    "wrong method": ("GET", RESERVE, {}, 405, "method_not_allowed"),
    "no body": ("POST", RESERVE, {}, 400, "invalid_request"),
    "form": ("POST", RESERVE, {"data": {"sessionId": "a"}}, 415, "unsupported_media_type"),
    "no JSON": (
        "POST",
        RESERVE,
        {"data": "{", "headers": {"Content-Type": "application/json"}},
        400,
        "invalid_request",
    ),
    "no object": ("POST", RESERVE, {"json": []}, 400, "invalid_request"),
    "no id": ("POST", RESERVE, {"json": {}}, 400, "invalid_request"),
    "empty id": ("POST", RESERVE, {"json": {"sessionId": ""}}, 400, "invalid_request"),
    "only a key": ("POST", RESERVE, {"json": {"sessionId": ":key"}}, 400, "invalid_request"),
    "too long": ("POST", RESERVE, {"json": {"sessionId": "x" * 70_000}}, 413, "payload_too_large"),
    "no token": ("GET", "/sessions", {}, 401, "unauthenticated"),
    "wrong token": (
        "GET",
        "/sessions",
        {"headers": {"Authorization": "Bearer wrong"}},
        403,
        "forbidden",
    ),
    "foreign page": (
        "GET",
        "/health",
        {"headers": {"Origin": "https://evil.example"}},
        403,
        "origin_refused",
    ),
}


@pytest.fixture
def transport():
    return "websocket"


# --- HTTP ---


@pytest.mark.parametrize("case", REFUSED_REQUESTS)
async def test_every_http_error_is_a_problem_in_the_common_envelope(http, case):
    method, path, request, status, code = REFUSED_REQUESTS[case]

    async with http.request(method, path, **request) as response:
        body = await response.json(content_type="application/problem+json")

    assert response.status == body["status"] == status
    assert body["code"] == body["error"] == code
    assert body["success"] is False
    assert body["detail"] == body["message"] != ""
    assert {"type", "title"} <= set(body)


async def test_an_error_names_no_path_and_no_library(http):
    for method, path, request, *_ in REFUSED_REQUESTS.values():
        async with http.request(method, path, **request) as response:
            text = (await response.text() + str(response.headers)).lower()
        for leak in ("traceback", "aiohttp", "msgspec", "python", "/work", "server/", ".py"):
            assert leak not in text


async def test_a_missing_token_is_asked_for(http):
    async with http.get("/sessions") as response:
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


# --- Socket.IO ---


async def test_an_unknown_event_is_answered(alice):
    ack = await alice.ask("send-massage", {})

    assert (ack["success"], ack["error"]) == (False, "unknown_event")
    assert alice.heard == [("session-error", {"error": ack["error"], "message": ack["message"]})]


@pytest.mark.parametrize("event", ["connect", "disconnect", "connect_error", "*", "message", ""])
async def test_events_with_names_of_the_library_are_unknown_events(session, bob, alice, event):
    ack = await bob.ask(event, {"reason": "client disconnect"})
    await catch_up(alice)

    assert ack["error"] == "unknown_event"
    assert events(alice) == []


@pytest.mark.parametrize("event", ["join-session", *AS_A_MEMBER])
async def test_an_event_without_its_object_is_answered(alice, event):
    payloads: list[tuple[Any, ...]] = [(), ("text",), (None,), ([],), (7,)]
    acks = [await alice.ask(event, *payload) for payload in payloads]

    assert {(ack["success"], ack["error"]) for ack in acks} == {(False, "invalid_request")}
    assert events(alice) == ["session-error"] * len(payloads)


@pytest.mark.parametrize("event", ["join-session", *AS_A_MEMBER])
async def test_an_event_of_no_use_is_told_by_session_error_where_no_answer_was_asked_for(
    alice, event
):
    await alice.tell(event, {})

    assert (await alice.next("session-error"))["error"] == "invalid_request"


async def test_an_invalid_field_is_named(session, alice):
    ack = await alice.ask("send-message", {**HERE, "encrypted": "hello", "type": ["text"]})

    assert ack["error"] == "invalid_request"
    assert "type" in ack["message"]


# --- strangers and spoofs ---


@pytest.mark.parametrize("event", AS_A_MEMBER)
async def test_a_stranger_cannot_tell_an_absent_session_from_one_that_it_is_not_in(
    session, alice, carol, event
):
    wish = AS_A_MEMBER[event]

    present = await carol.ask(event, {"sessionId": "abc123:xyz789", **wish})
    absent = await carol.ask(event, {"sessionId": "nowhere", **wish})
    await catch_up(alice)

    assert present == absent
    assert present["error"] == "not_a_member"
    assert events(alice) == []


@pytest.mark.parametrize("event", NAMES_ITS_SENDER)
async def test_nobody_acts_in_the_name_of_another(session, alice, bob, event):
    ack = await bob.ask(event, {**HERE, "userId": "alice", **AS_A_MEMBER[event]})
    await catch_up(alice)

    assert ack["error"] == "forbidden"
    assert events(alice) == []


@pytest.mark.parametrize("event", AS_A_MEMBER)
async def test_the_key_may_stand_within_the_session_id_of_every_event(session, alice, event):
    ack = await alice.ask(event, {"sessionId": "abc123:xyz789", **AS_A_MEMBER[event]})

    assert ack["success"] is True


# --- when to try again ---


@configured(ADDRESS_RESERVES_PER_MINUTE=4)
async def test_reserving_too_often_is_refused_with_the_time_to_wait(http, clock):
    await http.post(RESERVE, json={"sessionId": "first"})

    async with http.post(RESERVE, json={"sessionId": "second"}) as response:
        body = await response.json(content_type="application/problem+json")

    assert (response.status, body["error"]) == (429, "rate_limited")
    assert (body["retryAfterMs"], response.headers["Retry-After"]) == (15_000, "15")
    clock.advance(ms=body["retryAfterMs"])
    async with http.post(RESERVE, json={"sessionId": "second"}) as response:
        assert response.status == 201


@configured(MEMBER_SENDS_PER_MINUTE=8)
async def test_sending_too_often_is_refused_with_the_time_to_wait(session, alice, bob, clock):
    hello = {**HERE, "encrypted": "hello"}
    acks = [await alice.ask("send-message", hello) for _ in range(3)]

    assert [ack["success"] for ack in acks] == [True, True, False]
    assert (acks[2]["error"], acks[2]["retryAfterMs"]) == ("rate_limited", 7_500)
    assert alice.all("session-error")[0]["retryAfterMs"] == 7_500
    assert (await bob.ask("send-message", hello))["success"] is True
    clock.advance(ms=7_500)
    assert (await alice.ask("send-message", hello))["success"] is True


@configured(ADDRESS_JOINS_PER_MINUTE=4)
async def test_joining_too_often_is_refused_with_the_time_to_wait(alice, clock):
    await alice.join("abc123", "alice", isCreator=True)

    ack = await alice.join("abc123", "alice")

    assert (ack["error"], ack["retryAfterMs"]) == ("rate_limited", 15_000)
    clock.advance(seconds=15)
    assert (await alice.join("abc123", "alice"))["success"] is True


async def test_guessing_keys_ends_soon(session, carol):
    errors: list[str] = []
    while "rate_limited" not in errors:
        ack = await carol.join(f"abc123:guess {len(errors)}", "carol")
        errors.append(ack["error"])

    assert len(errors) < 20
    assert set(errors) == {"invalid_auth_key", "rate_limited"}


@configured(CONNECTION_EVENTS_PER_MINUTE=40)
async def test_too_many_events_of_one_connection_are_refused_with_the_time_to_wait(
    alice, bob, clock
):
    acks = [await alice.ask("no-such-event") for _ in range(11)]

    assert (acks[0]["error"], acks[-1]["error"]) == ("unknown_event", "rate_limited")
    assert (await bob.ask("no-such-event"))["error"] == "unknown_event"
    clock.advance(ms=acks[-1]["retryAfterMs"])
    assert (await alice.ask("no-such-event"))["error"] == "unknown_event"


@configured(MAX_ADDRESS_CONNECTIONS=2)
async def test_one_address_has_a_bounded_number_of_connections_to_each_process(
    http, server, meet, lose
):
    people = [await meet() for _ in range(2 * len(server.nodes))]
    async with http.get(HANDSHAKE) as response:
        body = await response.json(content_type="application/problem+json")
    assert (response.status, body["error"]) == (429, "too_many_connections")
    assert body["retryAfterMs"] > 0

    await lose(people[0])

    statuses = [(await http.get(HANDSHAKE)).status for _ in server.nodes]
    assert statuses.count(200) == 1


@configured(ADDRESS_CONNECTS_PER_MINUTE=4)
async def test_connecting_too_often_is_refused_with_the_time_to_wait(http, clock):
    statuses = []
    for _ in range(2):
        async with http.get(HANDSHAKE) as response:
            statuses.append(response.status)
    assert (statuses, response.headers["Retry-After"]) == ([200, 429], "15")

    clock.advance(seconds=15)

    async with http.get(HANDSHAKE) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"ADDRESS_RESERVES_PER_MINUTE": 4, "TRUSTED_PROXIES": "1"}, 201),
        ({"ADDRESS_RESERVES_PER_MINUTE": 4, "TRUSTED_PROXIES": "0"}, 429),
    ],
    ids=["trusted proxy", "no proxy"],
)
async def test_clients_have_rates_of_their_own_behind_a_trusted_proxy_only(http, settings, status):
    statuses = []
    for number in range(1, 3):
        headers = {"X-Forwarded-For": f"203.0.113.{number}"}
        body = {"sessionId": f"of client {number}"}
        async with http.post(RESERVE, json=body, headers=headers) as response:
            statuses.append(response.status)

    assert statuses == [201, status]
