"""What only operators see: sessions without keys, and metrics."""

import pytest

from tests.apis.session_relay.sessions import configured, metrics_of
from tests.people import catch_up
from tests.servers import ADMIN_TOKEN

BEARER = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


@pytest.fixture
def transport():
    return "websocket"


async def listed(http, query="", headers=BEARER):
    async with http.get(f"/sessions{query}", headers=headers) as response:
        return response.status, await response.json(content_type=None)


async def test_a_session_is_shown_in_numbers(session, alice, http, clock):
    await alice.ask("send-message", {"sessionId": "abc123", "encrypted": "hello"})

    _, body = await listed(http)

    (shown,) = body["sessions"]
    assert shown.pop("bytes") >= len("hello")
    assert shown == {
        "sessionId": "abc123",
        "members": 2,
        "messages": 1,
        "createdAt": clock.now_ms(),
        "lastActivityAt": clock.now_ms(),
        "locked": False,
        "hasKey": True,
    }


async def test_no_key_no_name_and_no_ciphertext_is_shown(session, alice, http):
    await alice.ask("send-message", {"sessionId": "abc123", "encrypted": "c1ph3r"})

    for path in ("/sessions", "/metrics", "/health"):
        async with http.get(path, headers=BEARER) as response:
            assert response.status == 200
            text = await response.text()
        for secret in ("xyz789", "alice", "Alice", "key of", "c1ph3r", *session.tokens.values()):
            assert secret not in text


async def test_a_locked_session_and_one_without_key_are_shown_as_such(session, alice, bob, http):
    await alice.ask("lock-session", {"sessionId": "abc123", "locked": True})
    await bob.join("open", "bob", isCreator=True)

    _, body = await listed(http)

    shown = {one["sessionId"]: (one["locked"], one["hasKey"]) for one in body["sessions"]}
    assert shown == {"abc123": (True, True), "open": (False, False)}


@pytest.mark.parametrize(
    "headers",
    [BEARER, {"Authorization": f"bearer {ADMIN_TOKEN}"}, {"X-Admin-Token": ADMIN_TOKEN}],
    ids=str,
)
async def test_the_operators_token_opens_it_as_bearer_or_in_a_header_of_its_own(http, headers):
    assert await listed(http, headers=headers) == (
        200,
        {"success": True, "sessions": [], "next": None},
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": f"Basic {ADMIN_TOKEN}"}, 401),
        ({"Authorization": "Bearer wrong"}, 403),
        ({"Authorization": f"Bearer {ADMIN_TOKEN}x"}, 403),
        ({"X-Admin-Token": ADMIN_TOKEN[:-1]}, 403),
        ({"X-Admin-Token": "ünïcode"}, 403),
    ],
    ids=str,
)
async def test_without_the_operators_token_nothing_is_listed(session, http, headers, status):
    found, body = await listed(http, headers=headers)

    assert found == status
    assert "abc123" not in str(body)


async def test_sessions_are_listed_page_by_page(http):
    for name in ("c", "a", "d", "b", "e"):
        await http.post("/api/reserve-session", json={"sessionId": name})
    pages, query = [], "?limit=2"

    for _ in range(3):
        _, body = await listed(http, query)
        pages.append([one["sessionId"] for one in body["sessions"]])
        query = f"?limit=2&after={body['next']}"

    assert pages == [["a", "b"], ["c", "d"], ["e"]]
    _, body = await listed(http, query)
    assert (body["sessions"], body["next"]) == ([], None)


@pytest.mark.parametrize("query", ["?limit=0", "?limit=1001", "?limit=x", "?limit=1.5", "?after="])
async def test_a_page_that_cannot_be_is_an_error(http, query):
    status, body = await listed(http, query)

    assert (status, body["error"]) == (400, "invalid_request")


# --- on this machine ---


async def test_sessions_need_the_token_on_this_machine_too(http):
    assert (await listed(http, headers={}))[0] == 401


@configured(DEBUG="true")
async def test_debug_opens_sessions_on_this_machine_and_not_through_a_proxy(direct):
    assert (await listed(direct, headers={}))[0] == 200
    for name in ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"):
        assert (await listed(direct, headers={name: "203.0.113.7"}))[0] == 401


async def test_metrics_are_open_on_this_machine_and_not_through_a_proxy(direct):
    async with direct.get("/metrics") as response:
        assert response.status == 200
    async with direct.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"}) as response:
        assert response.status == 401


async def test_metrics_of_all_processes_count_what_happens(alice, bob, server):
    await alice.join("abc123", "alice", isCreator=True)
    await bob.join("abc123", "bob")
    await alice.ask("send-message", {"sessionId": "abc123", "encrypted": "hello"})
    await alice.ask("no-such-event")
    await catch_up(alice, bob)  # by an unknown event of each

    found = [await metrics_of(url) for url in server.node_urls]

    for name, value in (
        ("hushwire_connections", 2),
        ("hushwire_messages_total", 1),
        ('hushwire_rejected_total{reason="unknown_event"}', 3),
        ('hushwire_event_seconds_count{event="send-message"}', 1),
    ):
        assert sum(one.get(name, 0) for one in found) == value, name


async def test_each_process_counts_the_sessions_of_all(session, alice, server):
    for url in server.node_urls:
        assert (await metrics_of(url))["hushwire_sessions"] == 1
