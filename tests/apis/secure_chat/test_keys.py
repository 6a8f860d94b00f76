"""Keys over HTTP: registered, fetched, rotated and used up, and kept from those up to no good."""

from typing import Any

import pytest

from tests.apis.secure_chat.keyrings import KEYS, Keyring, base64, numbered, public_key
from tests.apis.secure_chat.people import call
from tests.apis.session_relay.sessions import configured
from tests.servers import ADMIN_TOKEN, until
from tests.transports.raw.sockets import Client


async def refused(answering):
    status, answer = await answering
    assert answer["success"] is False
    return status, answer["error"]


# --- as the contract shows it ---


async def test_the_contracts_registration_and_bundle(open_account, http):
    alice = await open_account("alice")
    await alice.log_in("device-web-001")
    body: dict[str, Any] = {
        "deviceId": "device-web-001",
        "publicKey": base64(public_key(7)),
        "identityPublicKey": KEYS.identity,
        "signedPreKey": KEYS.signed(),
        "preKeys": numbered([0]),
    }

    status, answer = await call(http, "POST", "/api/keys/register", body)

    data = answer["data"]
    access, refresh = data.pop("accessToken"), data.pop("refreshToken")
    assert (status, answer) == (
        201,
        {
            "success": True,
            "data": {
                "success": True,
                "deviceId": "device-web-001",
                "userId": alice.user_id,
                "publicKey": body["publicKey"],
                "expiresAt": "2027-01-15T08:15:00.000Z",
            },
            "message": "Device keys registered successfully",
        },
    )
    assert (await call(http, "GET", "/api/auth/me", token=access))[0] == 200
    renewed = await call(http, "POST", "/api/auth/refresh", {"refreshToken": refresh})
    assert renewed[0] == 200

    bob = await open_account("bob", "phone")
    status, answer = await bob.ask("GET", f"/api/keys/user/{alice.user_id}")
    assert (status, answer) == (
        200,
        {
            "success": True,
            "data": {
                "userId": alice.user_id,
                "identityPublicKey": KEYS.identity,
                "identityKeyType": "ed25519",
                "identityKeySince": "2027-01-15T08:00:00.000Z",
                "verified": True,
                "devices": [
                    {
                        "deviceId": "device-web-001",
                        "publicKey": body["publicKey"],
                        "keyVersion": 1,
                        "verified": True,
                        "signedPreKey": {
                            **body["signedPreKey"],
                            "timestamp": "2027-01-15T08:00:00.000Z",
                        },
                        "oneTimePreKey": body["preKeys"][0],
                    }
                ],
            },
        },
    )


async def test_a_bundle_is_kept_in_no_cache(register, http):
    alice = await register("alice", 1)
    headers = {"Authorization": f"Bearer {alice.tokens['phone'].access}"}
    async with http.get(f"/api/keys/user/{alice.user_id}", headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"


@configured(REQUIRE_REGISTRATION_TOKEN="true")
async def test_a_login_is_completed_by_its_cookie_too_which_is_then_forgotten(open_account, http):
    alice = await open_account("alice")
    token = (await alice.log_in("phone"))["registrationToken"]
    body = {"deviceId": "phone", **KEYS.first()}
    cookies = {"Cookie": f"hushwire-registration={token}"}
    async with http.post("/api/keys/register", json=body, headers=cookies) as answer:
        assert answer.status == 201
        cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith('hushwire-registration=""')
    assert "Max-Age=0" in cookie


async def test_rotation_prekeys_stats_and_cleanup(register, http):
    alice, bob = await register("alice", 2), await register("bob")
    change = {
        "publicKey": base64(public_key(8)),
        "signedPreKey": KEYS.signed(2),
        "preKeys": numbered([10, 11, 12]),
    }
    status, answer = await alice.ask("POST", "/api/keys/rotate", change)
    assert (status, answer["data"]) == (
        200,
        {
            "publicKey": change["publicKey"],
            "keyVersion": 2,
            "accepted": 3,
            "skipped": [],
            "available": 3,
        },
    )
    _, answer = await bob.ask("GET", f"/api/keys/user/{alice.user_id}")
    (device,) = answer["data"]["devices"]
    assert (device["keyVersion"], device["oneTimePreKey"]) == (2, numbered([10])[0])

    more = {"preKeys": numbered([10, 13])}
    _, answer = await alice.ask("POST", "/api/keys/prekeys", more)
    assert answer["data"] == {"accepted": 1, "skipped": [10], "available": 3}
    assert "new ids" in answer["message"]
    _, answer = await alice.ask("GET", "/api/keys/prekeys/stats")
    assert answer["data"] == {"total": 4, "available": 3, "used": 1, "expired": 0}
    await bob.ask("GET", f"/api/keys/user/{alice.user_id}")
    _, answer = await alice.ask("DELETE", "/api/keys/prekeys/cleanup")
    assert answer["data"] == {"removed": 1}


# --- by those who are up to no good, or make mistakes ---


async def test_a_login_is_used_once_and_keys_that_are_known_are_not_replaced(open_account, http):
    alice = await open_account("alice")
    token = (await alice.log_in("phone"))["registrationToken"]
    body = {"deviceId": "phone", **KEYS.first()}
    assert (await call(http, "POST", "/api/keys/register", body, token))[0] == 201

    other = {"deviceId": "phone", **KEYS.first(publicKey=base64(public_key(66)))}
    status, error = await refused(call(http, "POST", "/api/keys/register", other, token))
    assert (status, error) == (401, "unauthenticated")


async def test_without_a_login_there_is_nothing_to_register(open_account, http):
    await open_account("alice")
    body = {"deviceId": "phone", **KEYS.first()}
    for token in (None, "guessed"):
        status, error = await refused(call(http, "POST", "/api/keys/register", body, token))
        assert (status, error) == (401, "unauthenticated")


async def test_another_identity_key_is_refused_and_the_login_waits(register, http):
    alice = await register("alice")
    token = (await alice.log_in("laptop"))["registrationToken"]
    wrong = {"deviceId": "laptop", **Keyring(2).first()}
    answering = call(http, "POST", "/api/keys/register", wrong, token)
    assert await refused(answering) == (409, "identity_mismatch")

    right = {"deviceId": "laptop", **KEYS.first()}
    assert (await call(http, "POST", "/api/keys/register", right, token))[0] == 201


async def test_a_signature_is_checked_as_the_type_of_the_key_says(open_account, http):
    alice = await open_account("alice")
    token = (await alice.log_in("phone"))["registrationToken"]
    unsigned = {**KEYS.signed(), "signature": base64(bytes(64))}
    body = {"deviceId": "phone", **KEYS.first(signedPreKey=unsigned)}

    claiming = {**body, "identityKeyType": "ed25519"}
    answering = call(http, "POST", "/api/keys/register", claiming, token)
    assert await refused(answering) == (400, "invalid_signature")

    status, answer = await call(http, "POST", "/api/keys/register", body, token)
    assert status == 201
    bundle = await call(
        http, "GET", f"/api/keys/user/{alice.user_id}", token=answer["data"]["accessToken"]
    )
    data = bundle[1]["data"]
    assert (data["verified"], data["identityKeyType"]) == (False, "x25519")
    assert data["devices"][0]["verified"] is False


SHORT = base64(bytes(31))


@pytest.mark.parametrize(
    "wrong",
    [
        {"publicKey": SHORT},
        {"publicKey": base64(bytes(33))},
        {"publicKey": "A" * 43 + "!"},
        {"publicKey": None},
        {"identityPublicKey": "x"},
        {"identityKeyType": "rsa"},
        {"signedPreKey": {**KEYS.signed(), "signature": base64(bytes(32))}},
        {"signedPreKey": {**KEYS.signed(), "publicKey": SHORT}},
        {"signedPreKey": {**KEYS.signed(), "keyId": -1}},
        {"signedPreKey": None},
        {"preKeys": numbered([1, 1])},
        {"preKeys": [{"keyId": 2**53, "publicKey": base64(public_key(1))}]},
        {"preKeys": [{"keyId": 1, "publicKey": SHORT}]},
        {"preKeys": numbered(range(501))},
        {"preKeys": "many"},
        {"deviceId": ""},
    ],
    ids=str,
)
async def test_keys_of_a_wrong_form_are_refused(wrong, open_account, http):
    alice = await open_account("alice")
    token = (await alice.log_in("phone"))["registrationToken"]
    body = {"deviceId": "phone", **KEYS.first(), **wrong}
    status, error = await refused(call(http, "POST", "/api/keys/register", body, token))
    assert (status, error) == (400, "invalid_request")


async def test_absent_keyless_and_blocking_users_look_the_same(register, open_account):
    alice, bob = await register("alice", 1), await register("bob")
    carol = await open_account("carol")
    await alice.ask("POST", "/api/users/blocks", {"userId": bob.user_id})

    answers = [
        await bob.ask("GET", f"/api/keys/user/{user_id}")
        for user_id in (alice.user_id, carol.user_id, "nobody")
    ]

    assert [status for status, _ in answers] == [404] * 3
    assert answers[0] == answers[1] == answers[2]


ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "/api/keys/user/somebody", None),
    ("POST", "/api/keys/rotate", {"signedPreKey": KEYS.signed()}),
    ("POST", "/api/keys/prekeys", {"preKeys": []}),
    ("GET", "/api/keys/prekeys/stats", None),
    ("DELETE", "/api/keys/prekeys/cleanup", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_strangers_and_guests_come_to_no_keys(method, path, body, http):
    assert await refused(call(http, method, path, body)) == (401, "unauthenticated")
    _, guest = await call(http, "POST", "/api/auth/guest", {})
    answering = call(http, method, path, body, guest["token"])
    assert await refused(answering) == (403, "forbidden")


@pytest.mark.parametrize(("method", "path", "body"), ROUTES[1:])
async def test_no_device_speaks_for_another(method, path, body, register):
    alice = await register("alice")
    await register("alice", device_id="laptop", person=alice)
    if method == "GET":
        answering = alice.ask(method, f"{path}?deviceId=laptop")
    else:
        answering = alice.ask(method, path, {**(body or {}), "deviceId": "laptop"})
    assert await refused(answering) == (403, "forbidden")


async def test_a_revoked_device_is_in_no_bundle_and_cannot_change_its_keys(register):
    alice, bob = await register("alice", 3), await register("bob")
    await register("alice", 3, device_id="laptop", person=alice)

    status, _ = await alice.ask("DELETE", "/api/auth/devices/laptop")
    assert status == 200

    answering = alice.ask("POST", "/api/keys/prekeys", {"preKeys": []}, device_id="laptop")
    assert await refused(answering) == (401, "unauthenticated")
    _, answer = await bob.ask("GET", f"/api/keys/user/{alice.user_id}")
    assert [one["deviceId"] for one in answer["data"]["devices"]] == ["phone"]


async def test_who_has_revoked_all_devices_begins_a_new_identity(register):
    alice, bob = await register("alice"), await register("bob")
    assert (await alice.ask("DELETE", "/api/auth/devices/phone"))[0] == 200
    anew = Keyring(2)

    await register("alice", device_id="watch", keys=anew, person=alice)

    _, answer = await bob.ask("GET", f"/api/keys/user/{alice.user_id}")
    assert answer["data"]["identityPublicKey"] == anew.identity


async def test_a_greedy_account_gets_no_more_than_five_in_a_row(register):
    alice, mallory = await register("alice", 50), await register("mallory")

    async def fetch():
        _, answer = await mallory.ask("GET", f"/api/keys/user/{alice.user_id}")
        return answer["data"]["devices"][0]["oneTimePreKey"]

    found = [await fetch() for _ in range(20)]
    assert found[5:] == [None] * 15
    _, answer = await alice.ask("GET", "/api/keys/prekeys/stats")
    assert answer["data"]["available"] == 45


@configured(REQUIRE_REGISTRATION_TOKEN="true")
async def test_the_bare_form_can_be_turned_off(open_account, http):
    alice = await open_account("alice")
    token = (await alice.log_in("phone"))["registrationToken"]
    body = {"deviceId": "phone", **KEYS.first()}
    bare = call(http, "POST", "/api/keys/register", body)
    assert await refused(bare) == (401, "unauthenticated")
    with_token = {**body, "registrationToken": token}
    assert (await call(http, "POST", "/api/keys/register", with_token))[0] == 201


async def test_who_has_lost_all_devices_begins_anew_and_the_others_are_told(
    register, http, server, later
):
    alice, bob = await register("alice", 1), await register("bob", 1, keys=Keyring(2))
    for one, other in ((alice, bob), (bob, alice)):
        sent = {"recipientId": other.user_id, "encryptedContent": "x"}
        assert (await one.ask("POST", "/api/messages/send", sent))[0] == 201
    path, others = f"/api/keys/user/{alice.user_id}", Keyring(3)
    _, before = await bob.ask("GET", path)
    body = {"deviceId": "new phone", **others.first(1)}
    token = (await alice.log_in("new phone"))["registrationToken"]
    assert await refused(call(http, "POST", "/api/keys/register", body, token)) == (
        409,
        "identity_mismatch",
    )
    revoke = f"/api/admin/accounts/{alice.user_id}/revoke-devices"
    assert (await alice.ask("POST", revoke))[0] == 403
    _, answer = await call(http, "POST", revoke, {}, ADMIN_TOKEN)
    assert answer["data"] == {"userId": alice.user_id, "revoked": ["phone"]}
    await later(minutes=1)

    async with Client(server.node_urls[-1], "/ws") as bobs:
        await bobs.open(bob.tokens["phone"].access)
        await bobs.beat()
        await register("alice", 1, device_id="new phone", keys=others, person=alice)
        await until(lambda: bobs.all("identity_changed"))
        (told,) = bobs.all("identity_changed")
    _, after = await bob.ask("GET", path)
    assert (told["userId"], told["timestamp"]) == (
        alice.user_id,
        after["data"]["identityKeySince"],
    )
    assert after["data"]["identityPublicKey"] == others.identity
    assert before["data"]["identityKeySince"] < after["data"]["identityKeySince"]


async def test_operators_are_made_by_operators_alone(register, http):
    alice = await register("alice")
    path = f"/api/admin/accounts/{alice.user_id}"
    for what in ("promote", "demote", "revoke-devices"):
        assert await refused(alice.ask("POST", f"{path}/{what}")) == (403, "forbidden")
        status, _ = await call(http, "POST", f"/api/admin/accounts/x/{what}", None, ADMIN_TOKEN)
        assert status == 404
    assert (await call(http, "POST", f"{path}/promote", None, ADMIN_TOKEN))[0] == 200
    assert (await alice.ask("GET", "/api/admin/accounts"))[0] == 200
    assert (await alice.ask("POST", f"{path}/demote"))[0] == 200
    assert await refused(alice.ask("GET", "/api/admin/accounts")) == (403, "forbidden")
