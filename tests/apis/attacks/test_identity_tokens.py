"""The door of the event queue: identity tokens, a browser's cookie, a user in the path."""

import itertools
import logging
from typing import Any

import pytest

from server.transports.api import Access
from tests.apis.attacks.scenes import ROUTES, Answer, Scene
from tests.apis.attacks.test_http import PAGE, STRANGERS
from tests.apis.attacks.test_raw_socket import close_code
from tests.apis.event_queue.people import id_token
from tests.apis.session_relay.sessions import configured
from tests.issuers import ISSUER, Signer
from tests.servers import RunningServer
from tests.transports.wire import UPGRADE, exchange, head

ME = "GET /api/users/me"
COOKIE = "hushwire-socket"


class Registered:
    """Somebody for whom the issuer vouches, with all that the server has given out."""

    def __init__(self, token: str, answer: dict[str, Any], cookie: str) -> None:
        self.id_token = token
        self.user_id: str = answer["user"]["user_id"]
        self.access: str = answer["access_token"]
        self.refresh: str = answer["refresh_token"]
        self.cookie = cookie
        self.path = f"/ws/{self.user_id}"

    @property
    def shown(self) -> dict[str, str]:
        """As its browser shows the cookie."""
        return {"Cookie": f"{COOKIE}={self.cookie}"}


async def register(scene: Scene, token: str, **headers: str) -> Registered:
    body = {"id_token": token, "public_key": "key"}
    async with scene.http.post("/api/register", json=body, headers=headers) as response:
        assert response.status in (200, 201), await response.text()
        cookie = response.cookies[COOKIE].value
        scene.http.cookie_jar.clear()
        return Registered(token, await response.json(), cookie)


@pytest.fixture
async def ada(scene: Scene, signer: Signer) -> Registered:
    return await register(scene, id_token(signer, ISSUER, "ada"))


@pytest.fixture
async def eve(scene: Scene, signer: Signer) -> Registered:
    return await register(scene, id_token(signer, ISSUER, "eve"))


# --- the cookie, and the path ---


@configured(CLIENT_URL=PAGE)
async def test_no_page_from_elsewhere_opens_a_socket_by_the_cookie(
    scene: Scene, server: RunningServer, ada: Registered
) -> None:
    for origin in STRANGERS:
        asked = {**UPGRADE, **ada.shown, "Origin": origin}
        reply = await exchange(server.url, head("GET", ada.path, asked))
        assert (reply.status, reply.json["code"]) == (403, "origin_refused"), origin
    reply = await exchange(
        server.url, head("GET", ada.path, {**UPGRADE, **ada.shown, "Origin": PAGE})
    )
    assert reply.status == 101


@configured(CLIENT_URL=PAGE)
async def test_nobodys_cookie_or_token_opens_the_socket_of_another_user(
    scene: Scene, server: RunningServer, ada: Registered, eve: Registered
) -> None:
    page = {"Origin": PAGE}
    for target, headers in (
        (ada.path, {**eve.shown, **page}),
        (ada.path, {"Authorization": f"Bearer {eve.access}"}),
        (ada.path, {"Authorization": f"Bearer {eve.id_token}"}),
        (ada.path, {"Authorization": f"Bearer {eve.access}", **ada.shown, **page}),
        (f"{ada.path}?token={eve.access}", {}),
        # Who is meant stands in the path alone.
        (f"{ada.path}?token={eve.access}&user_id={eve.user_id}", {}),
        (f"{ada.path}?user_id={eve.user_id}", {**eve.shown, **page}),
    ):
        assert await close_code(server.url, target, headers) == 4403, (target, headers)
    assert server.app.raw.open_lines == {}


@configured(CLIENT_URL=PAGE)
async def test_the_cookie_is_no_token_anywhere_else(
    scene: Scene, server: RunningServer, ada: Registered
) -> None:
    page = {"Origin": PAGE}
    for target, headers in (
        ("/ws", {**ada.shown, **page}),
        ("/ws", {"Authorization": f"Bearer {ada.cookie}"}),
        (ada.path, {"Authorization": f"Bearer {ada.cookie}"}),
        (ada.path, {"Sec-WebSocket-Protocol": f"bearer, {ada.cookie}"}),
        (f"{ada.path}?token={ada.cookie}", {}),
        (ada.path, {"Cookie": f"{COOKIE}={ada.access}", **page}),
        (ada.path, {"Cookie": f"{COOKIE}={ada.refresh}", **page}),
        (ada.path, {"Cookie": f"{COOKIE}={ada.id_token}", **page}),
        (ada.path, {"Cookie": f"hushwire-registration={ada.cookie}", **page}),
        (ada.path, {"Cookie": f"{COOKIE}=; {COOKIE}={ada.cookie[:-4]}", **page}),
    ):
        assert await close_code(server.url, target, headers) == 4401, (target, headers)
    for name, route in ROUTES.items():
        if route.access is Access.USER:
            answer = await scene.ask(ada.cookie, name.format(**scene.ids))
            assert answer.code == "unauthenticated", name
    for token in (ada.cookie, ada.access, ada.id_token):
        answer = await scene.ask(None, "POST /api/auth/refresh", {"refreshToken": token})
        assert answer.code == "unauthenticated"
    async with scene.http.get("/api/users/me", headers=ada.shown) as response:
        assert response.status == 401
    assert server.app.raw.open_lines == {}


@configured(CLIENT_URL=PAGE)
async def test_the_cookie_ends_with_its_sign_in(
    scene: Scene, server: RunningServer, ada: Registered
) -> None:
    await scene.done(ada.access, "POST /api/auth/logout", {})
    assert await close_code(server.url, ada.path, {**ada.shown, "Origin": PAGE}) == 4401


ODD_IDS = [
    "",
    "%2e%2e",
    "..%2f{id}",
    "{id}%2f",
    "{id}/",
    "{id}%00",
    "{id}%20",
    "{id}%0d%0aSet-Cookie:a=b",
    "%2f{id}",
    "7",
    "1e3",
    "*",
    "%ff%fe",
    "x" * 10_000,
]


async def test_an_odd_id_in_the_path_of_a_socket_is_nobodys(
    server: RunningServer, ada: Registered
) -> None:
    bearer = {"Authorization": f"Bearer {ada.access}"}
    for odd in ODD_IDS:
        target = f"/ws/{odd.format(id=ada.user_id)}"
        assert await close_code(server.url, target, bearer) in (4403, 400, 404, 414), odd[:20]
    assert server.app.raw.open_lines == {}
    assert server.app._gate.connections == 0


async def test_a_line_goes_on_with_no_token_of_another_user_of_the_same_device(
    scene: Scene, ada: Registered, eve: Registered
) -> None:
    """All who name no device are on `default`."""
    bearer = {"Authorization": f"Bearer {ada.access}"}
    async with scene.http.ws_connect(ada.path, headers=bearer) as ws:
        for token in (eve.access, eve.id_token):
            await ws.send_json({"type": "auth", "token": token, "ref": "r"})
            answer = await ws.receive_json(timeout=20)
            assert (answer["type"], answer["code"]) == ("error", "forbidden")
        for token in (ada.cookie, eve.cookie, ada.refresh):
            await ws.send_json({"type": "auth", "token": token, "ref": "r"})
            answer = await ws.receive_json(timeout=20)
            assert (answer["type"], answer["code"]) == ("error", "unauthenticated")


# --- identity tokens ---


async def test_no_identity_token_that_is_not_for_us_is_a_bearer_of_any_route(
    scene: Scene, signer: Signer, ada: Registered
) -> None:
    assert (await scene.ask(ada.id_token, ME)).status == 200
    others: dict[str, dict[str, Any]] = {
        "for another client": {"aud": "another client", "azp": "another client"},
        "given to another client": {"azp": "another client"},
        "of another issuer": {"iss": "https://evil.example"},
        "of somebody who has not registered": {"sub": "nobody"},
        "with an address that nobody has verified": {"email_verified": False},
    }
    for why, changes in others.items():
        token = id_token(signer, ISSUER, "ada", **changes)
        for name, route in ROUTES.items():
            if route.access is not Access.OPEN:
                answer = await scene.ask(token, name.format(**scene.ids))
                assert (answer.status, answer.code) == (401, "unauthenticated"), (why, name)


async def test_what_the_server_itself_has_given_registers_nobody(
    scene: Scene, ada: Registered
) -> None:
    for token in (ada.access, ada.refresh, ada.cookie, scene.alice.token):
        body = {"id_token": token, "public_key": "x"}
        answer = await scene.ask(None, "POST /api/register", body)
        assert (answer.status, answer.code) == (401, "unauthenticated")


async def test_who_shows_a_token_of_somebody_else_registers_as_whom_the_issuer_names(
    scene: Scene, signer: Signer, ada: Registered
) -> None:
    """Neither the Bearer nor the cookies nor the body say for whom it is."""
    body = {"id_token": id_token(signer, ISSUER, "eve"), "public_key": "key"}
    claims = {"user_id": ada.user_id, "sub": "ada", "email": "ada@example.com"}
    headers = {"Authorization": f"Bearer {ada.access}", **ada.shown}
    request = scene.http.post("/api/register", json={**body, **claims}, headers=headers)
    async with request as response:
        answer = Answer(response.status, await response.json())
    assert answer.status == 201
    assert answer.body["user"]["user_id"] != ada.user_id
    assert answer.body["user"]["email"] == "eve@example.com"


async def test_neither_identity_tokens_nor_cookies_nor_queries_are_in_a_log(
    scene: Scene, server: RunningServer, signer: Signer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ada = await register(scene, id_token(signer, ISSUER, "ada", nonce="canary-of-a-nonce"))
    expired = id_token(signer, ISSUER, "ada", exp=1)
    spoilt = ada.id_token[:-4]
    for token in (expired, spoilt):
        answer = await scene.ask(None, "POST /api/register", {"id_token": token, "public_key": "x"})
        assert answer.status == 401
        assert token not in str(answer.body)
    tokens = (ada.id_token, ada.access, ada.refresh, ada.cookie, expired, spoilt)
    for token, path in itertools.product(tokens, ("/ws", ada.path, "/nowhere", "/api/users/me")):
        cookie = {"Cookie": f"{COOKIE}={token}"}
        asked = f"{path}?token={token}&id_token={token}"
        await exchange(server.url, head("GET", asked, cookie))
        for origin in ("https://a.example", server.url):
            await exchange(server.url, head("GET", asked, {**UPGRADE, **cookie, "Origin": origin}))
        await scene.ask(token, f"GET {path}")
    logged = "\n".join(f"{record.__dict__} {record.getMessage()}" for record in caplog.records)
    assert "http" in logged
    assert "canary-of-a-nonce" not in logged
    for token in tokens:
        assert token[-60:-20] not in logged
        assert token[20:60] not in logged
