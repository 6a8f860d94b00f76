"""What browsers may do, by origin, on HTTP, polling and WebSocket alike; health; the front page."""

import asyncio
from contextlib import AsyncExitStack

import aiohttp
import pytest

from server.version import VERSION
from tests.apis.session_relay.sessions import configured
from tests.clocks import LIMIT_S
from tests.servers import ADMIN_TOKEN

POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
FRONT_END = "http://localhost:5173"
STRANGE = [
    "https://evil.example",
    "http://localhost:5174",
    "https://localhost:5173",
    "http://localhost:5173.evil.example",
    "null",
    "",
]


@pytest.fixture
def transport():
    return "websocket"


async def open_websocket(http, origin):
    """The status of a WebSocket handshake from a page."""
    try:
        async with http.ws_connect(WEBSOCKET, origin=origin):
            return 101
    except aiohttp.WSServerHandshakeError as error:
        return error.status


async def get(http, path, **headers):
    async with http.get(path, headers=headers) as response:
        await response.read()
        return response


# --- origins ---


@pytest.mark.parametrize("path", ["/health", "/ready", "/", POLLING])
async def test_the_front_end_reads_every_answer(http, path):
    response = await get(http, path, Origin=FRONT_END)

    assert response.status == 200
    assert response.headers["Access-Control-Allow-Origin"] == FRONT_END
    assert response.headers["Vary"] == "Origin"


async def test_the_front_end_reads_refusals_too(http):
    response = await get(http, "/sessions", Origin=FRONT_END)

    assert response.status == 401
    assert response.headers["Access-Control-Allow-Origin"] == FRONT_END


@pytest.mark.parametrize("origin", STRANGE)
@pytest.mark.parametrize("path", ["/health", "/sessions", POLLING])
async def test_a_strange_page_is_refused_and_reads_nothing(http, path, origin):
    response = await get(http, path, Origin=origin)

    assert response.status == 403
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_a_strange_page_reserves_nothing(http):
    body = {"sessionId": "abc123"}
    headers = {"Origin": "https://evil.example"}
    async with http.post("/api/reserve-session", json=body, headers=headers) as response:
        assert response.status == 403

    assert (await (await http.get("/health")).json())["sessions"] == 0


@pytest.mark.parametrize("origin", STRANGE)
async def test_a_strange_page_opens_no_websocket(http, origin):
    assert await open_websocket(http, origin) == 403


@pytest.mark.parametrize("origin", [FRONT_END, "HTTP://LOCALHOST:5173", None], ids=str)
async def test_the_front_end_and_programs_without_origin_open_a_websocket(http, origin):
    assert await open_websocket(http, origin) == 101


async def test_our_own_page_is_allowed_everywhere(server, http):
    for path in ("/health", POLLING):
        assert (await get(http, path, Origin=server.url)).status == 200
    assert await open_websocket(http, server.url) == 101


async def test_who_sends_no_origin_is_no_browser_and_passes(http):
    for path in ("/health", POLLING):
        response = await get(http, path)
        assert response.status == 200
        assert "Access-Control-Allow-Origin" not in response.headers


@configured(CLIENT_URL="https://one.example, https://two.example/")
@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://one.example", 200),
        ("https://two.example", 200),
        (FRONT_END, 403),
        ("https://three.example", 403),
    ],
)
async def test_several_origins_are_separated_by_commas(http, origin, status):
    assert (await get(http, "/health", Origin=origin)).status == status


@configured(CLIENT_URL="*")
async def test_any_page_is_allowed_only_where_that_is_written_out(http):
    response = await get(http, "/health", Origin="https://anywhere.example")

    assert response.status == 200
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert await open_websocket(http, "https://anywhere.example") == 101


async def test_a_preflight_allows_json_and_tokens_to_the_front_end(http):
    asked = {"Origin": FRONT_END, "Access-Control-Request-Method": "POST"}
    async with http.options("/api/reserve-session", headers=asked) as response:
        assert response.status == 204
        allowed = response.headers
    assert allowed["Access-Control-Allow-Origin"] == FRONT_END
    assert "POST" in allowed["Access-Control-Allow-Methods"]
    assert {"Authorization", "Content-Type"} <= set(
        allowed["Access-Control-Allow-Headers"].split(", ")
    )


async def test_a_preflight_of_a_strange_page_is_refused(http):
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    async with http.options("/api/reserve-session", headers=asked) as response:
        assert response.status == 403
        assert "Access-Control-Allow-Origin" not in response.headers


@configured(TRUSTED_PROXIES="1")
async def test_our_own_page_behind_a_trusted_proxy_is_allowed(direct):
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "chat.example"}

    for origin, status in (("https://chat.example", 200), ("http://chat.example", 403)):
        assert (await get(direct, POLLING, Origin=origin, **forwarded)).status == status


async def test_nobody_but_a_trusted_proxy_says_what_our_own_origin_is(http):
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}

    response = await get(http, POLLING, Origin="https://evil.example", **forwarded)

    assert response.status == 403


# --- every answer ---


@pytest.mark.parametrize("path", ["/", "/health", "/nowhere", "/sessions", POLLING])
async def test_every_answer_is_hardened_and_has_an_id(http, path):
    headers = (await get(http, path)).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Request-Id"]
    assert "Python" not in headers["Server"]


# --- health and the front page ---


async def health_of(server):
    """What each process says of itself."""
    async with aiohttp.ClientSession() as http:
        return [await (await http.get(f"{url}/health")).json() for url in server.node_urls]


async def test_health_counts_all_sessions_and_the_connections_of_the_process(session, server):
    found = await health_of(server)

    for body in found:
        assert set(body) == {"status", "uptime", "sessions", "connections", "version"}
        assert (body["status"], body["version"], body["sessions"]) == ("ok", VERSION, 1)
    assert sum(body["connections"] for body in found) == 2


async def test_who_has_gone_is_no_longer_counted(session, server, bob, lose):
    await lose(bob)

    assert sum(body["connections"] for body in await health_of(server)) == 1


@pytest.fixture
async def mortal(installation):
    """A process that the test itself stops: its URL, and how to stop it."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(installation.running())
        yield server.node_urls[0], stack.aclose


async def test_the_server_is_ready_until_it_stops_and_healthy_even_then(mortal):
    url, stop = mortal
    async with aiohttp.ClientSession(url) as http:
        # A WebSocket that never answers a close frame holds the stop up for a moment.
        stubborn = await http.ws_connect(WEBSOCKET, autoclose=False)
        assert (await get(http, "/ready")).status == 200

        stopping = asyncio.create_task(stop())

        async with http.get("/ready") as response:
            problem = await response.json(content_type="application/problem+json")
        assert (response.status, problem["error"]) == (503, "unavailable")
        assert (await get(http, "/health")).status == 200
        await stopping
        await stubborn.close()


async def test_a_stopping_server_closes_websockets_so_that_clients_come_back(mortal):
    url, stop = mortal
    async with aiohttp.ClientSession(url) as http, http.ws_connect(WEBSOCKET) as websocket:
        await websocket.send_str("40")
        opened = [await websocket.receive_str() for _ in range(2)]

        _, last = await asyncio.gather(stop(), websocket.receive(timeout=LIMIT_S))

    assert [packet.partition("{")[0] for packet in opened] == ["0", "40"]
    # No Socket.IO DISCONNECT ("41") comes before it.
    assert (last.type, last.data) == (aiohttp.WSMsgType.CLOSE, 1012)


@pytest.mark.parametrize("accept", ["text/html", "text/html,application/xhtml+xml,*/*;q=0.8"])
async def test_the_front_page_is_a_page_to_browsers(http, accept):
    async with http.get("/", headers={"Accept": accept}) as response:
        assert response.content_type == "text/html"
        assert "<html" in await response.text()


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
async def test_the_front_page_is_a_status_to_everybody_else(http, accept):
    async with http.get("/", headers={"Accept": accept}) as response:
        assert response.content_type == "application/json"
        assert (await response.json())["status"] == "ok"


async def test_the_status_names_no_session(session, http):
    for path in ("/", "/health", "/ready"):
        assert "abc123" not in await (await http.get(path)).text()


async def test_the_front_page_and_health_need_no_token(http):
    for path in ("/", "/health", "/ready"):
        with_one = await get(http, path, Authorization=f"Bearer {ADMIN_TOKEN}")
        assert (await get(http, path)).status == with_one.status == 200
