"""Tokens: those that we give to guests and to accounts, and those of others that we believe.

Times are compared here, by our clock, and not by the library: it would ask the machine's.

An access token is good for a quarter of an hour, and its sign-in may end before: so each time one
is shown, the store is asked. A cache would have to hear of every end on every node, and would
believe a thief for as long as it did not; the question is one look-up by a primary key.
"""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct, structs

from server.core.claims import (
    AdminClaim,
    Claims,
    check_audience,
    check_times,
    check_type,
    device_id_of,
    login_of,
    user_id_of,
    workspace_ids_of,
)
from server.core.errors import AppError, Code
from server.core.identity import User, is_pseudonym
from server.core.ids import DeviceId, UserId, new_id
from server.core.jws import (
    HMAC_ALGORITHM,
    MAX_TOKEN_CHARS,
    open_token,
    read_header,
    refused,
    sign,
)
from server.core.keys import ALGORITHMS, KeySets, fitting
from server.core.oidc import IdTokens
from server.core.parts import Parts
from server.core.ports import AccountSession, Sessions
from server.core.ports.identities import IdentityStore
from server.core.rates import spend

OURS = "hushwire"
"""Our name as an issuer."""

GUEST, ACCESS = "guest", "access"
"""The types of our tokens that sign in; others of ours do not."""

REGISTRATION = "registration"
"""The type of those by which a new device shows that it was just logged in."""

SOCKET = "socket"
"""The type of those that browsers keep in a cookie, good for opening a raw WebSocket alone."""

GUEST_LIFE_S = 24 * 60 * 60

ACCESS_LIFE_S = 15 * 60

REGISTRATION_LIFE_S = 5 * 60

SOCKET_LIFE_S = 30 * 24 * 60 * 60
"""It ends with its sign-in, if that is earlier."""

LOGIN_CHARS = 64
"""Of a guest's pseudonym."""


class TokenRules(Struct, frozen=True, kw_only=True):
    """Whose tokens are good.

    Attributes:
        issuer, audience: Of tokens that are signed with a published key. An audience also
            holds for tokens signed with the shared secret that name one.
        admin: Which of them are operators'.
        guests: Whether there are guests.
        types: What tokens of other systems may be called that sign in, besides the usual.
    """

    issuer: str | None = None
    audience: str | None = None
    admin: AdminClaim | None = None
    guests: bool = True
    types: frozenset[str] = frozenset()


class Issued(Struct, frozen=True):
    """A token of ours, for its user alone, and what it says."""

    token: str
    user: User


class IdentityTokens(Struct, frozen=True):
    """How identity tokens are read, and who has registered by them."""

    id_tokens: IdTokens
    store: IdentityStore


class Tokens:
    """Gives tokens and reads them.

    Args:
        secret: At least 32 bytes. Whoever knows it can be any user, and an operator.
        key_sets: The keys of `rules.issuer`; None if there is none.
        sessions: The sign-ins of accounts; None if there are no accounts.
        identities: Those for whom an issuer of identity tokens vouches; None if there is none.
    """

    def __init__(
        self,
        parts: Parts,
        secret: bytes,
        rules: TokenRules | None = None,
        key_sets: KeySets | None = None,
        sessions: Sessions | None = None,
        identities: IdentityTokens | None = None,
    ) -> None:
        self._parts = parts
        self._secret = secret
        self._rules = rules or TokenRules()
        self._key_sets = key_sets
        self._sessions = sessions
        self._identities = identities

    async def issue_guest(self, address: str, login: str | None = None) -> Issued:
        """Give a token for a day to a pseudonym; one is made up if none is given.

        Raises:
            AppError: FORBIDDEN if there are no guests here; INVALID_REQUEST; RATE_LIMITED.
        """
        if not self._rules.guests:
            raise AppError(Code.FORBIDDEN, "there are no guests here; sign in with an account")
        login = _pseudonym(login)
        now_ms = self._parts.clock.now_ms()
        await spend(self._parts.limiter, "guest", address, self._parts.rates.guest, now_ms)
        claims = self._claims(GUEST, GUEST_LIFE_S, sub=new_id(), login=login)
        return Issued(sign(claims, self._secret), self._of_ours(claims, GUEST))

    def issue_access(self, session: AccountSession, family_id: str) -> Issued:
        """Give a token for a quarter of an hour to a device that is signed in."""
        return self._issue(ACCESS, ACCESS_LIFE_S, session, family_id)

    def issue_socket(self, session: AccountSession, family_id: str) -> str:
        """Give a token to the same that opens raw WebSockets, and does nothing else."""
        return self._issue(SOCKET, SOCKET_LIFE_S, session, family_id).token

    def _issue(self, kind: str, life_s: int, session: AccountSession, family_id: str) -> Issued:
        claims = self._claims(
            kind,
            life_s,
            sub=str(session.user_id),
            login=session.username,
            device=str(session.device_id),
            family=family_id,
        )
        user = self._of_ours(claims, kind)
        return Issued(sign(claims, self._secret), _signed_in(user, session, family_id))

    def issue_registration(self, user_id: UserId, device_id: DeviceId) -> str:
        """Give a token by which a device completes its login, and does nothing else."""
        claims = self._claims(
            REGISTRATION, REGISTRATION_LIFE_S, sub=str(user_id), device=str(device_id)
        )
        return sign(claims, self._secret)

    async def verify_socket(self, token: str) -> User:
        """The user whom a good token of `issue_socket` names.

        Raises:
            AppError: As `verify`.
        """
        if read_header(token)["alg"] != HMAC_ALGORITHM:
            raise refused("its algorithm is not accepted here")
        claims = open_token(token, self._secret, HMAC_ALGORITHM)
        if claims.get("iss") != OURS or claims.get("typ") != SOCKET:
            raise refused("it is of a type that opens no socket")
        return self._unexpired(await self._account(self._of_ours(claims, SOCKET), claims))

    async def verify(self, token: str) -> User:
        """The user whom a good token names.

        Raises:
            AppError: As `read`; TOKEN_EXPIRED.
        """
        return self._unexpired(await self.read(token))

    def _unexpired(self, user: User) -> User:
        if user.is_expired(self._parts.clock.now_ms()):
            raise AppError(Code.TOKEN_EXPIRED, "the token has run out; get a new one")
        return user

    async def read(self, token: str) -> User:
        """The user whom a token names that is good, or was until it ran out.

        Raises:
            AppError: UNAUTHENTICATED; FORBIDDEN to guests where there are none; UNAVAILABLE
                if the issuer's keys or the accounts cannot be had.
        """
        header = read_header(token)
        algorithm = header["alg"]
        if algorithm == HMAC_ALGORITHM:
            claims = open_token(token, self._secret, algorithm)
            is_ours = claims.get("iss") == OURS
            return await self._ours(claims) if is_ours else self._partners(claims)
        if self._identities and self._identities.id_tokens.are_meant(token):
            return await self._vouched_for(self._identities, token)
        if self._key_sets is None or algorithm not in ALGORITHMS:
            raise refused("its algorithm is not accepted here")
        key = fitting(await self._key_sets.find(header.get("kid")), algorithm)
        return self._issuers(open_token(token, key.key, algorithm))

    async def _ours(self, claims: Claims) -> User:
        kind = claims.get("typ")
        if kind not in (GUEST, ACCESS):
            raise refused("it is of a type that does not sign in")
        if kind == GUEST and not self._rules.guests:
            raise AppError(Code.FORBIDDEN, "there are no guests here; sign in with an account")
        if not {"jti", "iat", "exp"}.issubset(claims):
            raise refused("it lacks what tokens of ours have")
        user = self._of_ours(claims, kind)
        return user if kind == GUEST else await self._account(user, claims)

    async def _account(self, user: User, claims: Claims) -> User:
        """The user of an access token, if its sign-in goes on."""
        family_id, device_id = claims.get("family"), claims.get("device")
        if self._sessions is None or not isinstance(family_id, str) or "\0" in family_id:
            raise refused("it lacks what tokens of ours have")
        session = await self._sessions.session(family_id)
        if session is None or (session.user_id, session.device_id) != (user.user_id, device_id):
            raise refused("its sign-in has ended; sign in again")
        return _signed_in(user, session, family_id)

    async def _vouched_for(self, identities: IdentityTokens, token: str) -> User:
        """The user of an identity token, who has registered."""
        vouched = await identities.id_tokens.read(token, self._parts.clock.now_ms())
        known = await identities.store.known(vouched.issuer, vouched.subject)
        if known is None or vouched.issued_ms < known.valid_from_ms:
            raise refused("nobody is signed in by it; register with it first")
        user = User(user_id=known.session.user_id, login="", expires_ms=vouched.expires_ms)
        return _signed_in(user, known.session, known.family_id)

    def _of_ours(self, claims: Claims, kind: str) -> User:
        user = self._partner(claims)
        return structs.replace(user, is_guest=kind == GUEST, is_operator=False, workspace_ids=())

    def _claims(self, kind: str, life_s: int, **more: str) -> dict[str, Any]:
        """Of a token that begins now."""
        starts_s = self._parts.clock.now_ms() // 1000
        times = {"iat": starts_s, "exp": starts_s + life_s}
        return {"iss": OURS, "typ": kind, "jti": new_id(), **times, **more}

    def _partners(self, claims: Claims) -> User:
        """Of another system that has the same secret."""
        check_type(claims, self._rules.types)
        if self._rules.audience and claims.get("aud") is not None:
            check_audience(claims, self._rules.audience)
        return self._partner(claims)

    def _issuers(self, claims: Claims) -> User:
        """Of the issuer that has published the key."""
        issuer, audience = self._rules.issuer, self._rules.audience
        if not issuer or not audience or claims.get("iss") != issuer:
            raise refused("it is of another issuer")
        check_type(claims, self._rules.types)
        check_audience(claims, audience)
        if claims.get("exp") is None:
            raise refused("it never runs out")
        own_id = user_id_of(claims, MAX_TOKEN_CHARS)
        user_id = _apart(own_id, issuer, self._parts.bounds.id_chars)
        return structs.replace(self._user(claims, user_id, own_id), issuer=issuer)

    def _partner(self, claims: Claims) -> User:
        user_id = user_id_of(claims, self._parts.bounds.id_chars)
        return self._user(claims, user_id, user_id)

    def _user(self, claims: Claims, user_id: UserId, own_id: UserId) -> User:
        """The user of claims that were checked; `own_id` is its id at home."""
        name_chars = self._parts.bounds.name_chars
        admin = self._rules.admin
        return User(
            user_id=user_id,
            login=login_of(claims, name_chars) or str(own_id)[:name_chars],
            expires_ms=check_times(claims, self._parts.clock.now_ms()),
            is_operator=admin is not None and admin.holds_in(claims),
            device_id=device_id_of(claims, self._parts.bounds.id_chars),
            workspace_ids=workspace_ids_of(claims, self._parts.bounds.id_chars),
        )


def _signed_in(user: User, session: AccountSession, family_id: str) -> User:
    """The user as its account is now, whatever it was when the token was made."""
    return structs.replace(
        user,
        login=session.username,
        is_operator=session.is_operator,
        device_id=session.device_id,
        family_id=family_id,
    )


def _pseudonym(login: str | None) -> str:
    login = (login or "").strip() or f"Guest {1000 + secrets.randbelow(9000)}"
    if len(login) > LOGIN_CHARS or not is_pseudonym(login):
        problem = f"login: Expected 1 to {LOGIN_CHARS} characters that can be seen, in one line"
        raise AppError(Code.INVALID_REQUEST, problem)
    return login


def _apart(user_id: UserId, issuer: str, max_chars: int) -> UserId:
    """An id that no user of another issuer has."""
    whole = f"{user_id}@{urlsplit(issuer).hostname or issuer}"
    if len(whole) <= max_chars:
        return UserId(whole)
    digest = hashlib.sha256(whole.encode()).digest()
    return UserId(urlsafe_b64encode(digest).decode().rstrip("=")[:max_chars])
