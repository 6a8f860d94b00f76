"""People for whom an issuer vouches, and what accounts show of themselves."""

import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from msgspec import Struct

from server.core.errors import AppError, Code
from server.core.identity import User, is_blank, is_one_line
from server.core.ids import DeviceId, UserId, new_id
from server.core.limits import KEY_CHANGE_COST
from server.core.logins import Logins, TokenPair
from server.core.names import account_key
from server.core.oidc import NAME_CHARS, IdTokens, not_set_up
from server.core.opaque import Opaque
from server.core.parts import Parts
from server.core.ports import SavedKey
from server.core.ports.accounts import SignInDevice
from server.core.ports.identities import (
    Found,
    IdentityStore,
    Profile,
    Registered,
    Registration,
)
from server.core.queued import DEFAULT_DEVICE, EventsQueued
from server.core.rates import charge, spend

log = logging.getLogger("hushwire.identities")

LiveKey = Callable[[User, UserId], Awaitable[SavedKey]]

FOUND_AT_ONCE = 20

ROTATED_AT_ONCE = 20
"""Groups that are told of another key by one request, or by one round of the reaper."""

ROTATION_INTERVAL_MS = 5_000
"""Until it is seen again whether another node has left some."""

MIN_PREFIX_CHARS = 3
"""Of a name that is looked for, so that nobody lists all there are."""


class Wish(Struct, frozen=True, kw_only=True):
    """What somebody who registers says besides the token.

    Attributes:
        public_key: The text of a JSON value.
    """

    public_key: bytes
    display_name: str | None
    device_id: DeviceId | None
    device_name: str


class SignedIn(Struct, frozen=True):
    """Somebody who has registered, or has come back.

    Attributes:
        socket_token: For a browser to keep in a cookie.
    """

    registered: Registered
    tokens: TokenPair
    socket_token: str


class Identities:
    """Registers people by identity tokens, and finds people.

    Args:
        id_tokens: None if no issuer is set up.
        live_key: Finds the public key that somebody had last in a random group.
    """

    def __init__(
        self,
        parts: Parts,
        store: IdentityStore,
        logins: Logins,
        id_tokens: IdTokens | None,
        live_key: LiveKey,
    ) -> None:
        self._parts = parts
        self._store = store
        self._logins = logins
        self._id_tokens = id_tokens
        self._live_key = live_key
        self._rotates_next_ms = 0

    async def register(self, token: str, nonce: str | None, wish: Wish, address: str) -> SignedIn:
        """Sign somebody in by an identity token; the first time that makes an account.

        Raises:
            AppError: See `IdTokens.read` and `IdentityStore.register`; also TOKEN_EXPIRED,
                INVALID_REQUEST, PAYLOAD_TOO_LARGE and RATE_LIMITED; FORBIDDEN if no issuer is
                set up.
        """
        if self._id_tokens is None:
            raise not_set_up()
        self._check(wish)
        now_ms, rate = self._now_ms(), self._parts.rates.address_sign_in
        await spend(self._parts.limiter, "sign-in", address, rate, now_ms)
        vouched = await self._id_tokens.read(token, now_ms, nonce)
        if vouched.expires_ms <= now_ms:
            raise AppError(Code.TOKEN_EXPIRED, "the identity token has run out; get a new one")
        tokens, refresh = self._logins.new_family()
        standing, _ = self._logins.new_family()
        registration = Registration(
            vouched=vouched,
            user_id=UserId(new_id()),
            name=wish.display_name,
            public_key=wish.public_key,
            device=SignInDevice(wish.device_id or DEFAULT_DEVICE, wish.device_name, "web"),
            tokens=tokens,
            standing=standing,
            max_devices=self._logins.max_devices,
        )
        await self._spend_change(registration, now_ms)
        registered = await self._store.register(registration, now_ms)
        if registered.is_key_changed:
            await self._begin_rotation(registered.profile.user_id)
        session, family_id = registered.session, tokens.family_id
        return SignedIn(
            registered,
            self._logins.pair(session, family_id, refresh),
            self._logins.socket_token(session, family_id),
        )

    async def expire(self) -> None:
        """Have groups told of public keys that have changed, some at a time."""
        now_ms = self._now_ms()
        if now_ms >= self._rotates_next_ms and not await self._rotate(None):
            self._rotates_next_ms = now_ms + ROTATION_INTERVAL_MS

    async def _begin_rotation(self, user_id: UserId) -> None:
        """Tell the first groups at once; the others by and by, as after a failure all of them."""
        self._rotates_next_ms = 0
        try:
            await self._rotate(user_id)
        except AppError as error:  # the key has changed all the same
            log.warning("rotation_put_off", extra={"code": error.code.word})

    async def _rotate(self, user_id: UserId | None) -> bool:
        """Returns whether there may be more."""
        rotated = await self._store.rotate_due(user_id, ROTATED_AT_ONCE, self._now_ms())
        if rotated.told:
            await self._parts.users.publish(EventsQueued(users=rotated.told))
        return rotated.rooms == ROTATED_AT_ONCE

    async def _spend_change(self, new: Registration, now_ms: int) -> None:
        """Count another key than the one that there is.

        Raises:
            AppError: RATE_LIMITED.
        """
        user_id = await self._store.user_of(new.vouched.issuer, new.vouched.subject)
        found = user_id and await self._store.profile(user_id)
        if not found or found.public_key == new.public_key:
            return
        rate, limiter = self._parts.rates.public_key, self._parts.limiter
        await spend(limiter, "public key", found.user_id, rate, now_ms, KEY_CHANGE_COST)

    async def profile(self, user: User) -> Profile:
        """What one's own account shows.

        Raises:
            AppError: NOT_FOUND if there is none any more.
        """
        found = await self._store.profile(user.user_id)
        if found is None:
            raise AppError(Code.NOT_FOUND, "there is no such account")
        return found

    async def key_of(self, user: User, user_id: UserId) -> SavedKey:
        """The public key that an account shows; of others, the one that they had last in a group.

        Raises:
            AppError: NOT_FOUND; RATE_LIMITED.
        """
        found = await self._store.profile(user_id)
        if found is None or found.public_key is None or found.key_ms is None:
            return await self._live_key(user, user_id)
        await self._spend(user, 1)
        key = Opaque(msgspec.json.decode(found.public_key))
        return SavedKey(user_id, found.display_name, key, found.key_ms)

    async def public_keys(self, user: User, user_ids: Sequence[UserId]) -> tuple[Profile, ...]:
        """The same of several.

        Raises:
            AppError: RATE_LIMITED.
        """
        await self._spend(user, len(user_ids))
        found = await self._store.profiles(user_ids)
        return tuple(one for one in found if one.public_key is not None)

    async def search(self, user: User, text: str) -> tuple[Found, ...]:
        """People whose name begins so, or whose e-mail address this is.

        Raises:
            AppError: INVALID_REQUEST if it is too short; RATE_LIMITED.
        """
        key = account_key(text)
        is_email = "@" in key
        if not is_email and len(key) < MIN_PREFIX_CHARS:
            problem = f"q: Expected {MIN_PREFIX_CHARS} characters, or a whole e-mail address"
            raise AppError(Code.INVALID_REQUEST, problem)
        now_ms, rate = self._now_ms(), self._parts.rates.search
        await spend(self._parts.limiter, "search", user.user_id, rate, now_ms)
        prefix, email = (None, key) if is_email else (key, None)
        return await self._store.search(user.user_id, prefix, email, FOUND_AT_ONCE)

    async def _spend(self, user: User, times: int) -> None:
        limiter, rate, now_ms = self._parts.limiter, self._parts.rates.lookup, self._now_ms()
        await spend(limiter, "lookup", user.user_id, rate, now_ms)
        if times > 1:
            await charge(limiter, ("lookup", user.user_id), rate, times - 1, now_ms)

    def _check(self, wish: Wish) -> None:
        size_bytes, limit_bytes = len(wish.public_key), self._parts.bounds.public_key_bytes
        if size_bytes > limit_bytes:
            problem = f"{size_bytes} bytes are more than {limit_bytes}"
            raise AppError(Code.PAYLOAD_TOO_LARGE, problem)
        name = wish.display_name
        if name is not None and not _is_name(name):
            problem = f"display_name: Expected 1 to {NAME_CHARS} characters in one line"
            raise AppError(Code.INVALID_REQUEST, problem)

    def _now_ms(self) -> int:
        return self._parts.clock.now_ms()


def _is_name(text: str) -> bool:
    return len(text) <= NAME_CHARS and is_one_line(text) and not is_blank(text)
