"""Verbs, paths, headers and origins that no client sends by itself."""

import itertools
import logging
from collections import defaultdict

import aiohttp
import pytest
from yarl import URL

from server.transports.api import Access
from server.transports.openapi import names_in
from tests.apis.attacks.scenes import ROUTES, Scene
from tests.apis.session_relay.sessions import configured

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")

PAGE = "https://app.example"


def verbs_by_path() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for route in ROUTES.values():
        found[route.path].add(route.method)
    return found


def shape(path: str) -> str:
    """A path with its names left open: two of one shape are one to whoever asks."""
    return "/".join("*" if part.startswith("{") else part for part in path.split("/"))


async def test_a_verb_that_is_not_in_the_table_is_refused_with_those_that_are(
    scene: Scene,
) -> None:
    headers = {"Authorization": f"Bearer {scene.mallory.token}"}
    for path, known in verbs_by_path().items():
        for verb in set(VERBS) - known:
            url = path.format(**scene.ids)
            async with scene.http.request(verb, url, headers=headers) as answer:
                allowed = set(answer.headers.get("Allow", "").split(", "))
                # `/api/rooms/{roomId}` may have the verbs of a neighbour as well.
                if answer.status != 405:
                    others = [other for other in verbs_by_path() if _covers(other, path)]
                    assert any(verb in verbs_by_path()[other] for other in others), (verb, path)
                    continue
                assert known <= allowed, (verb, path)
                assert verb not in allowed, (verb, path)


def _covers(pattern: str, path: str) -> bool:
    parts, others = shape(pattern).split("/"), path.split("/")
    pairs = zip(parts, others, strict=False)
    return len(parts) == len(others) and all(one in ("*", other) for one, other in pairs)


OVERRIDES = {
    "X-HTTP-Method-Override": "DELETE",
    "X-HTTP-Method": "DELETE",
    "X-Method-Override": "DELETE",
    "X-Original-URL": "/api/admin/accounts",
    "X-Rewrite-URL": "/api/admin/accounts",
}


async def test_no_header_changes_the_verb_or_the_path(scene: Scene) -> None:
    path = f"/api/rooms/{scene.ids['roomId']}?_method=DELETE"
    for _ in range(2):
        headers = {"Authorization": f"Bearer {scene.alice.token}", **OVERRIDES}
        async with scene.http.get(path, headers=headers) as answer:
            assert (await answer.json())["data"]["roomId"] == scene.ids["roomId"]


TRAVERSALS = [
    "..%2f..%2fadmin%2faccounts",
    "%2e%2e%2f%2e%2e",
    "..%5c..%5c",
    "%252e%252e%252f",
    "..;%2f",
    "a%2fparticipants",
    "%00",
    "a%0d%0aSet-Cookie:%20a=b",
    "%ff%fe",
    "%f0%9f%98%80",
    "*",
    "%27%20OR%201=1%20--",
    "%25",
    "x" * 2000,
]


ONES_OWN = {
    ("POST /api/groups/{groupId}/block", "groupId"),
    ("POST /api/users/{userId}/block", "userId"),
    ("POST /api/users/{userId}/unblock", "userId"),
    ("DELETE /api/users/blocks/{userId}", "userId"),
    ("GET /api/messages/direct/{userId}", "userId"),
}
"""Of one's own lists, in which whoever is named is, or is not, or is not any more."""


async def test_an_odd_id_in_a_path_is_an_id_that_nobody_has(scene: Scene) -> None:
    before = await scene.seen_by(scene.alice)
    for odd, (name, route) in itertools.product(TRAVERSALS, ROUTES.items()):
        for place in names_in(route.path):
            if route.access is not Access.USER or (name, place) in ONES_OWN:
                continue
            path = route.path.format(**{**scene.ids, place: odd})
            url = URL(f"{scene.http._base_url}".rstrip("/") + path, encoded=True)
            headers = {"Authorization": f"Bearer {scene.mallory.token}"}
            body = dict(route.example) or None
            async with scene.http.request(
                route.method, url, headers=headers, json=body if route.method != "GET" else None
            ) as answer:
                assert answer.status in (400, 404), (name, answer.status)
                assert "a" not in answer.cookies
                assert "Set-Cookie" not in answer.headers
    assert await scene.seen_by(scene.alice) == before


async def test_nothing_that_a_client_says_becomes_a_header_of_an_answer(scene: Scene) -> None:
    headers = {"X-Request-Id": "mine", "X-Correlation-Id": "mine", "User-Agent": "mine"}
    for path in ("/api/auth/me", "/nowhere/mine?mine=mine", "/openapi.json?callback=mine"):
        async with scene.http.get(path, headers=headers) as answer:
            assert not [name for name, value in answer.headers.items() if "mine" in value], path


STRANGERS = [
    "https://elsewhere.example",
    "https://app.example.elsewhere.example",
    "https://elsewhere-app.example",
    "http://app.example",
    "https://app.example:8443",
    "null",
    "https://APP.example@elsewhere.example",
    "file://",
    "",
]


@configured(CLIENT_URL=PAGE)
async def test_no_page_from_elsewhere_may_ask_any_route(scene: Scene) -> None:
    verbs = ("GET", "POST", "OPTIONS")
    for origin, path, verb in itertools.product(STRANGERS, verbs_by_path(), verbs):
        headers = {"Origin": origin, "Authorization": f"Bearer {scene.alice.token}"}
        url = path.format(**scene.ids)
        async with scene.http.request(verb, url, headers=headers) as answer:
            assert answer.status == 403, (verb, path)
            assert "Access-Control-Allow-Origin" not in answer.headers


@configured(CLIENT_URL=PAGE)
async def test_our_own_pages_may_and_are_told_so(scene: Scene) -> None:
    headers = {"Origin": PAGE, "Authorization": f"Bearer {scene.alice.token}"}
    async with scene.http.get("/api/auth/me", headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    async with scene.http.options("/api/rooms/x", headers={"Origin": PAGE}) as answer:
        assert answer.status == 204
        assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]


async def test_what_has_no_rate_leaves_no_line_in_the_log(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hushwire.http")
    await scene.done(scene.alice, "GET /api/rooms")
    assert len(caplog.records) == 1
    caplog.clear()
    for path in ("/nowhere", "/api/rooms", "/openapi.json"):
        async with scene.http.options(path):
            pass
    async with scene.http.get("/openapi.json"):
        pass
    assert caplog.records == []


OPEN = {name: route for name, route in ROUTES.items() if route.access is Access.OPEN}


@configured(RATE_LIMITS="on")
async def test_what_is_open_to_everybody_is_refused_to_who_asks_too_often(scene: Scene) -> None:
    for name, route in OPEN.items():
        refused = None
        for n in range(200):
            body = {**route.example, "refreshToken": f"guessed {n}", "sessionId": f"session {n}"}
            refused = await scene.ask(None, name, body if route.method == "POST" else None)
            if refused.status == 429:
                break
        assert refused is not None
        assert (refused.status, refused.code) == (429, "rate_limited"), name


async def test_an_answer_is_never_kept_by_a_cache_between(scene: Scene) -> None:
    for name, route in ROUTES.items():
        if route.method == "GET":
            headers = {"Authorization": f"Bearer {scene.token_for(route)}"}
            async with scene.http.get(route.path.format(**scene.ids), headers=headers) as answer:
                assert answer.headers["Cache-Control"] == "no-store", name


async def test_two_requests_in_one_are_one(scene: Scene, http: aiohttp.ClientSession) -> None:
    """A body that looks like a request is a body."""
    body = b"GET /api/admin/accounts HTTP/1.1\r\nHost: a\r\n\r\n"
    headers = {"Content-Type": "application/json"}
    async with http.post("/api/auth/login", data=body, headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, "invalid_request")
