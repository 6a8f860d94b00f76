"""Accounts over HTTP, as the contract shows it and as those try who are up to no good."""

import re

import aiohttp
import pytest

from server.core.accounts import SignUp
from server.core.ids import DeviceId
from server.opening import opened
from server.settings import load
from tests.apis.secure_chat.people import PASSWORD, call
from tests.apis.session_relay.sessions import configured
from tests.issuers import by_secret
from tests.servers import ADMIN_TOKEN, SECRET

SIGNUP = {
    "username": "alice",
    "email": "alice@example.com",
    "password": PASSWORD,
    "displayName": "Alice",
}
LOGIN = {
    "email": "alice@example.com",
    "password": PASSWORD,
    "deviceId": "device-web-001",
    "deviceName": "Chrome Browser",
    "deviceType": "web",
}
ME = "/api/auth/me"


# --- as the contract shows it ---


async def test_the_contracts_sign_up_and_login(http):
    status, answer = await call(http, "POST", "/api/auth/signup", SIGNUP)
    user_id = answer["data"].pop("userId")
    assert (status, answer) == (
        201,
        {
            "success": True,
            "data": {"username": "alice", "email": "alice@example.com", "displayName": "Alice"},
            "message": "User registered successfully. Please login to register device keys.",
        },
    )

    async with http.post("/api/auth/login", json=LOGIN) as response:
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"
        cookie = response.headers["Set-Cookie"]
        answer = await response.json()
    token = answer["data"].pop("registrationToken")
    assert answer == {
        "success": True,
        "data": {
            "userId": user_id,
            "username": "alice",
            "requiresKeyRegistration": True,
            "deviceId": "device-web-001",
        },
        "message": "Login successful. Please register device keys to complete setup.",
    }
    assert cookie.startswith(f"hushwire-registration={token};")
    for part in ("HttpOnly", "SameSite=Strict", "Path=/api/keys/register", "Max-Age=300"):
        assert part in cookie
    assert "Domain" not in cookie
    assert "Secure" not in cookie


@configured(TRUSTED_PROXIES=1)
async def test_a_cookie_of_https_never_goes_over_http(direct):
    await call(direct, "POST", "/api/auth/signup", SIGNUP)
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    async with direct.post("/api/auth/login", json=LOGIN, headers=headers) as response:
        assert response.status == 200
        assert "Secure" in response.headers["Set-Cookie"]


async def test_a_known_device_gets_its_tokens_at_once(alice, http):
    data = await alice.log_in("phone")
    assert data.keys() == {
        "userId",
        "username",
        "deviceId",
        "requiresKeyRegistration",
        "accessToken",
        "refreshToken",
        "expiresAt",
    }
    assert data["requiresKeyRegistration"] is False
    assert data["expiresAt"] == "2027-01-15T08:15:00.000Z"
    status, _ = await call(http, "GET", ME, token=data["accessToken"])
    assert status == 200


async def test_a_device_without_an_id_is_given_one(alice):
    made = {(await alice.log_in("x", deviceId=None))["deviceId"] for _ in range(2)}
    assert len(made) == 2


async def test_me_tells_owners_of_accounts_of_them(alice):
    status, answer = await alice.ask("GET", ME)
    assert status == 200
    created_at = answer["data"].pop("createdAt")
    assert re.fullmatch(r"2027-01-15T08:00:00\.000Z", created_at)
    assert answer == {
        "success": True,
        "user": {"id": alice.user_id, "login": "alice", "guest": False},
        "expiresAt": "2027-01-15T08:15:00.000Z",
        "data": {
            "userId": alice.user_id,
            "username": "alice",
            "email": "alice@example.com",
            "displayName": "alice",
            "deviceId": "phone",
            "passwordChangeRequired": False,
        },
    }


async def test_a_sign_in_is_renewed_for_as_long_as_its_tokens_are_used_once(alice, http, later):
    first = alice.tokens["phone"]
    await later(minutes=16)
    status, answer = await alice.ask("GET", ME)
    assert (status, answer["error"]) == (401, "token_expired")

    status, answer = await call(http, "POST", "/api/auth/refresh", {"refreshToken": first.refresh})
    assert status == 200
    assert answer["data"].keys() == {"accessToken", "refreshToken", "expiresAt"}
    assert (await call(http, "GET", ME, token=answer["data"]["accessToken"]))[0] == 200

    again = await call(http, "POST", "/api/auth/refresh", {"refreshToken": first.refresh})
    assert (again[0], again[1]["error"]) == (401, "unauthenticated")
    assert (await call(http, "GET", ME, token=answer["data"]["accessToken"]))[0] == 401


async def test_what_ended_on_one_node_has_ended_on_all(alice, server):
    token = alice.tokens["phone"].access
    clients = [aiohttp.ClientSession(url) for url in server.node_urls]
    for client in clients:
        assert (await call(client, "GET", ME, token=token))[0] == 200
    assert (await call(clients[0], "POST", "/api/auth/logout", {}, token))[0] == 200
    for client in clients:
        assert (await call(client, "GET", ME, token=token))[0] == 401
        await client.close()


async def test_logging_out_ends_this_device_or_all(alice, http):
    status, answer = await alice.ask("POST", "/api/auth/logout")
    assert (status, answer) == (200, {"success": True, "data": {}, "message": "Logout successful"})
    assert (await alice.ask("GET", ME))[0] == 401
    assert (await alice.ask("GET", ME, device_id="laptop"))[0] == 200

    assert (await alice.ask("POST", "/api/auth/logout", {"all": True}, "laptop"))[0] == 200
    for pair in alice.tokens.values():
        body = {"refreshToken": pair.refresh}
        assert (await call(http, "POST", "/api/auth/refresh", body))[0] == 401
    assert (await call(http, "POST", "/api/auth/logout"))[0] == 401


async def test_devices_are_listed_and_revoked(alice, bob):
    status, answer = await alice.ask("GET", "/api/auth/devices")
    assert status == 200
    shown = answer["data"]["devices"]
    assert [(one["deviceId"], one["current"]) for one in shown] == [
        ("laptop", False),
        ("phone", True),
    ]
    assert shown[0].keys() == {
        "deviceId",
        "deviceName",
        "deviceType",
        "createdAt",
        "lastSeenAt",
        "current",
    }

    assert (await bob.ask("DELETE", "/api/auth/devices/laptop"))[0] == 404
    status, answer = await alice.ask("DELETE", "/api/auth/devices/laptop")
    assert (status, answer["data"]) == (200, {"deviceId": "laptop"})
    assert (await alice.ask("GET", ME, device_id="laptop"))[0] == 401
    assert (await alice.ask("DELETE", "/api/auth/devices/laptop"))[0] == 404
    _, answer = await alice.ask("GET", "/api/auth/devices")
    assert [one["deviceId"] for one in answer["data"]["devices"]] == ["phone"]


async def test_a_password_is_changed_with_the_old_one(alice, http):
    path, new = "/api/auth/password", "another password"
    wrong = {"currentPassword": "wrong password", "newPassword": new}
    status, answer = await alice.ask("POST", path, wrong)
    assert (status, answer["error"]) == (401, "invalid_credentials")
    right = {"currentPassword": PASSWORD, "newPassword": new}
    assert (await alice.ask("POST", path, right))[0] == 200
    assert (await alice.ask("GET", ME))[0] == 200
    assert (await alice.ask("GET", ME, device_id="laptop"))[0] == 401
    assert (await call(http, "POST", "/api/auth/login", LOGIN))[0] == 401
    alice.password = new
    await alice.log_in("phone")


async def test_a_deleted_account_leaves_its_name_to_others(alice, http):
    path = "/api/auth/account"
    assert (await alice.ask("DELETE", path, {"password": "wrong password"}))[0] == 401
    assert (await alice.ask("DELETE", path))[0] == 400
    assert (await alice.ask("DELETE", path, {"password": PASSWORD}))[0] == 200
    assert (await alice.ask("GET", ME))[0] == 401
    assert (await call(http, "POST", "/api/auth/login", LOGIN))[0] == 401
    status, answer = await call(http, "POST", "/api/auth/signup", SIGNUP)
    assert status == 201
    assert answer["data"]["userId"] != alice.user_id


async def test_block_lists_are_ones_own(alice, bob):
    path = "/api/users/blocks"
    status, answer = await alice.ask("POST", path, {"userId": bob.user_id})
    assert (status, answer["data"]) == (201, {"userId": bob.user_id})
    _, answer = await alice.ask("GET", path)
    assert answer["data"] == {
        "blocks": [{"userId": bob.user_id, "blockedAt": "2027-01-15T08:00:00.000Z"}]
    }
    _, answer = await bob.ask("GET", path)
    assert answer["data"] == {"blocks": []}
    assert (await alice.ask("POST", path, {"userId": alice.user_id}))[0] == 400
    assert (await alice.ask("POST", path, {"userId": "nobody"}))[0] == 404
    assert (await alice.ask("DELETE", f"{path}/{bob.user_id}"))[0] == 200
    _, answer = await alice.ask("GET", path)
    assert answer["data"] == {"blocks": []}


# --- as those try who are up to no good ---


async def test_passwords_are_hashed_as_is_advised_if_nothing_else_is_said():
    settings = load({"DATABASE_URL": "sqlite://:memory:", "PORT": "0"})
    app = await opened(settings, secret=SECRET, admin_token=ADMIN_TOKEN)
    await app.start()
    try:
        wish = SignUp("alice", "alice@example.com", PASSWORD, "")
        account = await app.chat.accounts.sign_up(wish, "home")
    finally:
        await app.stop()
    assert re.match(r"\$argon2id\$v=19\$m=65536,t=2,p=1\$", str(account.password_hash))


async def test_an_unknown_address_and_a_wrong_password_have_one_answer(alice, http):
    wrong = {**LOGIN, "password": "wrong password"}
    _, known = await call(http, "POST", "/api/auth/login", wrong)
    status, unknown = await call(
        http, "POST", "/api/auth/login", {**wrong, "email": "nobody@example.com"}
    )
    assert (status, unknown) == (401, known)


@pytest.mark.parametrize(
    "body",
    [
        {**SIGNUP, "username": "Alice", "email": "other@example.com"},
        {**SIGNUP, "username": "other", "email": "ALICE@example.com"},
    ],
    ids=["name", "address"],
)
async def test_whoever_signs_up_as_somebody_else_is_not_told_which_of_the_two(body, alice, http):
    status, answer = await call(http, "POST", "/api/auth/signup", body)
    assert (status, answer["error"]) == (409, "account_exists")
    assert "username or e-mail address" in answer["message"]


async def test_more_than_is_asked_makes_nobody_more(http, server):
    more = {
        "userId": "chosen",
        "user_id": "chosen",
        "isOperator": True,
        "is_operator": True,
        "operator": True,
        "roles": ["admin"],
        "bannedAt": None,
        "passwordHash": "x",
    }
    _, answer = await call(http, "POST", "/api/auth/signup", {**SIGNUP, **more})
    assert answer["data"]["userId"] != "chosen"
    _, answer = await call(http, "POST", "/api/auth/login", {**LOGIN, **more})
    pair = await server.chat.logins.claim_registration(
        answer["data"]["registrationToken"], DeviceId("device-web-001"), "127.0.0.1"
    )
    status, _ = await call(http, "GET", "/api/admin/accounts", token=pair.access)
    assert status == 403


BAD_SIGNUPS = {
    "nothing": {},
    "a short password": {**SIGNUP, "password": "short"},
    "a long password": {**SIGNUP, "password": "x" * 1025},
    "a password that is no text": {**SIGNUP, "password": ["x" * 12]},
    "a name in two lines": {**SIGNUP, "username": "al\nice"},
    "a name with NUL": {**SIGNUP, "username": "ali\0ce"},
    "a long name": {**SIGNUP, "username": "x" * 60_000},
    "an address that is none": {**SIGNUP, "email": "alice"},
    "an address with NUL": {**SIGNUP, "email": "a\0b@example.com"},
    "a display name with NUL": {**SIGNUP, "displayName": "a\0b"},
    "a display name that is an object": {**SIGNUP, "displayName": {"$ne": None}},
}


@pytest.mark.parametrize("body", BAD_SIGNUPS.values(), ids=BAD_SIGNUPS)
async def test_what_is_no_sign_up_is_refused_and_not_repeated(body, http):
    status, answer = await call(http, "POST", "/api/auth/signup", body)
    assert (status, answer["error"]) == (400, "invalid_request")
    assert "x" * 20 not in answer["message"]


BAD_LOGINS = {
    "an operator of a database": {**LOGIN, "email": {"$gt": ""}},
    "no name": {"password": PASSWORD},
    "no password": {"email": "alice@example.com"},
    "a device with NUL": {**LOGIN, "deviceId": "a\0b"},
    "a long device": {**LOGIN, "deviceId": "x" * 129},
    "a name of a device with NUL": {**LOGIN, "deviceName": "a\0b"},
    "a number as device": {**LOGIN, "deviceId": 7},
}


@pytest.mark.parametrize("body", BAD_LOGINS.values(), ids=BAD_LOGINS)
async def test_what_is_no_login_is_refused(body, http):
    status, answer = await call(http, "POST", "/api/auth/login", body)
    assert (status, answer["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("name", ["' OR 1=1 --", "alice\0", "%", "alice@example.com' --"])
async def test_names_are_never_statements(name, alice, http):
    status, _ = await call(http, "POST", "/api/auth/login", {**LOGIN, "email": name})
    assert status == (200 if name == "alice\0" else 401)


async def test_a_body_that_is_too_large_is_refused(http):
    body = {**SIGNUP, "displayName": "x" * 100_000}
    assert (await call(http, "POST", "/api/auth/signup", body))[0] == 413


@configured(JWT_SECRET=SECRET)
async def test_users_of_other_systems_are_nobodys_account(alice, http):
    impostor = by_secret({"sub": alice.user_id, "device": "phone"}, SECRET.encode())
    for method, path, body in (
        ("GET", "/api/auth/devices", None),
        ("DELETE", "/api/auth/devices/phone", None),
        ("DELETE", "/api/auth/account", {"password": PASSWORD}),
        ("POST", "/api/auth/password", {"newPassword": "another password"}),
        ("GET", "/api/users/blocks", None),
    ):
        status, answer = await call(http, method, path, body, impostor)
        assert (status, answer["error"]) == (403, "forbidden")
    _, answer = await call(http, "GET", ME, token=impostor)
    assert "data" not in answer


async def test_nobody_without_a_token_gets_anything(http):
    for method, path, body in (
        ("GET", ME, None),
        ("GET", "/api/auth/devices", None),
        ("DELETE", "/api/auth/devices/phone", None),
        ("DELETE", "/api/auth/account", {"password": PASSWORD}),
        ("POST", "/api/auth/password", {"newPassword": "another password"}),
        ("GET", "/api/users/blocks", None),
        ("POST", "/api/users/blocks", {"userId": "x"}),
        ("DELETE", "/api/users/blocks/x", None),
        ("GET", "/api/admin/accounts", None),
        ("POST", "/api/admin/accounts/x/ban", None),
        ("POST", "/api/admin/accounts/x/unban", None),
        ("POST", "/api/admin/accounts/x/reset-password", None),
    ):
        assert (await call(http, method, path, body))[0] == 401


async def test_a_registration_token_opens_nothing_else(alice, http):
    token = (await alice.log_in("tablet"))["registrationToken"]
    assert (await call(http, "GET", ME, token=token))[0] == 401
    assert (await call(http, "POST", "/api/auth/refresh", {"refreshToken": token}))[0] == 401


@configured(ADDRESS_SIGNINS_PER_MINUTE=12)
async def test_whoever_tries_too_often_is_told_when_to_come_back(http):
    for _ in range(3):
        assert (await call(http, "POST", "/api/auth/login", LOGIN))[0] == 401
    async with http.post("/api/auth/login", json=LOGIN) as response:
        assert response.status == 429
        assert response.headers["Retry-After"] == "5"


# --- operators ---


async def test_operators_list_accounts_and_look_them_up(alice, bob, http):
    path = "/api/admin/accounts"
    _, answer = await call(http, "GET", f"{path}?limit=1", token=ADMIN_TOKEN)
    first = answer["data"]
    assert [one["username"] for one in first["accounts"]] == ["alice"]
    assert first["next"] == alice.user_id
    _, answer = await call(http, "GET", f"{path}?after={first['next']}", token=ADMIN_TOKEN)
    assert answer["data"]["next"] is None
    assert answer["data"]["accounts"] == [
        {
            "userId": bob.user_id,
            "username": "bob",
            "email": "bob@example.com",
            "displayName": "bob",
            "createdAt": "2027-01-15T08:00:00.000Z",
            "bannedAt": None,
            "operator": False,
        }
    ]
    for name in ("BOB", "bob@example.com", bob.user_id):
        _, answer = await call(http, "GET", f"{path}?name={name}", token=ADMIN_TOKEN)
        assert [one["username"] for one in answer["data"]["accounts"]] == ["bob"]
    _, answer = await call(http, "GET", f"{path}?name=nobody", token=ADMIN_TOKEN)
    assert answer["data"]["accounts"] == []


async def test_operators_ban_and_let_in_again(alice, http):
    path = f"/api/admin/accounts/{alice.user_id}"
    assert (await call(http, "POST", f"{path}/ban", token=ADMIN_TOKEN))[0] == 200
    assert (await alice.ask("GET", ME))[0] == 401
    login = {**LOGIN, "deviceId": "phone"}
    assert (await call(http, "POST", "/api/auth/login", login))[0] == 403
    assert (await call(http, "POST", f"{path}/unban", token=ADMIN_TOKEN))[0] == 200
    await alice.log_in("phone")
    nobody = "/api/admin/accounts/nobody/ban"
    assert (await call(http, "POST", nobody, token=ADMIN_TOKEN))[0] == 404


async def test_operators_give_a_password_that_signs_in_once(alice, http):
    path = f"/api/admin/accounts/{alice.user_id}/reset-password"
    _, answer = await call(http, "POST", path, token=ADMIN_TOKEN)
    alice.password = answer["data"]["temporaryPassword"]
    data = await alice.log_in("phone")
    assert data["passwordChangeRequired"] is True
    body = {**LOGIN, "password": alice.password}
    assert (await call(http, "POST", "/api/auth/login", body))[0] == 401
    new = {"newPassword": "a password of her own"}
    status, _ = await call(http, "POST", "/api/auth/password", new, data["accessToken"])
    assert status == 200
    alice.password = "a password of her own"
    assert "passwordChangeRequired" not in await alice.log_in("phone")


async def test_while_the_database_is_away_nobody_is_taken_for_a_stranger(alice, server, http):
    for node in server.nodes:
        await node._durable.database.close()
    token = alice.tokens["phone"].access
    for method, path in (("GET", ME), ("POST", "/api/auth/logout"), ("POST", "/api/keys/register")):
        status, answer = await call(http, method, path, None, token)
        assert (status, answer["error"]) == (503, "unavailable")
