"""Identity tokens of an OpenID Connect issuer, such as Google, and who registers by them.

Source: OpenID Connect Core 1.0, section 3.1.3.7.
"""

import json
from base64 import urlsafe_b64decode

from msgspec import Struct

from server.core.claims import Claims, check_times
from server.core.errors import AppError, Code
from server.core.identity import is_one_line
from server.core.jws import open_token, read_header, refused
from server.core.keys import ALGORITHMS, KeySets, fitting
from server.core.names import is_email
from server.core.ports.identities import Vouched

MAX_SUBJECT_CHARS = 255

NAME_CHARS = 64


class OidcRules(Struct, frozen=True, kw_only=True):
    """Whose identity tokens are good.

    Attributes:
        client_id: For whom they must be made.
        issuers: What their `iss` may say; all mean the first.
    """

    client_id: str
    issuers: tuple[str, ...]


class IdTokens:
    """Reads identity tokens of one issuer."""

    def __init__(self, rules: OidcRules, key_sets: KeySets) -> None:
        self._rules = rules
        self._key_sets = key_sets

    def are_meant(self, token: str) -> bool:
        """Whether a token says that it is of this issuer and for us; nothing is checked yet."""
        claims = _unchecked(token)
        return claims.get("iss") in self._rules.issuers and self._is_for_us(claims)

    async def read(self, token: str, now_ms: int, nonce: str | None = None) -> Vouched:
        """What a token says that is good, or was until it ran out.

        Args:
            nonce: That it must have.

        Raises:
            AppError: UNAUTHENTICATED; UNAVAILABLE if the issuer's keys cannot be had.
        """
        header = read_header(token)
        if header["alg"] not in ALGORITHMS:
            raise refused("its algorithm is not accepted here")
        key = fitting(await self._key_sets.find(header.get("kid")), header["alg"])
        claims = open_token(token, key.key, header["alg"])
        self._check_audience(claims)
        if nonce is not None and claims.get("nonce") != nonce:
            raise refused("its nonce is another one")
        return self._vouched(claims, now_ms)

    def _check_audience(self, claims: Claims) -> None:
        if claims.get("iss") not in self._rules.issuers:
            raise refused("it is of another issuer")
        if not self._is_for_us(claims):
            raise refused("it is for another audience")
        authorized = claims.get("azp")
        has_more = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if authorized != self._rules.client_id and (authorized is not None or has_more):
            raise refused("it was given to another client")

    def _is_for_us(self, claims: Claims) -> bool:
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        return self._rules.client_id in named and all(isinstance(one, str) for one in named)

    def _vouched(self, claims: Claims, now_ms: int) -> Vouched:
        expires_ms = check_times(claims, now_ms)
        issued_ms = check_times({"exp": claims.get("iat")}, now_ms)
        subject = claims.get("sub")
        if expires_ms is None or issued_ms is None:
            raise refused("it does not say from when to when it is good")
        if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARS:
            raise refused("it names no user in sub")
        if not subject.isprintable():
            raise refused("it names no user in sub")
        return Vouched(
            issuer=self._rules.issuers[0],
            subject=subject,
            email=_email(claims),
            name=_name(claims),
            issued_ms=issued_ms,
            expires_ms=expires_ms,
        )


def not_set_up() -> AppError:
    problem = "identity tokens are not accepted here; the operators would set GOOGLE_CLIENT_ID"
    return AppError(Code.FORBIDDEN, problem)


def _email(claims: Claims) -> str | None:
    """The address of a token, if its issuer has verified it.

    Raises:
        AppError: UNAUTHENTICATED if it has one that is not verified.
    """
    email = claims.get("email")
    if email is None or email == "":
        return None
    if claims.get("email_verified") not in (True, "true"):
        raise refused("its e-mail address is not verified; verify it with the issuer")
    if not isinstance(email, str) or not is_email(email):
        raise refused("its e-mail address is none")
    return email


def _name(claims: Claims) -> str:
    """The name of a token as it can be shown, cut if it is long; empty if it has none."""
    found = claims.get("name")
    if not isinstance(found, str):
        return ""
    words = " ".join(found.split())[:NAME_CHARS].rstrip()
    return words if is_one_line(words) else ""


def _unchecked(token: str) -> Claims:
    """What a token says, whoever has written it; nothing if it cannot be read."""
    try:
        segment = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, IndexError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
