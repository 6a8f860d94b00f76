"""Who signs in by an identity token, and what that token must say."""

from typing import Any

import pytest

from tests.apis.conftest import Later
from tests.apis.event_queue.people import NOW_S, Member, call, id_token
from tests.apis.session_relay.sessions import configured
from tests.issuers import ISSUER, Signer, another_rsa_key, by_secret, unsigned
from tests.servers import ADMIN_TOKEN

ALICE_KEY = {"kty": "OKP", "x": "YWxpY2U"}


async def register(http: Any, token: str, **more: Any) -> tuple[int, Any]:
    body = {"id_token": token, "public_key": ALICE_KEY, **more}
    return await call(http, "POST", "/api/register", body)


async def test_the_first_time_makes_an_account_and_later_times_sign_in(http, signer):
    token = id_token(signer, ISSUER, "alice")
    first, made = await register(http, token, display_name="Alice B.")
    again, back = await register(http, token)
    assert (first, again) == (201, 200)
    assert made["user"] == back["user"]
    assert made["user"]["display_name"] == "Alice B."
    assert made["user"]["public_key"] == ALICE_KEY
    assert made["user"]["email"] == "alice@example.com"


@pytest.mark.parametrize("name", ["", " ", "\u200b", "a\nb", "x" * 65], ids=ascii)
async def test_nobody_is_registered_by_a_name_that_cannot_be_shown(http, signer, name):
    token = id_token(signer, ISSUER, "alice")
    status, problem = await register(http, token, display_name=name)
    assert (status, problem["code"]) == (400, "invalid_request")
    assert "display_name" in problem["message"]


async def test_an_access_token_and_the_identity_token_both_are_who_has_registered(http, signer):
    token = id_token(signer, ISSUER, "alice")
    _, made = await register(http, token)
    for shown in (made["access_token"], token):
        status, me = await call(http, "GET", "/api/users/me", token=shown)
        assert (status, me) == (200, made["user"])


async def test_an_identity_token_of_somebody_who_has_not_registered_is_nobodys(http, signer):
    token = id_token(signer, ISSUER, "alice")
    status, problem = await call(http, "GET", "/api/users/me", token=token)
    assert (status, problem["code"]) == (401, "unauthenticated")


async def test_a_refresh_token_gives_new_tokens(alice, http):
    body = {"refreshToken": alice.refresh_token}
    status, answer = await call(http, "POST", "/api/auth/refresh", body)
    assert status == 200
    token = answer["data"]["accessToken"]
    assert (await call(http, "GET", "/api/users/me", token=token))[0] == 200


async def test_signing_out_everywhere_ends_the_identity_token_too_until_a_newer_one(http, signer):
    old = id_token(signer, ISSUER, "alice")
    _, made = await register(http, old)
    status, _ = await call(http, "POST", "/api/auth/logout", {"all": True}, made["access_token"])
    assert status == 200
    assert (await call(http, "GET", "/api/users/me", token=old))[0] == 401
    newer = id_token(signer, ISSUER, "alice", iat=NOW_S)
    assert (await register(http, newer))[0] == 200
    assert (await call(http, "GET", "/api/users/me", token=newer))[0] == 200
    assert (await call(http, "GET", "/api/users/me", token=old))[0] == 401


async def test_who_is_banned_is_let_in_by_neither(http, signer):
    token = id_token(signer, ISSUER, "alice")
    _, made = await register(http, token)
    path = f"/api/admin/accounts/{made['user']['user_id']}/ban"
    assert (await call(http, "POST", path, {}, ADMIN_TOKEN))[0] == 200
    assert (await register(http, token))[0] == 403
    assert (await call(http, "GET", "/api/users/me", token=token))[0] == 401


async def test_an_account_with_the_same_address_is_somebody_elses(http, signer):
    squatter = {"username": "squat", "email": "alice@example.com", "password": "SecurePass123!"}
    _, theirs = await call(http, "POST", "/api/auth/signup", squatter)
    status, made = await register(http, id_token(signer, ISSUER, "alice"))
    assert status == 201
    assert made["user"]["user_id"] != theirs["data"]["userId"]


async def test_a_client_that_names_no_device_comes_back_after_its_device_was_revoked(http, signer):
    old = id_token(signer, ISSUER, "alice")
    _, made = await register(http, old)
    path = "/api/auth/devices/default"
    assert (await call(http, "DELETE", path, token=made["access_token"]))[0] == 200
    assert (await register(http, old))[0] == 403

    newer = id_token(signer, ISSUER, "alice", iat=NOW_S + 1)
    status, back = await register(http, newer)

    assert (status, back["user"]["user_id"]) == (200, made["user"]["user_id"])
    token = back["access_token"]
    assert (await call(http, "GET", "/api/users/me", token=token))[0] == 200
    assert (await call(http, "GET", "/api/users/me", token=made["access_token"]))[0] == 401


async def test_a_device_with_a_name_of_its_own_never_comes_back(http, signer):
    token = id_token(signer, ISSUER, "alice")
    _, made = await register(http, token, device_id="phone")
    path = "/api/auth/devices/phone"
    assert (await call(http, "DELETE", path, token=made["access_token"]))[0] == 200

    newer = id_token(signer, ISSUER, "alice", iat=NOW_S + 1)
    status, problem = await register(http, newer, device_id="phone")

    assert (status, problem["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Alice\r\n  B.", "Alice B."),
        ("A" * 65, "A" * 64),
        ("A" * 63 + " B", "A" * 63),
        ("a\u0007b", "Somebody"),
        (" ", "Somebody"),
        (["Alice"], "Somebody"),
    ],
)
async def test_a_name_that_the_issuer_gives_keeps_nobody_out(http, signer, said, shown):
    status, made = await register(http, id_token(signer, ISSUER, "alice", name=said))
    assert (status, made["user"]["display_name"]) == (201, shown)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "another client"},
        {"aud": None},
        {"aud": ["chat.apps.example", "another client"], "azp": None},
        {"azp": "another client"},
        {"exp": NOW_S - 1},
        {"exp": NOW_S},
        {"exp": None},
        {"iat": None},
        {"iat": NOW_S + 3600},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"email_verified": False},
        {"email_verified": None},
        {"email": "no address"},
    ],
    ids=str,
)
async def test_a_token_that_says_something_else_registers_nobody(http, signer, changes):
    token = id_token(signer, ISSUER, "alice", **changes)
    status, problem = await register(http, token)
    assert (status, problem["code"]) in ((401, "unauthenticated"), (401, "token_expired"))


async def test_a_nonce_that_is_said_must_be_that_of_the_token(http, signer):
    token = id_token(signer, ISSUER, "alice", nonce="n-1")
    assert (await register(http, token, nonce="n-2"))[0] == 401
    assert (await register(http, token, nonce="n-1"))[0] == 201


async def test_a_token_of_another_key_or_algorithm_registers_nobody(http, signer, issuer):
    claims = {"iss": ISSUER, "aud": "chat.apps.example", "sub": "alice"}
    times = {"iat": NOW_S, "exp": NOW_S + 3600}
    forged = [
        Signer("ES256", "key-1", key=None).sign({**claims, **times}, kid="another"),
        Signer("RS256", "key-1", key=another_rsa_key()).sign({**claims, **times}),
        by_secret({**claims, **times}, b"x" * 32, kid="key-1"),
        unsigned({**claims, **times}),
    ]
    for token in forged:
        status, problem = await register(http, token)
        assert status in (401, 503), problem


async def test_a_flood_of_unknown_keys_asks_the_issuer_once(http, signer, issuer, server):
    await register(http, id_token(signer, ISSUER, "alice"))
    asked = issuer.asked
    for number in range(20):
        flooding = Signer("ES256", f"unknown-{number}")
        await register(http, id_token(flooding, ISSUER, "alice"))
    assert issuer.asked - asked <= len(server.nodes)  # each of them asks for itself


async def test_another_key_takes_the_place_of_the_first_and_groups_get_another_epoch(
    http, signer, alice: Member, bob: Member
):
    _, group = await alice.ask("POST", "/api/groups", {"name": "tea", "member_ids": [bob.user_id]})
    body = {"id_token": id_token(signer, ISSUER, "bob"), "public_key": "another key"}
    status, back = await call(http, "POST", "/api/register", body)
    assert (status, back["user"]["key_version"]) == (200, 2)
    _, after = await alice.ask("GET", f"/api/groups/{group['group_id']}")
    assert after["key_epoch"] == 2
    async with alice.connected() as line:
        _, rotated = await line.events(2)
    assert rotated["event_type"] == "KEY_ROTATION"
    assert (rotated["metadata"]["epoch"], rotated["metadata"]["reason"]) == (2, "key_changed")


async def test_a_key_that_is_too_large_is_refused(http, signer):
    token = id_token(signer, ISSUER, "alice")
    status, problem = await register(http, token, public_key="x" * 16_383)  # and its quotes
    assert (status, problem["code"]) == (413, "payload_too_large")
    assert (await register(http, token, public_key="x" * 16_382))[0] == 201


@pytest.mark.parametrize("key", [None, ""], ids=repr)
async def test_nobody_is_registered_with_a_key_that_is_none(http, signer, key):
    status, problem = await register(http, id_token(signer, ISSUER, "alice"), public_key=key)
    assert (status, problem["code"]) == (400, "invalid_request")
    assert "public_key" in problem["message"]


async def test_who_registers_again_under_another_name_is_found_by_that_alone(http, signer, bob):
    token = id_token(signer, ISSUER, "alice")
    await register(http, token, display_name="Alice B.")
    _, back = await register(http, token, display_name="Carol")
    assert back["user"]["display_name"] == "Carol"
    for text, names in (("carol", ["Carol"]), ("alice", [])):
        _, answer = await bob.ask("GET", f"/api/users/search?q={text}")
        assert [one["display_name"] for one in answer["users"]] == names


async def test_members_who_are_connected_hear_of_another_key_at_once(alice, bob, join):
    await alice.ask("POST", "/api/groups", {"name": "tea", "member_ids": [bob.user_id]})
    async with alice.connected() as line:
        await line.events(1)
        assert await line.is_quiet()
        await join("bob", public_key="another key")
        (rotated,) = await line.events(1)
        assert rotated["metadata"]["reason"] == "key_changed"


async def test_a_device_is_in_the_list_under_its_name(join):
    alice = await join("alice", device_id="phone", device_name="Alice's phone")
    _, answer = await alice.ask("GET", "/api/auth/devices")
    (device,) = answer["data"]["devices"]
    assert (device["deviceId"], device["deviceName"]) == ("phone", "Alice's phone")


@configured(ADDRESS_SIGNINS_PER_MINUTE=1_000)
async def test_an_account_has_fifty_devices_at_most(http, join, signer):
    for number in range(50):
        await join("alice", device_id=f"device {number}")
    status, problem = await register(http, id_token(signer, ISSUER, "alice"), device_id="one more")
    assert (status, problem["code"]) == (409, "limit_reached")
    assert (await join("alice", device_id="device 7")).user_id


@configured(GOOGLE_CLIENT_ID="")
async def test_without_an_issuer_nobody_registers(http, signer):
    status, problem = await register(http, id_token(signer, ISSUER, "alice"))
    assert (status, problem["code"]) == (403, "forbidden")


@configured(ADDRESS_SIGNINS_PER_MINUTE=8)  # two at once
async def test_one_address_registers_only_so_often(http, signer, later: Later):
    for expected in (401, 401, 429):
        assert (await register(http, "nonsense"))[0] == expected
    await later(minutes=1)
    assert (await register(http, id_token(signer, ISSUER, "alice")))[0] == 201


async def test_what_registering_answers_is_good_for_as_long_as_it_says(http, signer, later: Later):
    _, made = await register(http, id_token(signer, ISSUER, "alice"))
    assert made["token_type"] == "bearer"
    assert made["expires_at"] == (NOW_S + 15 * 60) * 1000
    assert made["user"]["created_at"] == NOW_S * 1000
    await later(minutes=15, ms=-1)
    assert (await call(http, "GET", "/api/users/me", token=made["access_token"]))[0] == 200
    await later(ms=1)
    assert (await call(http, "GET", "/api/users/me", token=made["access_token"]))[0] == 401


# --- a browser's cookie ---


async def test_a_page_opens_its_socket_with_nothing_but_the_cookie(http, signer, server):
    body = {"id_token": id_token(signer, ISSUER, "alice"), "public_key": ALICE_KEY}
    async with http.post("/api/register", json=body) as answer:
        cookie = answer.cookies["hushwire-socket"]
        user_id = (await answer.json())["user"]["user_id"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/ws", True, "Strict")
    assert cookie["max-age"] == str(30 * 86_400)
    shown = {"Cookie": f"hushwire-socket={cookie.value}"}
    async with http.ws_connect(f"/ws/{user_id}", headers={**shown, "Origin": server.url}) as ws:
        await ws.send_json({"type": "ping"})
        assert await ws.receive_json(timeout=20) == {"type": "pong"}
    async with http.ws_connect(f"/ws/{user_id}", headers=shown) as ws:
        await ws.receive(timeout=20)
        assert ws.close_code == 4401


async def test_the_cookie_opens_nothing_else(http, signer):
    body = {"id_token": id_token(signer, ISSUER, "alice"), "public_key": ALICE_KEY}
    async with http.post("/api/register", json=body) as answer:
        value = answer.cookies["hushwire-socket"].value
    assert (await call(http, "GET", "/api/users/me", token=value))[0] == 401
