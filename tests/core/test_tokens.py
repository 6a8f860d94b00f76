"""Tokens: which sign in, as whom, and how every other is refused."""

import json
from typing import Any

import jwt
import pytest

from server.core.claims import LEEWAY_MS, AdminClaim
from server.core.errors import AppError, Code
from server.core.ids import NumericUserId, as_written
from server.core.keys import IssuerKey, read_keys
from server.core.limits import Bounds, Rate, Rates
from server.core.tokens import LOGIN_CHARS, TokenRules
from tests.core.visitors import SIGNING_SECRET, refused
from tests.issuers import (
    AUDIENCE,
    ISSUER,
    Signer,
    another_rsa_key,
    by_hand,
    by_secret,
    unsigned,
)

NOW_S = 1_800_000_000
"""What the clock of the tests says."""

HOUR_S = 3600

RSA, EC, ED = Signer("RS256", "rsa"), Signer("ES256", "ec"), Signer("EdDSA", "ed")
SIGNERS = {signer.algorithm: signer for signer in (RSA, EC, ED)}

RULES = TokenRules(issuer=ISSUER, audience=AUDIENCE, admin=AdminClaim("roles", "admin"))


class PublishedHere:
    """An issuer's keys that are at hand."""

    def __init__(self, *jwks: dict[str, Any]) -> None:
        self._keys = read_keys({"keys": list(jwks)})

    async def find(self, kid: str | None) -> tuple[IssuerKey, ...]:
        return tuple(key for key in self._keys if kid is None or key.kid == kid)


@pytest.fixture
def tokens(open_core):
    """Those of a server that knows an issuer."""
    keys = PublishedHere(*(signer.jwk for signer in SIGNERS.values()))
    return open_core(rules=RULES, key_sets=keys).tokens


def shared(**claims: Any) -> str:
    """A token of a system that has our secret."""
    return by_secret({"sub": "alice", **claims}, SIGNING_SECRET)


def issued(signer: Signer = RSA, /, **claims: Any) -> str:
    """A token of the issuer, for alice for an hour unless the claims say otherwise."""
    whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW_S + HOUR_S, **claims}
    return signer.sign({name: value for name, value in whole.items() if value is not None})


# --- ours ---


async def test_a_guest_is_who_its_token_says_for_a_day(core, clock):
    issued = await core.tokens.issue_guest("home", "Zoë")
    user = await core.tokens.verify(issued.token)

    assert user == issued.user
    assert (user.login, user.is_guest, user.is_operator) == ("Zoë", True, False)
    assert user.expires_ms == clock.now_ms() + 24 * HOUR_S * 1000
    clock.advance(minutes=24 * 60, ms=-1)
    assert await core.tokens.verify(issued.token) == user
    clock.advance(ms=1)
    assert (await refused(core.tokens.verify(issued.token))).code is Code.TOKEN_EXPIRED
    assert await core.tokens.read(issued.token) == user


async def test_two_guests_of_one_name_are_two_users(core):
    one, other = [await core.tokens.issue_guest("home", "Zoë") for _ in range(2)]

    assert one.user.user_id != other.user.user_id
    assert one.token != other.token


@pytest.mark.parametrize("login", [None, "", "  "])
async def test_a_guest_without_a_name_is_given_one(login, core):
    assert (await core.tokens.issue_guest("home", login)).user.login.startswith("Guest ")


@pytest.mark.parametrize("login", ["👩\u200d🚀", "می\u200cخواهم", "Ζωή", "李 雷", "e\u0301"])
async def test_a_guest_may_be_called_whatever_can_be_seen(login, core):
    assert (await core.tokens.issue_guest("home", login)).user.login == login


@pytest.mark.parametrize("device_id", ["", 7, "x" * 129, "a\nb", {}])
async def test_whoever_names_a_device_by_what_is_no_id_does_not_sign_in(device_id, tokens):
    assert (await tokens.verify(shared(sub="1", deviceId="phone"))).device_id == "phone"
    assert (await tokens.verify(shared(sub="1"))).device_id is None
    with pytest.raises(AppError) as caught:
        await tokens.verify(shared(sub="1", deviceId=device_id))
    assert caught.value.code is Code.UNAUTHENTICATED


@pytest.mark.parametrize(
    "login",
    [
        "x" * (LOGIN_CHARS + 1), "a\nb", "a\x00", "a\u2028b", "a\x1b[1m", "\u200b",
        "a\u202eb", "\u3000\u200d", "\u0301", "a\u2060", "a\U000e0061",
    ],
)  # fmt: skip
async def test_a_guest_with_a_name_that_cannot_be_shown_is_refused(login, core):
    error = await refused(core.tokens.issue_guest("home", login))

    assert error.code is Code.INVALID_REQUEST
    assert "login" in error.message


async def test_guests_tokens_of_one_address_have_a_rate(open_core):
    tokens = open_core(rates=Rates(guest=Rate(60, 2))).tokens
    for _ in range(2):
        await tokens.issue_guest("home")

    assert (await refused(tokens.issue_guest("home"))).code is Code.RATE_LIMITED
    await tokens.issue_guest("elsewhere")


async def test_where_there_are_no_guests_none_is_made_and_none_gets_in(core, open_core):
    guest = await core.tokens.issue_guest("home")
    closed = open_core(rules=TokenRules(guests=False)).tokens

    assert (await refused(closed.issue_guest("home"))).code is Code.FORBIDDEN
    assert (await refused(closed.verify(guest.token))).code is Code.FORBIDDEN
    assert (await closed.verify(shared())).user_id == "alice"


OURS = {
    "iss": "hushwire",
    "typ": "guest",
    "sub": "alice",
    "jti": "1",
    "iat": NOW_S,
    "exp": NOW_S + HOUR_S,
}


async def test_a_token_of_ours_signs_in_and_makes_no_operator(tokens):
    user = await tokens.verify(by_secret({**OURS, "roles": ["admin"]}, SIGNING_SECRET))

    assert (user.user_id, user.is_guest, user.is_operator) == ("alice", True, False)


@pytest.mark.parametrize("kind", ["registration", "refresh", "Access", "", None, 1, ["access"]])
async def test_other_types_of_ours_do_not_sign_in(kind, tokens):
    await check_refused(tokens, by_secret({**OURS, "typ": kind}, SIGNING_SECRET), "type")


@pytest.mark.parametrize("name", ["jti", "iat", "exp", "typ"])
async def test_one_of_ours_that_lacks_what_ours_have_is_forged(name, tokens):
    claims = {key: value for key, value in OURS.items() if key != name}

    await check_refused(tokens, by_secret(claims, SIGNING_SECRET))


# --- of another system ---

NAMES: dict[str, tuple[dict[str, Any], str | int, str]] = {
    "sub": ({"sub": "u-1"}, "u-1", "u-1"),
    "userId": ({"userId": "u-1", "username": "Al"}, "u-1", "Al"),
    "id": ({"id": "u-1", "name": "Alice A."}, "u-1", "Alice A."),
    "a number": ({"userId": 7, "login": "al"}, 7, "al"),
    "a negative number": ({"id": -7}, -7, "-7"),
    "the largest number": ({"sub": 2**53 - 1}, 2**53 - 1, str(2**53 - 1)),
    "a number as text": ({"sub": "7"}, "7", "7"),
    "null before a number": ({"sub": None, "id": 0}, 0, "0"),
    "the first of all": ({"id": 3, "userId": 2, "sub": 1}, 1, "1"),
    "the first name": ({"sub": "a", "name": "N", "username": "U", "login": "L"}, "a", "L"),
    "an empty first name": ({"sub": "a", "login": "", "username": None, "name": "N"}, "a", "N"),
    "all languages": ({"sub": "ä 1", "login": "👩‍👩‍👧 نام‌ها"}, "ä 1", "👩‍👩‍👧 نام‌ها"),
    "as long as an id may be": ({"sub": "x" * 128}, "x" * 128, "x" * 128),
}


@pytest.mark.parametrize(("claims", "user_id", "login"), NAMES.values(), ids=NAMES)
async def test_another_system_names_its_users_in_its_own_claims(claims, user_id, login, tokens):
    user = await tokens.verify(by_secret(claims, SIGNING_SECRET))

    assert as_written(user.user_id) == user_id
    assert type(user.user_id) is NumericUserId or isinstance(user_id, str)
    assert user.login == login
    assert (user.expires_ms, user.is_guest, user.is_operator) == (None, False, False)


WORKSPACES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "one": ({"workspaceId": "w1"}, ("w1",)),
    "a number": ({"workspaceId": 7}, ("7",)),
    "several": ({"workspaceIds": ["w2", 7, "w1"]}, ("w2", "7", "w1")),
    "both, each once": ({"workspaceId": "w1", "workspaceIds": ["w2", "w1"]}, ("w1", "w2")),
    "none": ({}, ()),
    "null": ({"workspaceId": None, "workspaceIds": None}, ()),
    "no list": ({"workspaceIds": "w1"}, ()),
    "no ids": ({"workspaceIds": ["", "x" * 129, "a\nb", True, {}, 1.5, 2**60, "w"]}, ("w",)),
    "a hundred": ({"workspaceIds": list(range(102))}, tuple(map(str, range(100)))),
}


@pytest.mark.parametrize(("claims", "named"), WORKSPACES.values(), ids=WORKSPACES)
async def test_another_system_names_the_workspaces_of_its_users(claims, named, tokens):
    for token in (shared(**claims), issued(**claims)):
        assert (await tokens.verify(token)).workspace_ids == named


async def test_a_token_of_ours_names_no_workspaces(tokens):
    token = by_secret({**OURS, "workspaceIds": ["w1"]}, SIGNING_SECRET)

    assert (await tokens.verify(token)).workspace_ids == ()


async def test_whose_key_signed_a_token_is_known_afterwards(tokens):
    assert (await tokens.verify(shared())).issuer == ""
    assert (await tokens.verify(issued())).issuer == ISSUER


NO_NAMES = {
    "nobody": {},
    "only nulls": {"sub": None, "userId": None, "id": None},
    "an empty id": {"sub": ""},
    "true": {"sub": True},
    "a fraction": {"sub": 1.5},
    "a whole fraction": {"sub": 1.0},
    "a list": {"sub": ["alice"]},
    "an object": {"userId": {"id": 1}},
    "beyond JavaScript": {"id": 2**53},
    "a long id": {"sub": "x" * 129},
    "a line break in the id": {"sub": "a\nb"},
    "an escape in the id": {"sub": "a\x1b[1m"},
    "a login that is a number": {"sub": "a", "login": 7},
    "a login that is a list": {"sub": "a", "name": ["a"]},
    "a long login": {"sub": "a", "login": "x" * 513},
    "a control character in the login": {"sub": "a", "login": "a\x00"},
    "two lines in the login": {"sub": "a", "login": "a\u2028b"},
    "half a surrogate pair in the login": {"sub": "a", "login": "\ud83d"},
}


@pytest.mark.parametrize("claims", NO_NAMES.values(), ids=NO_NAMES)
async def test_whoever_cannot_be_named_does_not_sign_in(claims, tokens):
    await check_refused(tokens, by_hand('{"alg":"HS256"}', json.dumps(claims), SIGNING_SECRET))


@pytest.mark.parametrize("name", ["typ", "type", "token_use", "purpose"])
@pytest.mark.parametrize(
    "kind",
    ["refresh", "REFRESH_TOKEN", "Offline", "registration", "ID", "password_reset", "2fa", 1, []],
)
async def test_what_another_system_made_for_something_else_does_not_sign_in(name, kind, tokens):
    await check_refused(tokens, shared(**{name: kind}), "type")
    await check_refused(tokens, issued(**{name: kind}), "type")


@pytest.mark.parametrize(("name", "kind"), [("typ", "Bearer"), ("token_use", "access")])
async def test_access_tokens_may_be_called_so(name, kind, tokens):
    assert (await tokens.verify(shared(**{name: kind}))).user_id == "alice"
    assert (await tokens.verify(issued(**{name: kind}))).login == "alice"


async def test_other_systems_may_have_words_of_their_own_for_what_signs_in(open_core):
    tokens = open_core(rules=TokenRules(types=frozenset({"student"}))).tokens

    assert (await tokens.verify(shared(type="Student"))).user_id == "alice"
    await check_refused(tokens, shared(type="teacher"), "type")


OPERATORS: dict[str, tuple[AdminClaim | None, dict[str, Any], bool]] = {
    "no claim is asked for": (None, {"roles": ["admin"], "admin": True}, False),
    "the value": (AdminClaim("role", "admin"), {"role": "admin"}, True),
    "another value": (AdminClaim("role", "admin"), {"role": "administrator"}, False),
    "a list with it": (AdminClaim("roles", "admin"), {"roles": ["user", "admin"]}, True),
    "a list without it": (AdminClaim("roles", "admin"), {"roles": ["adm", "in"]}, False),
    "words with it": (AdminClaim("scope", "admin"), {"scope": "openid admin"}, True),
    "words that begin so": (AdminClaim("scope", "admin"), {"scope": "admins x"}, False),
    "an object": (AdminClaim("roles", "admin"), {"roles": {"admin": True}}, False),
    "the claim is absent": (AdminClaim("roles", "admin"), {}, False),
    "true": (AdminClaim("is_admin", None), {"is_admin": True}, True),
    "false": (AdminClaim("is_admin", None), {"is_admin": False}, False),
    "true as a text": (AdminClaim("is_admin", None), {"is_admin": "true"}, False),
    "one": (AdminClaim("is_admin", None), {"is_admin": 1}, False),
    "inside": (AdminClaim("realm.roles", "admin"), {"realm": {"roles": ["admin"]}}, True),
    "a name with dots": (AdminClaim("https://a.b/r", "x"), {"https://a.b/r": ["x"]}, True),
    "inside of a text": (AdminClaim("realm.roles", "admin"), {"realm": "roles"}, False),
}


@pytest.mark.parametrize(("claim", "claims", "is_operator"), OPERATORS.values(), ids=OPERATORS)
async def test_roles_of_another_system_count_as_the_setting_says(
    claim, claims, is_operator, open_core
):
    tokens = open_core(rules=TokenRules(admin=claim)).tokens

    assert (await tokens.verify(shared(**claims))).is_operator is is_operator


# --- of an issuer ---


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
async def test_an_issuers_users_sign_in_and_are_kept_apart_from_others(signer, tokens):
    user = await tokens.verify(issued(signer, login="Al", roles=["admin"]))

    assert user.user_id == "alice@id.example"
    assert (user.login, user.is_guest, user.is_operator) == ("Al", False, True)
    assert user.expires_ms == (NOW_S + HOUR_S) * 1000
    assert user.user_id != (await tokens.verify(shared())).user_id


async def test_an_issuers_number_is_part_of_a_text(tokens):
    assert as_written((await tokens.verify(issued(sub=7))).user_id) == "7@id.example"


async def test_an_issuers_user_with_a_long_id_has_a_short_one_of_its_own(tokens):
    ids = {(await tokens.verify(issued(sub="x" * length))).user_id for length in (118, 119, 500)}

    assert [len(one) for one in ids] == [43] * 3
    assert (await tokens.verify(issued(sub="x" * 500))).user_id in ids
    assert len((await tokens.verify(issued(sub="x" * 117))).user_id) == 128


async def test_no_id_is_longer_than_this_installation_allows(open_core):
    keys = PublishedHere(RSA.jwk)
    tokens = open_core(rules=RULES, key_sets=keys, bounds=Bounds(id_chars=16)).tokens

    assert len((await tokens.verify(issued(sub="somebody"))).user_id) == 16


async def test_a_token_that_names_no_key_is_tried_with_the_only_one_that_fits(open_core):
    nameless = Signer("ES256")
    alone = open_core(rules=RULES, key_sets=PublishedHere(EC.jwk, RSA.jwk)).tokens
    both = open_core(
        rules=RULES, key_sets=PublishedHere(EC.jwk, {**EC.jwk, "kid": "another"})
    ).tokens

    assert (await alone.verify(issued(nameless))).user_id == "alice@id.example"
    await check_refused(both, issued(nameless), "key")


@pytest.mark.parametrize(
    "audience", [AUDIENCE, [AUDIENCE], ["other", AUDIENCE]], ids=["one", "a list", "two"]
)
async def test_a_token_may_be_for_others_too(audience, tokens):
    assert (await tokens.verify(issued(aud=audience))).login == "alice"
    assert (await tokens.verify(shared(aud=audience))).login == "alice"


async def test_a_token_by_the_secret_need_not_say_whom_it_is_for_nor_by_whom(tokens):
    assert (await tokens.verify(shared(aud=None, iss="https://anybody.example"))).login == "alice"


WRONG: dict[str, str] = {
    "another issuer": issued(iss="https://id.example/realms/other"),
    "an issuer that begins so": issued(iss=ISSUER + "/"),
    "no issuer": issued(iss=None),
    "us as the issuer": issued(iss="hushwire", typ="access", jti="1", iat=NOW_S),
    "another audience": issued(aud="shop"),
    "an audience that begins so": issued(aud=AUDIENCE + "s"),
    "other audiences": issued(aud=["shop", "mail"]),
    "an audience and a number": issued(aud=[AUDIENCE, 1]),
    "no audience": issued(aud=None),
    "another audience by the secret": shared(aud="shop"),
    "no end": issued(exp=None),
    "an unknown key": issued(Signer("RS256", "other")),
    "another key of that name": issued(Signer("RS256", "rsa", another_rsa_key())),
    "another kind of key of that name": issued(Signer("ES256", "rsa")),
    "another algorithm of that key": jwt.encode(
        {"sub": "a"}, RSA.key, algorithm="RS512", headers={"kid": "rsa"}
    ),
    "PSS by that key": jwt.encode({"sub": "a"}, RSA.key, algorithm="PS256", headers={"kid": "rsa"}),
    "a secret of others": by_secret({"sub": "alice"}, b"x" * 32),
    "our secret by another hash": jwt.encode({"sub": "a"}, SIGNING_SECRET * 2, algorithm="HS512"),
    "the public key as a secret": by_hand(
        '{"alg":"HS256","kid":"rsa"}', json.dumps({"sub": "a"}), RSA.pem
    ),
    "the published key as a secret": by_hand(
        '{"alg":"HS256","kid":"rsa"}', json.dumps({"sub": "a"}), json.dumps(RSA.jwk).encode()
    ),
    "HMAC that says RSA": by_hand('{"alg":"RS256","kid":"rsa"}', '{"sub":"a"}', SIGNING_SECRET),
    "no algorithm": unsigned({"sub": "alice"}),
    "no algorithm in capitals": unsigned({"sub": "alice"}, "None"),
    "an empty algorithm": unsigned({"sub": "alice"}, ""),
    "an empty signature": unsigned({"sub": "alice"}, "HS256"),
    "an empty signature of an issuer": unsigned({"sub": "alice"}, "RS256"),
    "small letters": by_hand('{"alg":"hs256"}', '{"sub":"a"}', SIGNING_SECRET),
}


@pytest.mark.parametrize("token", WRONG.values(), ids=WRONG)
async def test_what_is_forged_or_for_others_is_refused(token, tokens):
    await check_refused(tokens, token)


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
async def test_where_no_issuer_is_known_its_tokens_are_refused(signer, core):
    await check_refused(core.tokens, issued(signer), "algorithm")


@pytest.mark.parametrize("token", [issued(signer) for signer in SIGNERS.values()], ids=SIGNERS)
@pytest.mark.parametrize("part", [0, 1, 2], ids=["header", "claims", "signature"])
async def test_a_token_changed_in_any_part_is_refused(token, part, tokens):
    parts = token.split(".")
    middle = len(parts[part]) // 2
    swapped = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + swapped + parts[part][middle + 1 :]

    await check_refused(tokens, ".".join(parts))


# --- its form ---

HS256 = '{"alg":"HS256"}'
BAD_FORMS: dict[str, str] = {
    "nothing": "",
    "a word": "token",
    "two parts": "a.b",
    "four parts": shared() + ".e30",
    "a space at the end": shared() + " ",
    "a line break": shared() + "\n",
    "padding": shared() + "=",
    "other letters": shared().replace("e", "é", 1),
    "standard base64": by_hand(HS256, '{"sub":"???~~~"}', SIGNING_SECRET).replace("_", "/"),
    "a long one": shared(padding="x" * 8000),
    "a header that is no JSON": by_hand("{alg:HS256}", '{"sub":"a"}', SIGNING_SECRET),
    "a header that is a list": by_hand('["HS256"]', '{"sub":"a"}', SIGNING_SECRET),
    "a header of nothing": by_hand("{}", '{"sub":"a"}', SIGNING_SECRET),
    "two algorithms": by_hand('{"alg":["HS256"]}', '{"sub":"a"}', SIGNING_SECRET),
    "an algorithm twice": by_hand('{"alg":"none","alg":"HS256"}', '{"sub":"a"}', SIGNING_SECRET),
    "an extension": by_hand('{"alg":"HS256","crit":["x"],"x":1}', '{"sub":"a"}', SIGNING_SECRET),
    "an empty extension": by_hand('{"alg":"HS256","crit":[]}', '{"sub":"a"}', SIGNING_SECRET),
    "a payload elsewhere": by_hand('{"alg":"HS256","b64":false}', '{"sub":"a"}', SIGNING_SECRET),
    "a kid that is a number": by_hand('{"alg":"HS256","kid":1}', '{"sub":"a"}', SIGNING_SECRET),
    "a logout token": by_hand('{"alg":"HS256","typ":"logout+jwt"}', '{"sub":"a"}', SIGNING_SECRET),
    "claims that are no JSON": by_hand(HS256, "{sub:a}", SIGNING_SECRET),
    "claims that are a list": by_hand(HS256, '["a"]', SIGNING_SECRET),
    "claims that are null": by_hand(HS256, "null", SIGNING_SECRET),
    "a claim twice": by_hand(HS256, '{"sub":"a","sub":"b"}', SIGNING_SECRET),
    "a claim twice inside": by_hand(HS256, '{"sub":"a","x":{"y":1,"y":2}}', SIGNING_SECRET),
    "a number that is none": by_hand(HS256, '{"sub":"a","exp":NaN}', SIGNING_SECRET),
    "much nesting": by_hand(
        HS256, '{"sub":"a","x":' + "[" * 2500 + "]" * 2500 + "}", SIGNING_SECRET
    ),
    "a number of many digits": by_hand(HS256, '{"sub":' + "9" * 5000 + "}", SIGNING_SECRET),
}


@pytest.mark.parametrize("token", BAD_FORMS.values(), ids=BAD_FORMS)
async def test_what_is_no_proper_token_is_refused(token, tokens):
    await check_refused(tokens, token)


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
async def test_a_header_may_say_that_it_is_an_access_token(kind, tokens):
    token = by_secret({"sub": "alice"}, SIGNING_SECRET, typ=kind)

    assert (await tokens.verify(token)).user_id == "alice"


@pytest.mark.parametrize("token", BAD_FORMS.values(), ids=BAD_FORMS)
async def test_it_is_not_the_signature_that_gives_a_bad_form_away(token, tokens):
    assert "signature" not in (await refused(tokens.verify(token))).message


async def test_a_refusal_holds_nothing_of_the_token(tokens):
    for token in (*WRONG.values(), *BAD_FORMS.values()):
        error = await refused(tokens.verify(token))
        assert not any(len(part) > 8 and part in error.message for part in token.split("."))


# --- its times ---


async def test_a_token_runs_out_to_the_millisecond(tokens, clock):
    tokens_of_an_hour = [shared(exp=NOW_S + HOUR_S), issued(), shared(exp=NOW_S + HOUR_S + 0.0004)]
    clock.advance(seconds=HOUR_S, ms=-1)
    for token in tokens_of_an_hour:
        assert (await tokens.verify(token)).login == "alice"
    clock.advance(ms=1)
    for token in tokens_of_an_hour:
        assert (await refused(tokens.verify(token))).code is Code.TOKEN_EXPIRED


async def test_the_clocks_of_others_may_go_before_ours_by_so_much(tokens):
    ahead_s = NOW_S + LEEWAY_MS // 1000
    for name in ("nbf", "iat"):
        assert (await tokens.verify(shared(**{name: ahead_s}))).login == "alice"
        await check_refused(tokens, shared(**{name: ahead_s + 0.002}), "not valid yet")
        await check_refused(tokens, issued(**{name: ahead_s + 1}), "not valid yet")


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("time", ["1800000000", True, -1, 1e300, NOW_S * 1000, [NOW_S], {}])
async def test_what_is_no_time_in_seconds_is_refused(name, time, tokens):
    await check_refused(tokens, shared(**{name: time}), name)


async def test_an_expired_token_that_is_forged_is_refused_as_forged(tokens):
    expired = by_secret({"sub": "alice", "exp": NOW_S - 1}, b"x" * 32)

    await check_refused(tokens, expired, "signature")


async def check_refused(tokens: Any, token: str, why: str = "") -> None:
    error = await refused(tokens.verify(token))
    assert isinstance(error, AppError)
    assert error.code is Code.UNAUTHENTICATED
    assert error.message.startswith("the token is not good: ")
    assert why in error.message
