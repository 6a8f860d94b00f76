"""Other systems that mint tokens, as they would: with PyJWT and keys of their own."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ISSUER = "https://id.example/realms/chat"
AUDIENCE = "chat"

_KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


class Signer:
    """One private key of an issuer.

    Attributes:
        jwk: Its public part, as issuers publish it.
    """

    def __init__(self, algorithm: str, kid: str | None = None, key: Any = None) -> None:
        self.algorithm = algorithm
        self.kid = kid
        self.key = key or _KEYS[algorithm]
        made = jwt.PyJWS().get_algorithm_by_name(algorithm)
        public = made.to_jwk(self.key.public_key(), as_dict=True)
        self.jwk: dict[str, Any] = {**public, "alg": algorithm, "use": "sig"}
        if kid is not None:
            self.jwk["kid"] = kid

    @property
    def pem(self) -> bytes:
        """The public key as text, which everybody knows."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        pem: bytes = self.key.public_key().public_bytes(serialization.Encoding.PEM, form)
        return pem

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        named = {} if self.kid is None else {"kid": self.kid}
        headers = {**named, **header}
        return jwt.encode(claims, self.key, algorithm=self.algorithm, headers=headers)


def another_rsa_key(bits: int = 2048) -> Any:
    return rsa.generate_private_key(65537, bits)


def by_secret(claims: dict[str, Any], secret: bytes, **header: Any) -> str:
    """A token of a system that has our secret."""
    return jwt.encode(claims, secret, algorithm="HS256", headers=header)


def by_hand(header: str, claims: str, secret: bytes = b"") -> str:
    """A token with exactly these texts in it, signed by HMAC whatever they say."""
    text = f"{_segment(header.encode())}.{_segment(claims.encode())}"
    signature = hmac.digest(secret, text.encode(), hashlib.sha256)
    return f"{text}.{_segment(signature)}"


def unsigned(claims: dict[str, Any], algorithm: str = "none") -> str:
    header = _segment(json.dumps({"alg": algorithm}).encode())
    return f"{header}.{_segment(json.dumps(claims).encode())}."


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
