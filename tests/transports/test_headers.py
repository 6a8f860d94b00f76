"""Every answer of whatever kind is guarded by headers, and tells nothing of the machine."""

import logging

import pytest

from server.core.errors import Code
from server.transports import errors
from tests.servers import ADMIN_TOKEN, RunningServer, running
from tests.transports.answers import check_answer, problem_of
from tests.transports.conftest import Dial
from tests.transports.wire import POLLING, UPGRADE, WEBSOCKET, PollingLine, exchange, head

JSON = {"Content-Type": "application/json"}
RESERVE = "/api/reserve-session"
SECRET = "secret of the fault"


def post(body: bytes, headers: dict[str, str] = JSON) -> bytes:
    return head("POST", RESERVE, {"Content-Length": str(len(body)), **headers}) + body


ANSWERS = {
    "health": (head("GET", "/health"), 200),
    "readiness": (head("GET", "/ready"), 200),
    "metrics": (head("GET", "/metrics", {"X-Admin-Token": ADMIN_TOKEN}), 200),
    "status": (head("GET", "/"), 200),
    "page": (head("GET", "/", {"Accept": "text/html"}), 200),
    "head only": (head("HEAD", "/health"), 200),
    "created": (post(b'{"sessionId":"a"}'), 201),
    "preflight": (head("OPTIONS", RESERVE, {"Origin": "http://localhost:5173"}), 204),
    "a preflight of anything": (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204),
    "garbage": (b"garbage\r\n\r\n", 400),
    "a bad body": (post(b"{"), 400),
    "no token": (head("GET", "/sessions"), 401),
    "a strange page": (head("GET", "/", {"Origin": "https://evil.example"}), 403),
    "no route": (head("GET", "/nowhere"), 404),
    "no method": (head("DELETE", RESERVE), 405),
    "too large": (post(b" " * 70_000), 413),
    "a long head": (b"GET / HTTP/1.1\r\nX: " + b"y" * 33_000, 413),
    "no JSON": (post(b"a=b", {"Content-Type": "text/plain"}), 415),
    "Engine.IO": (head("GET", POLLING), 200),
    "an unknown connection": (head("GET", f"{POLLING}&sid=x"), 400),
    "a post to nobody": (head("POST", f"{POLLING}&sid=x", {"Content-Length": "0"}), 400),
    "an older protocol": (head("GET", POLLING.replace("EIO=4", "EIO=3")), 400),
    "a WebSocket": (head("GET", WEBSOCKET, UPGRADE), 101),
}


@pytest.mark.parametrize(("request_bytes", "status"), ANSWERS.values(), ids=ANSWERS)
async def test_every_kind_of_answer_has_the_security_headers(
    request_bytes: bytes, status: int, server: RunningServer
) -> None:
    reply = await exchange(server.url, request_bytes)

    assert reply.status == status
    check_answer(reply)


GUARDED = [name for name, (_, status) in ANSWERS.items() if name not in ("garbage", "a long head")]


@pytest.mark.parametrize("name", GUARDED)
async def test_what_is_http_gets_a_policy_an_id_and_is_not_cached(
    name: str, server: RunningServer
) -> None:
    reply = await exchange(server.url, ANSWERS[name][0])

    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert reply.headers["cache-control"] == "no-store"
    assert len(reply.headers["x-request-id"]) == 16
    assert "origin" in reply.headers["vary"].lower()


async def test_ids_of_requests_are_ours_and_all_different(server: RunningServer) -> None:
    ours = {"X-Request-Id": "chosen-by-client"}

    replies = [await exchange(server.url, head("GET", "/health", ours)) for _ in range(10)]

    ids = {reply.headers["x-request-id"] for reply in replies}
    assert len(ids) == 10
    assert "chosen-by-client" not in ids


async def test_a_server_that_stops_says_so_to_probes_and_newcomers() -> None:
    async with running() as server:
        server.app._health.is_draining = server.app._gate.is_closed = True
        for target in ("/ready", POLLING):
            reply = await exchange(server.url, head("GET", target))

            assert (reply.status, problem_of(reply)) == (503, "unavailable")
        assert (await exchange(server.url, head("GET", "/health"))).status == 200


# --- faults of ours ---


async def fault(*_: object, **__: object) -> None:
    raise RuntimeError(SECRET)


async def test_a_fault_of_ours_is_answered_by_an_id_that_stands_in_the_log(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server.app.chat.rooms, "reserve", fault)

    reply = await exchange(server.url, post(b'{"sessionId":"a"}'))

    assert (reply.status, problem_of(reply)) == (500, "internal")
    assert SECRET.encode() not in reply.body
    assert reply.headers["x-request-id"] in reply.json["message"]
    assert [r.message for r in caplog.records if r.levelno >= logging.ERROR] == ["internal_error"]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_fault_of_ours_in_an_event_is_answered_and_the_connection_lives(
    transport: str, server: RunningServer, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = await dial(transport)
    await line.join("lair", "mallory")
    with monkeypatch.context() as broken:
        broken.setattr(server.app.chat.rooms, "members", fault)
        ack = await line.ask("get-public-keys", {"sessionId": "lair"})

    assert (ack["success"], ack["error"]) == (False, "internal")
    assert SECRET not in str(line.heard)
    assert line.events("session-error")[-1]["error"] == "internal"
    assert (await line.ask("get-public-keys", {"sessionId": "lair"}))["success"]


# --- the tables ---


@pytest.mark.parametrize("code", Code)
def test_every_error_code_has_its_http_status(code: Code) -> None:
    assert 400 <= errors.HTTP_STATUS[code] <= 599


def test_codes_are_told_apart_by_their_words() -> None:
    assert len({code.word for code in Code}) == len(Code)


@pytest.mark.parametrize("code", Code)
def test_only_what_may_pass_by_itself_has_a_status_that_says_so(code: Code) -> None:
    if errors.HTTP_STATUS[code] in (429, 503):
        assert code.can_retry


def test_close_codes_are_such_that_a_server_may_send() -> None:
    registered = {1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013}
    private = range(4000, 5000)
    assert all(code in registered or code in private for code in errors.CLOSE_CODE.values())


async def test_a_polling_answer_is_text_that_no_browser_runs(polling: PollingLine) -> None:
    reply = await exchange(polling.url, head("GET", f"{POLLING}&j=0"))

    assert reply.headers["content-type"].lower().startswith(("text/plain", "application/problem"))
