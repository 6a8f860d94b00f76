"""Which pages may use the server, and whose address a request has, also behind proxies."""

from typing import Any

import pytest

from tests.servers import RunningServer, running
from tests.transports.answers import problem_of
from tests.transports.wire import POLLING, UPGRADE, WEBSOCKET, Reply, exchange, head

APP = "https://app.example"
OTHER = "https://other.example"
RESERVE = "/api/reserve-session"


async def ask(server: RunningServer, way: str, **headers: str) -> Reply:
    """A request from a page, over HTTP, polling or a WebSocket; `headers` with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = b'{"sessionId":"a"}'
    json = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    requests = {
        "GET": head("GET", "/health", named),
        "POST": head("POST", RESERVE, {**json, **named}) + body,
        "preflight": head("OPTIONS", RESERVE, {"Access-Control-Request-Method": "POST", **named}),
        "polling": head("GET", POLLING, named),
        "WebSocket": head("GET", WEBSOCKET, {**UPGRADE, **named}),
        "no route": head("GET", "/nowhere", named),
    }
    return await exchange(server.url, requests[way])


SERVED = {
    "GET": 200,
    "POST": 201,
    "preflight": 204,
    "polling": 200,
    "WebSocket": 101,
    "no route": 404,
}

CASES: list[tuple[str, str, bool]] = [
    (APP, APP, True),
    (f"{APP},https://b.example:8443", "https://b.example:8443", True),
    (f" {APP}/ , https://b.example", APP, True),
    (APP.upper(), APP, True),
    (APP, OTHER, False),
    (APP, "http://app.example", False),
    (APP, f"{APP}:8443", False),
    (APP, f"{APP}.evil.example", False),
    (APP, "https://evil-app.example", False),
    (APP, f"{APP}/", False),
    (APP, f"{APP}, {OTHER}", False),
    (APP, "null", False),
    (APP, "", False),
    (APP, "*", False),
    ("*", OTHER, True),
    ("*", "null", True),
]


@pytest.mark.parametrize("way", SERVED)
@pytest.mark.parametrize(("client_url", "origin", "is_allowed"), CASES)
async def test_the_list_of_origins_guards_every_way_alike(
    client_url: str, origin: str, is_allowed: bool, way: str
) -> None:
    async with running(CLIENT_URL=client_url) as server:
        reply = await ask(server, way, Origin=origin)

    if is_allowed:
        assert reply.status == SERVED[way]
        assert reply.headers["access-control-allow-origin"] == origin
    else:
        assert (reply.status, problem_of(reply)) == (403, "origin_refused")
        assert "access-control-allow-origin" not in reply.headers
    assert "Origin" in reply.headers["vary"]


@pytest.mark.parametrize("way", SERVED)
async def test_a_request_without_origin_is_no_page_and_passes(
    way: str, server: RunningServer
) -> None:
    reply = await ask(server, way)

    assert reply.status == SERVED[way]
    assert "access-control-allow-origin" not in reply.headers


async def test_only_pages_by_name_may_send_credentials() -> None:
    async with running(CLIENT_URL=f"{APP},*") as server:
        named = await ask(server, "GET", Origin=APP)
        other = await ask(server, "GET", Origin=OTHER)

    assert named.headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-credentials" not in other.headers


async def test_a_preflight_tells_what_a_page_may_send() -> None:
    async with running(CLIENT_URL=APP) as server:
        reply = await ask(server, "preflight", Origin=APP)

    assert reply.body == b""
    assert "POST" in reply.headers["access-control-allow-methods"]
    assert "content-type" in reply.headers["access-control-allow-headers"].lower()


async def test_a_refused_page_leaves_no_session_and_no_connection(server: RunningServer) -> None:
    for way in SERVED:
        assert (await ask(server, way, Origin=OTHER)).status == 403

    health = (await ask(server, "GET")).json
    assert (health["sessions"], health["connections"]) == (0, 0)


# --- our own origin ---

OWN = "https://chat.example"
VIA_PROXY = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "chat.example"}


@pytest.mark.parametrize("way", SERVED)
async def test_our_own_pages_may_use_us(way: str, server: RunningServer) -> None:
    assert (await ask(server, way, Origin="http://relay.example")).status == SERVED[way]


@pytest.mark.parametrize("way", SERVED)
@pytest.mark.parametrize("trusted", ["1", "2", "127.0.0.0/8", "10.0.0.0/8,127.0.0.1"])
async def test_behind_a_trusted_proxy_our_own_origin_is_as_it_tells(trusted: str, way: str) -> None:
    async with running(TRUSTED_PROXIES=trusted) as server:
        reply = await ask(server, way, Origin=OWN, **VIA_PROXY)

    assert reply.status == SERVED[way]
    assert reply.headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.parametrize("trusted", ["0", "10.0.0.0/8"])
async def test_a_stranger_cannot_tell_us_our_origin(trusted: str) -> None:
    async with running(TRUSTED_PROXIES=trusted) as server:
        reply = await ask(server, "WebSocket", Origin=OWN, **VIA_PROXY)

    assert (reply.status, problem_of(reply)) == (403, "origin_refused")
    assert "strict-transport-security" not in reply.headers


# --- whose address counts ---

CLIENT, SPOOFED, INNER = "203.0.113.7", "198.51.100.1", "10.1.2.3"

ADDRESSES: list[tuple[str, list[str], str]] = [
    # TRUSTED_PROXIES, X-Forwarded-For line by line, who it is
    ("0", [CLIENT], "127.0.0.1"),
    ("10.0.0.0/8", [CLIENT], "127.0.0.1"),
    ("1", [CLIENT], CLIENT),
    ("1", [f"{SPOOFED}, {CLIENT}"], CLIENT),
    ("1", [f"{SPOOFED},{CLIENT}"], CLIENT),
    ("1", [SPOOFED, CLIENT], CLIENT),  # HAProxy adds a line of its own
    ("2", [f"{SPOOFED}, {CLIENT}, {INNER}"], CLIENT),
    ("2", [f"{SPOOFED}, {CLIENT}", INNER], CLIENT),
    ("2", [CLIENT], CLIENT),
    ("1", [], "127.0.0.1"),
    ("127.0.0.0/8", [CLIENT], CLIENT),
    ("127.0.0.0/8", [f"{SPOOFED}, {CLIENT}"], CLIENT),
    ("127.0.0.0/8", [SPOOFED, CLIENT], CLIENT),
    ("127.0.0.0/8,10.0.0.0/8", [f"{SPOOFED}, {CLIENT}, {INNER}"], CLIENT),
    ("127.0.0.0/8", [], "127.0.0.1"),
    ("1", ["2001:db8:1:2::9"], "2001:db8:1:2::"),
    ("1", [f"::ffff:{CLIENT}"], CLIENT),
    ("1", [f"{SPOOFED}, nonsense"], "unknown"),
    ("1", [f"{SPOOFED}, {CLIENT}:51234"], CLIENT),  # some proxies tell the port as well
]


@pytest.mark.parametrize(("trusted", "forwarded", "client"), ADDRESSES)
async def test_limits_count_by_the_address_that_trusted_proxies_tell(
    trusted: str, forwarded: list[str], client: str
) -> None:
    settings: dict[str, Any] = {"TRUSTED_PROXIES": trusted, "MAX_ADDRESS_CONNECTIONS": 400}
    lines = "".join(f"X-Forwarded-For: {line}\r\n" for line in forwarded)
    request = head("GET", POLLING)[:-2] + lines.encode() + b"\r\n"
    async with running(**settings) as server:
        assert (await exchange(server.url, request)).status == 200

        assert list(server.app._gate._by_address) == [client]


async def test_a_stranger_gains_nothing_by_telling_addresses() -> None:
    async with running(MAX_ADDRESS_CONNECTIONS=2) as server:
        replies = [
            await ask(server, "polling", X_Forwarded_For=f"192.0.2.{n}", X_Real_IP=f"192.0.2.{n}")
            for n in range(4)
        ]

    assert [reply.status for reply in replies] == [200, 200, 429, 429]


async def test_clients_behind_one_proxy_are_counted_apart() -> None:
    settings: dict[str, Any] = {"TRUSTED_PROXIES": "127.0.0.0/8", "MAX_ADDRESS_CONNECTIONS": 1}
    async with running(**settings) as server:
        clients = [f"192.0.2.{n}" for n in (1, 2, 3, 1)]
        replies = [await ask(server, "polling", X_Forwarded_For=client) for client in clients]

    assert [reply.status for reply in replies] == [200, 200, 200, 429]


@pytest.mark.parametrize(
    "header", ["X_Forwarded_For", "X_Forwarded_Proto", "X_Forwarded_Host", "Forwarded"]
)
async def test_what_comes_through_a_proxy_is_not_from_this_machine(
    header: str, server: RunningServer
) -> None:
    named = header.replace("_", "-")

    here = {"Host": server.url.removeprefix("http://")}
    direct = await exchange(server.url, head("GET", "/metrics", here))
    proxied = await exchange(server.url, head("GET", "/metrics", {**here, named: "for=192.0.2.1"}))

    assert direct.status == 200
    assert (proxied.status, problem_of(proxied)) == (401, "unauthenticated")
