"""Keys over HTTP: registered, fetched, rotated and used up, and kept from those up to no good."""

import asyncio
from base64 import b64encode
from typing import Any

import pytest
from nacl.signing import SigningKey

from server.core.logins import TokenPair
from tests.apis.secure_chat.people import call
from tests.apis.session_relay.sessions import configured


def base64(data):
    return b64encode(data).decode()


def public_key(number):
    return number.to_bytes(32, "big")


class Keyring:
    """What a client has made, in the words of the contract."""

    def __init__(self, number=1):
        self._identity = SigningKey(public_key(number))

    @property
    def identity(self):
        return base64(bytes(self._identity.verify_key))

    def signed(self, key_id=1):
        of = public_key(100 + key_id)
        signature = self._identity.sign(of).signature
        return {"keyId": key_id, "publicKey": base64(of), "signature": base64(signature)}

    def first(self, prekeys=0, **changed):
        return {
            "publicKey": base64(public_key(7)),
            "identityPublicKey": self.identity,
            "signedPreKey": self.signed(),
            "preKeys": numbered(range(prekeys)),
            **changed,
        }


def numbered(key_ids):
    return [{"keyId": one, "publicKey": base64(public_key(1_000 + one))} for one in key_ids]


KEYS = Keyring()


@pytest.fixture
def register(http, open_account):
    """Signs somebody up with a device and its keys: `alice = await register("alice", 50)`."""

    async def one(name, prekeys=0, device_id="phone", keys=KEYS, person=None):
        person = person or await open_account(name)
        token = (await person.log_in(device_id))["registrationToken"]
        body = {"deviceId": device_id, **keys.first(prekeys)}
        status, answer = await call(http, "POST", "/api/keys/register", body, token)
        assert status == 201, answer
        data = answer["data"]
        person.tokens[device_id] = TokenPair(data["accessToken"], data["refreshToken"], 0)
        return person

    return one


async def refused(answering):
    status, answer = await answering
    assert answer["success"] is False
    return status, answer["error"]


# --- as the contract shows it ---


async def test_the_contracts_registration_and_bundle(open_account, http):
    alice = await open_account("alice")
    await alice.log_in("device-web-001")
    body = {
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


@configured(RATE_LIMITS="off")
async def test_of_fifty_prekeys_each_is_given_once_to_a_hundred_fetches_at_once(register):
    alice = await register("alice", 50)
    askers = [await register(name) for name in ("bob", "carol", "dave", "erin")]

    async def fetch(one):
        status, answer = await one.ask("GET", f"/api/keys/user/{alice.user_id}")
        assert status == 200
        return answer["data"]["devices"][0]["oneTimePreKey"]

    found = await asyncio.gather(*(fetch(one) for one in askers * 25))

    given = [one["keyId"] for one in found if one]
    assert sorted(given) == list(range(50))
    assert await fetch(askers[0]) is None


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


@pytest.mark.at_the_door
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


@pytest.mark.at_the_door
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
