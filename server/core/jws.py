"""Signed tokens as text: a strict reading of their two JSON objects, and the signature.

Which claims a good token must have is no matter of this module; see `core.claims`.
"""

import base64
import binascii
import json
from typing import Any

import jwt

from server.core.errors import AppError, Code

MAX_TOKEN_CHARS = 8 * 1024

HMAC_ALGORITHM = "HS256"

_BASE64URL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")

_JWS = jwt.PyJWS()

_HEADER_TYPES = {"jwt", "at+jwt", "application/at+jwt"}
"""Of access tokens; others, as `logout+jwt`, are made for something else."""


def refused(reason: str) -> AppError:
    """What whoever shows a bad token is told; never with anything of the token."""
    return AppError(Code.UNAUTHENTICATED, f"the token is not good: {reason}")


def looks_signed(text: str) -> bool:
    """Whether a text might be a signed token, as other secrets are not."""
    return text.count(".") == 2


def read_header(token: str) -> dict[str, Any]:
    """The header of a token that may be looked at, with a text as `alg`.

    Raises:
        AppError: UNAUTHENTICATED.
    """
    if len(token) > MAX_TOKEN_CHARS:
        raise refused(f"it has more than {MAX_TOKEN_CHARS} characters")
    if not looks_signed(token) or not token.isascii() or not _BASE64URL.issuperset(token.encode()):
        raise refused("it is no signed JWT")
    header = _read_json(_decode(token.partition(".")[0]))
    if not isinstance(header.get("alg"), str):
        raise refused("its header names no algorithm")
    # An extension that must be understood, and none is.
    if "crit" in header or "b64" in header:
        raise refused("its header asks for an extension")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or ("+" in kind and kind.lower() not in _HEADER_TYPES):
        raise refused("its header says that it is no access token")
    if not isinstance(header.get("kid", ""), str):
        raise refused("its header names no key")
    return header


def open_token(token: str, key: Any, algorithm: str) -> dict[str, Any]:
    """The claims of a token that was signed with this key by this algorithm.

    Raises:
        AppError: UNAUTHENTICATED.
    """
    try:
        opened = _JWS.decode_complete(token, key, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, TypeError):
        raise refused("its signature is wrong") from None
    return _read_json(opened["payload"])


def sign(claims: dict[str, Any], secret: bytes) -> str:
    return jwt.encode(claims, secret, algorithm=HMAC_ALGORITHM)


def _decode(segment: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (ValueError, binascii.Error):
        raise refused("it is no signed JWT") from None


def _read_json(data: bytes) -> dict[str, Any]:
    """An object in which no name stands twice: readers differ on which of them counts."""
    try:
        value = json.loads(
            data.decode(), object_pairs_hook=_without_repeats, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        raise refused("what is in it is no JSON, or has a name twice") from None
    if not isinstance(value, dict):
        raise refused("what is in it is no JSON object")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _no_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")
