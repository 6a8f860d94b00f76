"""The accounts of those who have registered: they have no password to prove themselves by."""

import pytest

from tests.apis.attacks.scenes import keys_of
from tests.apis.conftest import Later
from tests.apis.event_queue.people import NOW_S, call, id_token
from tests.issuers import ISSUER
from tests.servers import ADMIN_TOKEN

ACCOUNT = "/api/auth/account"
PASSWORD = "SecurePass123!"


async def delete(who, signer, subject, **changes):
    token = id_token(signer, ISSUER, subject, **changes)
    return await who.ask("DELETE", ACCOUNT, {"idToken": token})


async def test_who_has_just_signed_in_with_the_issuer_deletes_the_account(alice, join, signer):
    status, _ = await delete(alice, signer, "alice", iat=NOW_S)
    assert status == 200
    assert (await alice.ask("GET", "/api/users/me"))[0] == 401
    anew = await join("alice")
    assert anew.user_id != alice.user_id


async def test_who_has_signed_in_five_minutes_ago_and_not_since_does_not(alice, signer):
    status, problem = await delete(alice, signer, "alice", iat=NOW_S - 301)
    assert (status, problem["code"]) == (401, "invalid_credentials")
    assert (await alice.ask("GET", "/api/users/me"))[0] == 200
    assert (await delete(alice, signer, "alice", iat=NOW_S - 300))[0] == 200


async def test_a_token_gets_too_old_to_prove_anything(alice, http, signer, later: Later):
    token = id_token(signer, ISSUER, "alice", iat=NOW_S)
    await later(minutes=5, seconds=1)
    status, problem = await alice.ask("DELETE", ACCOUNT, {"idToken": token})
    assert (status, problem["code"]) == (401, "invalid_credentials")
    assert (await call(http, "GET", "/api/users/me", token=token))[0] == 200


@pytest.mark.parametrize(
    ("subject", "changes", "code"),
    [
        ("bob", {}, "invalid_credentials"),
        ("nobody", {}, "invalid_credentials"),
        ("alice", {"aud": "another client", "azp": "another client"}, "unauthenticated"),
        ("alice", {"iss": "https://evil.example"}, "unauthenticated"),
        ("alice", {"exp": NOW_S - 1}, "token_expired"),
    ],
    ids=str,
)
async def test_a_token_of_another_user_or_for_another_client_deletes_nothing(
    alice, bob, signer, subject, changes, code
):
    status, problem = await delete(alice, signer, subject, **changes)
    assert (status, problem["code"]) == (401, code)
    for who in (alice, bob):
        assert (await who.ask("GET", "/api/users/me"))[0] == 200


async def test_who_is_no_bearer_of_identity_tokens_any_more_still_deletes_by_one(
    alice, http, signer, join
):
    """Their sign-in has ended with the first device; that of another one goes on."""
    again = await join("alice", device_id="phone")
    assert (await again.ask("DELETE", "/api/auth/devices/default"))[0] == 200
    token = id_token(signer, ISSUER, "alice")
    assert (await call(http, "GET", "/api/users/me", token=token))[0] == 401
    assert (await delete(again, signer, "alice"))[0] == 200


async def test_neither_both_proofs_nor_none_delete_an_account(alice, signer):
    token = id_token(signer, ISSUER, "alice")
    for body in ({}, {"idToken": token, "password": PASSWORD}):
        status, problem = await alice.ask("DELETE", ACCOUNT, body)
        assert (status, problem["code"]) == (400, "invalid_request")
    status, _ = await alice.ask("DELETE", f"{ACCOUNT}?idToken={token}")
    assert status == 400  # an address gets into logs


async def test_an_account_without_a_password_has_none_to_change_or_to_show(alice):
    for method, path, body in (
        ("POST", "/api/auth/password", {"newPassword": PASSWORD}),
        ("POST", "/api/auth/password", {"newPassword": PASSWORD, "currentPassword": PASSWORD}),
        ("DELETE", ACCOUNT, {"password": PASSWORD}),
    ):
        status, problem = await alice.ask(method, path, body)
        assert (status, problem["code"]) == (403, "forbidden")
        assert "no password" in problem["message"]


async def test_operators_give_no_password_to_whom_only_an_issuer_signs_in(alice, http):
    path = f"/api/admin/accounts/{alice.user_id}/reset-password"
    status, problem = await call(http, "POST", path, token=ADMIN_TOKEN)
    assert (status, problem["code"]) == (403, "forbidden")
    assert "issuer" in problem["message"]
    assert (await alice.ask("GET", "/api/users/me"))[0] == 200
    status, problem = await alice.ask("DELETE", ACCOUNT, {"password": PASSWORD})
    assert (status, problem["code"]) == (403, "forbidden")


async def test_an_account_with_a_password_is_not_deleted_by_a_token_of_the_same_address(
    http, signer, alice
):
    name = {"username": "alice", "password": PASSWORD}
    await call(http, "POST", "/api/auth/signup", {**name, "email": "alice@example.com"})
    _, login = await call(http, "POST", "/api/auth/login", {**name, "deviceId": "phone"})
    keys = {**keys_of("phone"), "registrationToken": login["data"]["registrationToken"]}
    _, made = await call(http, "POST", "/api/keys/register", keys)
    token = made["data"]["accessToken"]
    proof = {"idToken": id_token(signer, ISSUER, "alice")}
    status, problem = await call(http, "DELETE", ACCOUNT, proof, token)
    assert (status, problem["code"]) == (401, "invalid_credentials")
    assert (await call(http, "DELETE", ACCOUNT, {"password": PASSWORD}, token))[0] == 200


async def test_a_refresh_token_is_taken_by_the_name_that_register_gives_it(alice, http):
    path, token = "/api/auth/refresh", alice.refresh_token
    for body in ({}, {"refresh_token": token, "refreshToken": token}):
        status, problem = await call(http, "POST", path, body)
        assert (status, problem["code"]) == (400, "invalid_request")
    status, answer = await call(http, "POST", path, {"refresh_token": token})
    assert status == 200
    renewed = {"refreshToken": answer["data"]["refreshToken"]}
    assert (await call(http, "POST", path, renewed))[0] == 200
