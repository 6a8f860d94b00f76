"""Which keys of an issuer are good, and which are left out."""

from typing import Any

import jwt
import pytest

from server.core.keys import read_keys
from tests.issuers import Signer, another_rsa_key

RSA, EC, ED = Signer("RS256", "rsa"), Signer("ES256", "ec"), Signer("EdDSA", "ed")

BAD_KEYS: dict[str, dict[str, Any]] = {
    "for encryption": {**RSA.jwk, "use": "enc"},
    "for signing only": {**RSA.jwk, "key_ops": ["sign"]},
    "operations that are no list": {**RSA.jwk, "key_ops": "verify"},
    "for another algorithm": {**RSA.jwk, "alg": "RS512"},
    "for another kind of algorithm": {**RSA.jwk, "alg": "HS256"},
    "RSA of 1024 bits": Signer("RS256", "rsa", another_rsa_key(1024)).jwk,
    "a secret": {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "kid": "rsa"},
    "another curve": {**EC.jwk, "crv": "P-384", "alg": "ES384"},
    "a curve that does not fit": {**EC.jwk, "crv": "Ed25519"},
    "Ed448": {"kty": "OKP", "crv": "Ed448", "x": "A" * 76},
    "a point off the curve": {**EC.jwk, "x": EC.jwk["y"], "y": EC.jwk["x"]},
    "a short point": {**ED.jwk, "x": "AAAA"},
    "no modulus": {name: value for name, value in RSA.jwk.items() if name != "n"},
    "a modulus that is a number": {**RSA.jwk, "n": 7},
    "a modulus that is no base64": {**RSA.jwk, "n": "!"},
    "a kid that is a number": {**RSA.jwk, "kid": 1},
    "no type": {"n": RSA.jwk["n"], "e": "AQAB"},
    "a type that is a list": {**RSA.jwk, "kty": ["RSA"]},
}


@pytest.mark.parametrize("jwk", BAD_KEYS.values(), ids=BAD_KEYS)
def test_a_key_that_is_not_for_tokens_is_left_out(jwk):
    with_another = {**ED.jwk, "kid": "another"}

    assert [key.kid for key in read_keys({"keys": [jwk, with_another, "no key"]})] == ["another"]
    with pytest.raises(ValueError, match="no key"):
        read_keys({"keys": [jwk]})


@pytest.mark.parametrize("document", [None, [], {}, {"keys": {}}, {"keys": [ED.jwk] * 65}])
def test_what_is_no_set_of_keys_is_refused(document):
    with pytest.raises(ValueError, match="JWK Set"):
        read_keys(document)


def test_a_private_key_published_by_mistake_is_used_as_a_public_one():
    private = jwt.PyJWS().get_algorithm_by_name("EdDSA").to_jwk(ED.key, as_dict=True)

    (key,) = read_keys({"keys": [private]})

    assert not hasattr(key.key, "sign")
