"""Settings that are secrets, and those that say whose tokens are good."""

from base64 import b64encode
from typing import Any

import pytest

from server.core.claims import AdminClaim
from server.settings import load
from tests.refused_settings import problems

# --- secrets ---

SECRETS = ["short", "with a space within it", "ünicode-is-not-for-headers", "tab\tin-a-long-token"]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_bad_secret_is_refused_and_never_shown(secret: str) -> None:
    (problem,) = problems(ADMIN_TOKEN=secret)

    assert problem.startswith("ADMIN_TOKEN: ")
    assert secret not in problem
    assert repr(secret)[1:-1] not in problem
    assert "16" in problem


def test_a_password_in_an_address_is_never_shown() -> None:
    told = problems(REDIS_URL="http://:hunter22@redis", DATABASE_URL="oracle://u:hunter22@db")

    assert len(told) == 2
    assert "hunter22" not in "".join(told)


@pytest.mark.parametrize("shown", [str, repr])
@pytest.mark.parametrize("name", ["ADMIN_TOKEN", "JWT_SECRET", "S3_ACCESS_KEY", "S3_SECRET_KEY"])
def test_settings_can_be_printed_without_giving_a_secret_away(name: str, shown: Any) -> None:
    assert SIGNING_SECRET not in shown(load({name: SIGNING_SECRET}))


# --- keys of workspaces ---

MASTER_KEY = b64encode(bytes(range(32))).decode()

BAD_MASTER_KEYS = {
    "31 bytes": b64encode(b"x" * 31).decode(),
    "33 bytes": b64encode(b"x" * 33).decode(),
    "a password": "correct horse battery staple",
    "hexadecimal": "0f" * 32,
    "one of two": f"{MASTER_KEY},x",
}


def test_master_keys_are_taken_in_their_order_and_never_shown() -> None:
    other = b64encode(b"\xff" * 32).decode()
    settings = load({"MASTER_KEY": f" {MASTER_KEY} , {other},"})

    assert settings.master_keys == (bytes(range(32)), b"\xff" * 32)
    assert "\\x" not in repr(settings)
    assert str(settings.master_keys) == "<secret>"
    assert load({}).master_keys == ()


@pytest.mark.parametrize("key", BAD_MASTER_KEYS.values(), ids=BAD_MASTER_KEYS)
def test_a_master_key_that_is_not_of_32_bytes_is_refused_and_never_shown(key: str) -> None:
    (problem,) = problems(MASTER_KEY=key)

    assert problem.startswith("MASTER_KEY: the value given must ")
    assert key not in problem


# --- tokens of others ---

SIGNING_SECRET = "0123456789abcdef0123456789abcdef"

BAD_SIGNING_SECRETS = {
    "31 bytes": "x" * 31,
    "a public key": "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKC",
    "a JWK": '{"kty":"oct","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}',
}


@pytest.mark.parametrize("secret", BAD_SIGNING_SECRETS.values(), ids=BAD_SIGNING_SECRETS)
def test_a_signing_secret_that_is_weak_or_a_key_is_refused_and_never_shown(secret: str) -> None:
    (problem,) = problems(JWT_SECRET=secret)

    assert problem.startswith("JWT_SECRET: the value given must ")
    assert secret not in problem


def test_a_signing_secret_has_as_many_bytes_as_the_hash() -> None:
    assert load({"JWT_SECRET": "x" * 32}).jwt_secret == "x" * 32
    assert load({"JWT_SECRET": "ü" * 16}).jwt_secret == "ü" * 16


ISSUER = {
    "JWT_JWKS_URL": "https://id.example/jwks.json?tenant=1",
    "JWT_ISSUER": "https://id.example/",
    "JWT_AUDIENCE": "chat",
}


def test_an_issuer_is_taken_with_its_name_and_audience() -> None:
    settings = load(ISSUER)

    assert settings.jwks_url == ISSUER["JWT_JWKS_URL"]
    assert settings.token_rules.issuer == "https://id.example/"
    assert settings.token_rules.audience == "chat"


@pytest.mark.parametrize("missing", ["JWT_ISSUER", "JWT_AUDIENCE"])
def test_an_issuer_without_its_name_or_audience_stops_the_start(missing: str) -> None:
    (problem,) = problems(**{**ISSUER, missing: ""})

    assert problem.startswith(f"{missing}: ")
    assert "Set it" in problem


def test_nobody_else_is_this_server_as_an_issuer() -> None:
    (problem,) = problems(JWT_ISSUER="hushwire")

    assert problem.startswith("JWT_ISSUER: ")


GOOD_KEY_URLS = ["https://id.example", "http://127.0.0.1:8080/jwks", "http://[::1]/j"]
BAD_KEY_URLS = [
    "http://id.example/jwks",
    "http://127.0.0.1.id.example/jwks",
    "http://10.0.0.1/jwks",
    "ftp://id.example/jwks",
    "file:///etc/jwks",
    "https://user:password@id.example/jwks",
    "https://",
    "https://id.example:99999/",
    "https://id.example/a b",
    "https://id.example/#keys",
    "id.example/jwks",
]


@pytest.mark.parametrize("url", GOOD_KEY_URLS)
def test_keys_come_over_https_or_from_this_machine(url: str) -> None:
    assert load({**ISSUER, "JWT_JWKS_URL": url}).jwks_url == url


@pytest.mark.parametrize("url", BAD_KEY_URLS)
def test_keys_that_somebody_on_the_way_could_change_are_refused(url: str) -> None:
    (problem,) = problems(**{**ISSUER, "JWT_JWKS_URL": url})

    assert problem.startswith(f"JWT_JWKS_URL: {url!r} must ")


ADMIN_CLAIMS = {
    "roles=admin": AdminClaim("roles", "admin"),
    " roles = admin ": AdminClaim("roles", "admin"),
    "is_admin": AdminClaim("is_admin", None),
    "a.b=c=d": AdminClaim("a.b", "c=d"),
    "": None,
}


def test_words_for_tokens_that_sign_in_are_taken_in_any_case():
    assert load({"JWT_TYPES": " Student,pupil ,, "}).token_rules.types == {"student", "pupil"}
    assert problems(JWT_TYPES="a\nb")[0].startswith("JWT_TYPES: ")


@pytest.mark.parametrize(("text", "claim"), ADMIN_CLAIMS.items(), ids=ADMIN_CLAIMS)
def test_the_operators_claim_is_a_name_with_or_without_a_value(
    text: str, claim: AdminClaim | None
) -> None:
    assert load({"ADMIN_CLAIM": text}).token_rules.admin == claim


@pytest.mark.parametrize("text", ["=admin", "roles=", "=", "ro\tles"])
def test_an_operators_claim_that_could_mean_anything_is_refused(text: str) -> None:
    (problem,) = problems(ADMIN_CLAIM=text)

    assert problem.startswith("ADMIN_CLAIM: ")
