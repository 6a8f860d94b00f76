"""How devices of accounts sign in, stay signed in, and sign out.

Limits of tries. All of them count before a password is looked at, and the same for names that
there are not:
- one address has so many tries, at whatever accounts, and fewer at one account;
- one account has so many tries from all addresses together that it does not know: those from
  which nobody has signed in to it for 90 days.

The second stops many addresses that guess at one account. It must not lock the owner out, whom
everybody could so keep from signing in: so an address that the account knows is not counted
there, and when the tries of the account are used up, each other address still has one a minute.
So the owner comes in with the right password from home at once and from elsewhere after a minute
at most, while a guesser has one try a minute and address, at passwords of ten characters or
more. Who shares the owner's address may use up the tries there; devices that are signed in stay
so, since renewing a token is no try. A device's id proves nothing, since others can see it.
A name and the address of its account are counted apart: else trying both would tell that they
belong together.
"""

import hashlib
import hmac

from msgspec import Struct

from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import DeviceId, UserId, new_id, new_secret
from server.core.names import account_key
from server.core.parts import Parts
from server.core.passwords import Passwords
from server.core.ports import (
    Account,
    AccountSession,
    AccountStore,
    Claim,
    Claimed,
    NewTokens,
    SignIn,
    SignInDevice,
    SignInOutcome,
)
from server.core.rates import spend
from server.core.tokens import REGISTRATION_LIFE_S, Tokens
from server.core.user_events import SignInsEnded

REFRESH_LIFE_MS = 30 * 24 * 60 * 60 * 1000


class LoginRules(Struct, frozen=True, kw_only=True):
    """What this installation asks of logins.

    Attributes:
        require_registration_token: Whether keys are registered only with the token, or its
            cookie, of the login.
    """

    require_registration_token: bool = False
    max_devices: int = 50


class TokenPair(Struct, frozen=True):
    """What a device that is signed in holds.

    Attributes:
        expires_ms: Of the access token.
    """

    access: str
    refresh: str
    expires_ms: int


class LoggedIn(Struct, frozen=True):
    """A login whose password was right.

    Attributes:
        tokens: None if the device has to register keys first, by `registration_token`.
        must_change_password: It was a temporary one, which is used up.
    """

    user_id: UserId
    username: str
    device_id: DeviceId
    tokens: TokenPair | None
    registration_token: str | None
    must_change_password: bool


class PendingClaim(Struct, frozen=True):
    """A claim of a pending login, with the refresh token that it will bring."""

    claim: Claim
    refresh: str


class Logins:
    """Signs devices in and out.

    Args:
        secret: By which addresses are hashed.
    """

    def __init__(
        self,
        parts: Parts,
        store: AccountStore,
        tokens: Tokens,
        passwords: Passwords,
        secret: bytes,
        rules: LoginRules | None = None,
    ) -> None:
        self._parts = parts
        self._store = store
        self._tokens = tokens
        self._passwords = passwords
        self._secret = secret
        self._rules = rules or LoginRules()

    async def log_in(
        self, name: str, password: str, device: SignInDevice, address: str
    ) -> LoggedIn:
        """Check a password; give tokens to a known device, and a registration to another.

        Args:
            name: Of the account, or its e-mail address.

        Raises:
            AppError: INVALID_CREDENTIALS, whatever of the two is wrong; RATE_LIMITED,
                UNAVAILABLE; to those who know the password FORBIDDEN, if the account is banned
                or the device revoked.
        """
        key, now_ms = account_key(name), self._now_ms()
        rates = self._parts.rates
        await spend(self._parts.limiter, "sign-in", address, rates.address_sign_in, now_ms)
        found = await self._store.find(key, self._hash("address", address), now_ms)
        await self._admit(key, address, is_known=found is not None and found.address_is_known)
        password_hash = found.account.password_hash if found else None
        is_right = await self._passwords.matches(password, password_hash)
        if found is None or password_hash is None or not is_right:
            raise _wrong()
        logged_in = await self._sign_in(found.account, password_hash, device, address)
        if self._passwords.is_outdated(password_hash):
            anew = await self._passwords.hash(password)
            await self._store.rehash(found.account.user_id, password_hash, anew)
        return logged_in

    async def refresh(self, refresh_token: str, address: str) -> TokenPair:
        """Exchange a refresh token, which is good once, for new tokens.

        Raises:
            AppError: UNAUTHENTICATED; RATE_LIMITED.
        """
        now_ms = self._now_ms()
        rate = self._parts.rates.refresh
        await spend(self._parts.limiter, "refresh", address, rate, now_ms)
        anew = new_secret()
        rotated = await self._store.rotate(
            _token_hash(refresh_token), _token_hash(anew), now_ms + REFRESH_LIFE_MS, now_ms
        )
        if rotated.ended:
            await self._tell(rotated.ended.user_id, rotated.family_id)
        if rotated.session is None or rotated.family_id is None:
            raise AppError(Code.UNAUTHENTICATED, "the refresh token is not good; sign in again")
        return self._pair(rotated.session, rotated.family_id, anew)

    async def log_out(
        self, user: User | None, refresh_token: str | None, address: str, *, all: bool
    ) -> None:
        """End the sign-in of whoever calls, or of a refresh token; or all of the account.

        Raises:
            AppError: UNAUTHENTICATED if neither is there; RATE_LIMITED.
        """
        signed_in = user if user and user.family_id else None
        if signed_in is None and refresh_token is None:
            raise AppError(Code.UNAUTHENTICATED, "send the access token, or the refresh token")
        now_ms = self._now_ms()
        if refresh_token is not None:
            rate = self._parts.rates.refresh
            await spend(self._parts.limiter, "refresh", address, rate, now_ms)
            ended = await self._store.end_family_of(_token_hash(refresh_token), now_ms)
            if ended:
                await self._tell(ended.user_id, ended.family_id)
        if signed_in is None or signed_in.family_id is None:
            return
        if all:
            await self._store.end_families(signed_in.user_id, now_ms)
            await self._tell(signed_in.user_id, None)
        else:
            await self._store.end_family(signed_in.family_id, now_ms)
            await self._tell(signed_in.user_id, signed_in.family_id)

    # --- completing a login ---

    async def prepare_claim(
        self, proof: str | None, device_id: DeviceId, address: str
    ) -> PendingClaim:
        """Make a claim of a pending login, for whoever keeps the device's keys with it.

        They run `claim_registration_steps` in their transaction, then call `tokens_of`.

        Args:
            proof: The registration token, or None for a bare claim.

        Raises:
            AppError: UNAUTHENTICATED if a proof is needed here; RATE_LIMITED.
        """
        now_ms = self._now_ms()
        rate = self._parts.rates.address_sign_in
        await spend(self._parts.limiter, "claim", address, rate, now_ms)
        if proof is None and self._rules.require_registration_token:
            text = "send the registration token that the login answered, as Bearer"
            raise AppError(Code.UNAUTHENTICATED, text)
        refresh = new_secret()
        claim = Claim(
            token_hash=None if proof is None else _token_hash(proof),
            device_id=device_id,
            address_hash=self._hash("address", address),
            tokens=self._new_tokens(refresh),
            max_devices=self._rules.max_devices,
        )
        return PendingClaim(claim, refresh)

    def tokens_of(self, pending: PendingClaim, claimed: Claimed) -> TokenPair:
        """The tokens of a login that was completed."""
        session = AccountSession(
            claimed.user_id, claimed.username, claimed.device_id, is_operator=False
        )
        return self._pair(session, pending.claim.tokens.family_id, pending.refresh)

    async def claim_registration(
        self, proof: str | None, device_id: DeviceId, address: str
    ) -> TokenPair:
        """Complete a pending login whose device has its keys elsewhere, or none.

        Raises:
            AppError: As `prepare_claim` and `AccountStore.complete_registration`.
        """
        pending = await self.prepare_claim(proof, device_id, address)
        claimed = await self._store.complete_registration(pending.claim, self._now_ms())
        return self.tokens_of(pending, claimed)

    # --- those who sign in elsewhere ---

    @property
    def max_devices(self) -> int:
        """That one account may have."""
        return self._rules.max_devices

    def new_family(self) -> tuple[NewTokens, str]:
        """A family of tokens that is about to begin, and its refresh token."""
        refresh = new_secret()
        return self._new_tokens(refresh), refresh

    def pair(self, session: AccountSession, family_id: str, refresh: str) -> TokenPair:
        """The tokens of a family that has begun."""
        return self._pair(session, family_id, refresh)

    def socket_token(self, session: AccountSession, family_id: str) -> str:
        """What opens raw WebSockets for as long as a family goes on."""
        return self._tokens.issue_socket(session, family_id)

    # --- parts ---

    def _now_ms(self) -> int:
        return self._parts.clock.now_ms()

    async def _admit(self, key: str, address: str, *, is_known: bool) -> None:
        """Count a try at an account."""
        limiter, rates, now_ms = self._parts.limiter, self._parts.rates, self._now_ms()
        who = self._hash("account", key).hex()
        pair = f"{address} {who}"
        await spend(limiter, "sign-in to", pair, rates.sign_in, now_ms)
        if not is_known and await limiter.take(
            f"sign-in of:{who}", rates.account_sign_in, 1, now_ms
        ):
            await spend(limiter, "sign-in anew", pair, rates.sign_in_anew, now_ms)

    async def _sign_in(
        self, account: Account, password_hash: str, device: SignInDevice, address: str
    ) -> LoggedIn:
        refresh = new_secret()
        registration = self._tokens.issue_registration(account.user_id, device.device_id)
        tokens, now_ms = self._new_tokens(refresh), self._now_ms()
        request = SignIn(
            user_id=account.user_id,
            password_hash=password_hash,
            device=device,
            address_hash=self._hash("address", address),
            tokens=tokens,
            registration_hash=_token_hash(registration),
            registration_expires_ms=now_ms + REGISTRATION_LIFE_S * 1000,
        )
        outcome = await self._store.sign_in(request, now_ms)
        _check(outcome)
        is_complete = outcome is SignInOutcome.SIGNED_IN
        session = AccountSession(
            account.user_id, account.username, device.device_id, account.is_operator
        )
        return LoggedIn(
            user_id=account.user_id,
            username=account.username,
            device_id=device.device_id,
            tokens=self._pair(session, tokens.family_id, refresh) if is_complete else None,
            registration_token=None if is_complete else registration,
            must_change_password=account.password_is_temporary,
        )

    def _new_tokens(self, refresh: str) -> NewTokens:
        return NewTokens(
            family_id=new_id(),
            refresh_hash=_token_hash(refresh),
            expires_ms=self._now_ms() + REFRESH_LIFE_MS,
        )

    def _pair(self, session: AccountSession, family_id: str, refresh: str) -> TokenPair:
        issued = self._tokens.issue_access(session, family_id)
        assert issued.user.expires_ms is not None
        return TokenPair(issued.token, refresh, issued.user.expires_ms)

    async def _tell(self, user_id: UserId, family_id: str | None) -> None:
        """Tell that one sign-in of a user has ended, or all."""
        await self._parts.users.publish(SignInsEnded(users=(user_id,), family_id=family_id))

    def _hash(self, purpose: str, text: str) -> bytes:
        """What stands for an address or a name, for those who do not have our secret."""
        return hmac.digest(self._secret, f"{purpose}:{text}".encode(), hashlib.sha256)


def _token_hash(token: str) -> bytes:
    """What is kept of a token: it is random, and needs no salt."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _check(outcome: SignInOutcome) -> None:
    if outcome is SignInOutcome.STALE:
        raise _wrong()
    if outcome is SignInOutcome.BANNED:
        raise AppError(Code.FORBIDDEN, "this account is banned; ask the operators")
    if outcome is SignInOutcome.DEVICE_REVOKED:
        raise AppError(Code.FORBIDDEN, "this device was revoked; sign in with another deviceId")


def _wrong() -> AppError:
    return AppError(Code.INVALID_CREDENTIALS, "there is no account with this name and password")
