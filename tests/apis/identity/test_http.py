"""Identity over HTTP: guests, and what a Bearer token opens."""

import pytest

from tests.apis.identity.conftest import NOW_S, token_of
from tests.apis.session_relay.sessions import configured
from tests.issuers import AUDIENCE, ISSUER, by_secret, unsigned
from tests.servers import ADMIN_TOKEN

HOUR_S = 3600
ME = "/api/auth/me"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_guest_gets_a_token_and_is_known_by_it(http):
    async with http.post("/api/auth/guest", json={"login": "Zoë"}) as answer:
        assert answer.status == 201
        assert answer.headers["Cache-Control"] == "no-store"
        given = await answer.json()
    assert given.keys() == {"success", "token", "expiresAt", "user"}
    assert given["success"] is True
    assert given["expiresAt"] == "2027-01-16T08:00:00.000Z"
    assert given["user"].keys() == {"id", "login"}
    assert given["user"]["login"] == "Zoë"
    async with http.get(ME, headers=bearer(given["token"])) as answer:
        assert await answer.json() == {
            "success": True,
            "user": {**given["user"], "guest": True},
            "expiresAt": given["expiresAt"],
        }


@pytest.mark.parametrize("body", [{"data": None}, {"json": {}}, {"json": {"login": None}}])
async def test_a_guest_need_not_say_a_name(http, body):
    async with http.post("/api/auth/guest", **body) as answer:
        assert answer.status == 201
        assert (await answer.json())["user"]["login"].startswith("Guest ")


@pytest.mark.parametrize("login", [7, ["Zoë"], "x" * 65, "x" * 1000, "a\nb"])
async def test_a_guests_name_that_is_none_is_refused(http, login):
    async with http.post("/api/auth/guest", json={"login": login}) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"] == "invalid_request"


@configured(ADDRESS_GUESTS_PER_MINUTE=4)
async def test_one_address_gets_so_many_guests_tokens(http):
    statuses = []
    for _ in range(2):
        async with http.post("/api/auth/guest") as answer:
            statuses.append((answer.status, answer.headers.get("Retry-After")))

    assert statuses == [(201, None), (429, "15")]


@configured(GUESTS="false")
async def test_where_there_are_no_guests_asking_for_one_is_forbidden(http):
    async with http.post("/api/auth/guest") as answer:
        assert answer.status == 403
        assert (await answer.json())["error"] == "forbidden"


async def test_users_of_other_systems_are_known_by_their_own_tokens(http, signer):
    foreign = token_of(7, login="al")
    whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW_S + HOUR_S}

    async with http.get(ME, headers=bearer(foreign)) as answer:
        assert await answer.json() == {
            "success": True,
            "user": {"id": 7, "login": "al", "guest": False},
            "expiresAt": None,
        }
    async with http.get(ME, headers=bearer(signer.sign(whole))) as answer:
        assert (await answer.json())["user"]["id"] == "alice@id.example"


REFUSED = {
    "nothing": ({}, "unauthenticated"),
    "an empty token": ({"Authorization": "Bearer "}, "unauthenticated"),
    "another scheme": ({"Authorization": f"Basic {token_of()}"}, "unauthenticated"),
    "no token": (bearer("alice"), "unauthenticated"),
    "a forged one": (bearer(by_secret({"sub": "a"}, b"x" * 32)), "unauthenticated"),
    "an unsigned one": (bearer(unsigned({"sub": "alice"})), "unauthenticated"),
    "bytes that are no text": ({"Authorization": "Bearer \udcff.a.b"}, "unauthenticated"),
    "the operators' token": (bearer(ADMIN_TOKEN), "unauthenticated"),
    "one that has run out": (bearer(token_of(exp=NOW_S)), "token_expired"),
    "one in the query": ({}, "unauthenticated"),
}


@pytest.mark.parametrize(("headers", "code"), REFUSED.values(), ids=REFUSED)
async def test_whoever_shows_no_good_token_is_nobody(http, headers, code):
    async with http.get(f"{ME}?token={token_of()}", headers=headers) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        problem = await answer.json()
        assert (problem["error"], problem["success"]) == (code, False)


async def test_what_is_open_to_everybody_is_open_with_a_bad_token_too(http):
    for token in (token_of(), token_of(exp=NOW_S), unsigned({"sub": "alice"}), "no token"):
        body = {"sessionId": f"session-{hash(token)}"}
        async with http.post("/api/reserve-session", json=body, headers=bearer(token)) as answer:
            assert answer.status == 201


async def test_an_issuer_whose_keys_cannot_be_had_is_no_fault_of_the_user(http, issuer, signer):
    issuer.jwks = []
    token = signer.sign({"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": NOW_S + HOUR_S})

    async with http.get(ME, headers=bearer(token)) as answer:
        assert answer.status == 503
        assert (await answer.json())["error"] == "unavailable"
        assert answer.headers["Retry-After"] == "5"


# --- operators ---

ADMINS = {
    "the operators' token": (bearer(ADMIN_TOKEN), 200),
    "the operators' token of its own": ({"X-Admin-Token": ADMIN_TOKEN}, 200),
    "a user who is one": (bearer(token_of(roles=["admin"])), 200),
    "a user who is one, by the other header": (
        {"X-Admin-Token": token_of(roles=["admin"])},
        200,
    ),
    "a user who is none": (bearer(token_of(roles=["user"])), 403),
    "a user who was one": (bearer(token_of(roles=["admin"], exp=NOW_S)), 401),
    "somebody who forges": (bearer(by_secret({"sub": "a", "roles": ["admin"]}, b"x" * 32)), 401),
    "another token": (bearer("operators-token-of-others"), 403),
    "nobody": ({}, 401),
}


@pytest.mark.parametrize(("headers", "status"), ADMINS.values(), ids=ADMINS)
async def test_operators_are_who_has_their_token_and_users_who_are_some(http, headers, status):
    for path in ("/sessions", "/metrics"):
        forwarded = {"X-Forwarded-For": "192.0.2.1", **headers}  # not of this machine
        async with http.get(path, headers=forwarded) as answer:
            assert answer.status == status


async def test_a_guest_is_no_operator_whatever_its_name(http):
    async with http.post("/api/auth/guest", json={"login": "admin"}) as answer:
        token = (await answer.json())["token"]
    async with http.get("/sessions", headers=bearer(token)) as answer:
        assert answer.status == 403
