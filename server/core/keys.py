"""The public keys of an issuer of tokens, and the port by which they come."""

from typing import Any, Protocol

import jwt
from msgspec import Struct

from server.core.jws import refused

MAX_KEYS = 64

_MEMBERS = ("kty", "crv", "n", "e", "x", "y")
"""Of a JWK, what a public key is made of; a private part, if somebody published it, is not read."""

_ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
"""By type and curve: the one algorithm that a key is good for, whatever a token says."""

ALGORITHMS = frozenset(_ALGORITHMS.values())

_RSA_BITS = range(2048, 8193)


class IssuerKey(Struct, frozen=True):
    """A key that tokens may be signed with.

    Attributes:
        kid: Its name; None if it has none.
        algorithm: The only one for which it may be used.
    """

    kid: str | None
    algorithm: str
    key: Any


class KeySets(Protocol):
    """The keys of the issuer that this installation trusts, as it publishes them."""

    async def find(self, kid: str | None) -> tuple[IssuerKey, ...]:
        """The keys with this name; all of them if the token names none.

        Raises:
            AppError: UNAVAILABLE if the issuer's keys cannot be had.
        """
        ...


def fitting(keys: tuple[IssuerKey, ...], algorithm: str) -> IssuerKey:
    """The one key that the token can be signed with; a token that names none fits if it is one.

    Raises:
        AppError: UNAUTHENTICATED.
    """
    found = [key for key in keys if key.algorithm == algorithm]
    if len(found) != 1:
        raise refused("its issuer has no such key")
    return found[0]


def read_keys(document: Any) -> tuple[IssuerKey, ...]:
    """The keys in a JWK Set that can verify tokens; others are left out.

    Raises:
        ValueError: It is no set, it is too large, or none of its keys is good for tokens.
    """
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise ValueError("no JWK Set, or too large")
    keys = tuple(key for key in map(_read_key, entries) if key)
    if not keys:
        raise ValueError("no key in it can verify tokens")
    return keys


def _read_key(jwk: Any) -> IssuerKey | None:
    if not isinstance(jwk, dict) or not _is_for_signatures(jwk):
        return None
    kid, kind, curve = (jwk.get(name) for name in ("kid", "kty", "crv"))
    if not (kid is None or isinstance(kid, str)) or not isinstance(kind, str):
        return None
    algorithm = _ALGORITHMS.get((kind, curve if isinstance(curve, str) else None))
    if algorithm is None or jwk.get("alg", algorithm) != algorithm:
        return None
    try:
        public = {name: jwk[name] for name in _MEMBERS if name in jwk}
        key = jwt.PyJWK(public, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        return None
    if kind == "RSA" and key.key_size not in _RSA_BITS:
        return None
    return IssuerKey(kid, algorithm, key)


def _is_for_signatures(jwk: dict[str, Any]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return jwk.get("use", "sig") == "sig" and (
        isinstance(operations, list) and "verify" in operations
    )
