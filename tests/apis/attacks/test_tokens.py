"""Forged, changed, old and foreign tokens of a real account: none opens any door."""

import json
from collections.abc import Iterator
from typing import Any

import jwt

from server.core.tokens import ACCESS_LIFE_S
from tests.apis.attacks.scenes import ROUTES, Scene
from tests.apis.conftest import Later
from tests.apis.session_relay.sessions import configured
from tests.clocks import ManualClock
from tests.issuers import by_hand, by_secret, unsigned
from tests.servers import SECRET, RunningServer, running

ME = "GET /api/auth/me"
OTHER_SECRET = b"the secret of another installation"


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, whoever signed it."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def changed(token: str, **claims: Any) -> str:
    """The same token with other claims under the signature that it has."""
    head, _, signature = token.split(".")
    body = jwt.utils.base64url_encode(json.dumps({**claims_of(token), **claims}).encode())
    return ".".join([head, body.decode(), signature])


def forgeries(token: str, other: str) -> Iterator[tuple[str, str]]:
    """Tokens that say what a good one says, by what each is forged."""
    claims = claims_of(token)
    said = json.dumps(claims)
    yield "no signature, by name", unsigned(claims)
    yield "no signature, in capitals", unsigned(claims, "NONE")
    yield "no signature at all", token.rpartition(".")[0] + "."
    yield "half of a signature", token[:-20]
    yield "another key", by_secret(claims, OTHER_SECRET)
    yield "an empty key", by_hand('{"alg":"HS256"}', said, b"")
    yield (
        "a key of the signer's choice",
        by_hand('{"alg":"HS256","jwk":{"kty":"oct","k":"eA"}}', said, b"x"),
    )
    yield "a kid that is a path", by_hand('{"alg":"HS256","kid":"../../../../dev/null"}', said, b"")
    yield (
        "a kid that is a statement",
        by_hand('{"alg":"HS256","kid":"x\' UNION SELECT \'x"}', said, b"x"),
    )
    yield (
        "a key elsewhere",
        by_hand('{"alg":"RS256","jku":"http://127.0.0.1:9/keys"}', said, SECRET.encode()),
    )
    yield "a larger hash", jwt.encode(claims, OTHER_SECRET * 2, algorithm="HS512")
    yield "the name of another algorithm", by_hand('{"alg":"RS256"}', said, SECRET.encode())
    yield "another user", changed(token, sub=claims_of(other)["sub"])
    yield "another device", changed(token, device="another")
    yield "another sign-in", changed(token, family=claims_of(other)["family"])
    yield "an operator", changed(token, roles=["admin"], operator=True)
    yield "a longer life", changed(token, exp=claims["exp"] + 3600)
    yield "no end", changed(token, exp=None)
    yield "the signature of another", f"{token.rpartition('.')[0]}.{other.rpartition('.')[2]}"
    yield "the head of another kind", f"{by_hand('{}', '', b'').split('.')[0]}.{token}"
    yield "much of it", token + "A" * 7000
    yield "spaces", f"{token[:50]} {token[50:]}"
    yield "twice", f"{token}, {token}"


async def test_no_forged_token_opens_anything(scene: Scene) -> None:
    assert (await scene.ask(scene.alice, ME)).status == 200
    for name, token in forgeries(scene.alice.token, scene.mallory.token):
        answer = await scene.ask(token, ME)
        assert (answer.status, answer.code) == (401, "unauthenticated"), name
        operators = await scene.ask(token, "GET /api/admin/accounts")
        assert operators.status in (401, 403), name


async def test_what_is_signed_rightly_must_still_be_true(
    scene: Scene, server: RunningServer
) -> None:
    """Whoever has the secret can say whatever; the database says what is."""
    tokens: Any = server.chat.tokens
    claims = claims_of(scene.alice.token)

    def signed(**other: Any) -> str:
        return by_secret({**claims, **other}, tokens._secret)

    assert (await scene.ask(signed(), ME)).status == 200
    for name, wrong in {
        "another user": {"sub": scene.mallory.user_id},
        "another device": {"device": scene.mallory.device_id},
        "another sign-in": {"family": claims_of(scene.mallory.token)["family"]},
        "a sign-in that is none": {"family": "0"},
        "a sign-in that is no text": {"family": {"$ne": ""}},
        "a sign-in with NUL": {"family": "a\0"},
        "another type": {"typ": "refresh"},
        "the type of a registration": {"typ": "registration"},
        "no type": {"typ": None},
        "not valid yet": {"nbf": claims["iat"] + 600},
        "made in the future": {"iat": claims["iat"] + 600},
        "an end that is text": {"exp": str(claims["exp"])},
    }.items():
        answer = await scene.ask(signed(**wrong), ME)
        assert (answer.status, answer.code) == (401, "unauthenticated"), name
    operator = signed(roles=["admin"], operator=True, is_operator=True)
    assert (await scene.ask(operator, "GET /api/admin/accounts")).status == 403


async def test_a_token_ends_with_its_quarter_of_an_hour(scene: Scene, later: Later) -> None:
    await later(seconds=ACCESS_LIFE_S)
    answer = await scene.ask(scene.alice, ME)
    assert (answer.status, answer.code) == (401, "token_expired")


async def test_a_refresh_token_signs_nobody_in_and_an_access_token_renews_nothing(
    scene: Scene,
) -> None:
    assert (await scene.ask(scene.alice.refresh_token, ME)).code == "unauthenticated"
    for token in (scene.alice.token, scene.alice.refresh_token + "A", "", "a\u00e9"):
        answer = await scene.ask(None, "POST /api/auth/refresh", {"refreshToken": token})
        assert answer.status in (400, 401)


async def test_a_refresh_token_that_comes_twice_ends_all_that_came_of_it(scene: Scene) -> None:
    spent = {"refreshToken": scene.alice.refresh_token}
    renewed = (await scene.done(None, "POST /api/auth/refresh", spent))["data"]
    assert (await scene.ask(renewed["accessToken"], ME)).status == 200

    assert (await scene.ask(None, "POST /api/auth/refresh", spent)).code == "unauthenticated"
    for token in (scene.alice.token, renewed["accessToken"]):
        assert (await scene.ask(token, ME)).code == "unauthenticated"
    newer = {"refreshToken": renewed["refreshToken"]}
    assert (await scene.ask(None, "POST /api/auth/refresh", newer)).code == "unauthenticated"


async def test_the_token_of_another_installation_opens_nothing(
    scene: Scene, clock: ManualClock
) -> None:
    async with running(clock, JWT_SECRET="y" * 40) as other:
        theirs: Any = other.chat.tokens
        token = by_secret(claims_of(scene.alice.token), theirs._secret)
    assert (await scene.ask(token, ME)).code == "unauthenticated"


@configured(JWT_SECRET=SECRET)
async def test_a_partner_makes_guests_of_nobodys_account(scene: Scene) -> None:
    """A system that has our secret names its own users, who are nobody's devices here."""
    token = by_secret({"sub": scene.alice.user_id, "device": "phone"}, SECRET.encode())
    for name in ("GET /api/auth/devices", "GET /api/users/blocks"):
        assert (await scene.ask(token, name)).status in (401, 403), name


@configured(JWT_SECRET=SECRET, JWT_AUDIENCE="chat")
async def test_a_token_of_a_partner_that_is_for_something_else_signs_nobody_in(
    scene: Scene,
) -> None:
    """Who shares our secret signs all kinds of tokens with it."""
    claims: dict[str, Any] = {"sub": "somebody"}
    for good in ({}, {"typ": "access"}, {"aud": "chat"}, {"aud": ["shop", "chat"]}):
        assert (await scene.ask(by_secret(claims | good, SECRET.encode()), ME)).status == 200
    for bad in (
        {"aud": "shop"},
        {"aud": ["shop", "chats"]},
        {"aud": {"chat": 1}},
        {"typ": "refresh"},
        {"type": "reset-password"},
        {"purpose": "verify-email"},
        {"token_use": "id"},
        {"typ": ["access"]},
    ):
        answer = await scene.ask(by_secret(claims | bad, SECRET.encode()), ME)
        assert (answer.status, answer.code) == (401, "unauthenticated"), bad


async def test_a_token_counts_only_where_it_belongs(scene: Scene) -> None:
    token = scene.alice.token
    path = f"/api/auth/me?token={token}&access_token={token}"
    for headers in (
        {"Authorization": f"Basic {token}"},
        {"Authorization": token},
        {"Cookie": f"token={token}; access_token={token}; Authorization={token}"},
        {"X-Authorization": f"Bearer {token}", "X-Original-Authorization": f"Bearer {token}"},
        {"X-Forwarded-User": "alice", "X-User-Id": scene.alice.user_id, "X-Admin-Token": token},
    ):
        async with scene.http.get(path, headers=headers) as answer:
            assert answer.status == 401, headers


async def test_a_registration_token_opens_no_other_route(scene: Scene) -> None:
    login = {"username": "alice", "password": "SecurePass123!", "deviceId": "new"}
    data = (await scene.done(None, "POST /api/auth/login", login))["data"]
    for name, route in ROUTES.items():
        if route.access.name == "USER":
            answer = await scene.ask(data["registrationToken"], name.format(**scene.ids))
            assert answer.code == "unauthenticated", name
