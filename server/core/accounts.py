"""Accounts: who has signed up, with which devices, and whom they have blocked."""

from msgspec import Struct

from server.core.conversations import Conversations
from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import DeviceId, UserId, new_id
from server.core.limits import Rate
from server.core.names import account_key, check_email, check_username
from server.core.oidc import not_set_up
from server.core.parts import Parts
from server.core.passwords import Passwords, check, new_password
from server.core.ports import Account, AccountPage, AccountStore, Block, Device, NewAccount
from server.core.rates import spend
from server.core.tokens import IdentityTokens
from server.core.user_events import DeviceRevoked, SignInsEnded

AUDIT_KEPT_MS = 365 * 24 * 60 * 60 * 1000

EXPIRY_INTERVAL_MS = 60_000

FRESH_MS = 5 * 60 * 1000
"""Since somebody has signed in with the issuer of an identity token that is to prove something."""


class SignUp(Struct, frozen=True):
    """Who wants an account."""

    username: str
    email: str
    password: str
    display_name: str


class Whoami(Struct, frozen=True):
    """Whom a token names, and their account, if they have one here."""

    user: User
    account: Account | None


class Accounts:
    """Makes accounts, and lets their owners and operators change them.

    Connections that were opened by tokens which end so are told of it, and end.

    Args:
        identities: Those for whom an issuer of identity tokens vouches; None if there is none.
    """

    def __init__(
        self,
        parts: Parts,
        store: AccountStore,
        passwords: Passwords,
        conversations: Conversations,
        identities: IdentityTokens | None = None,
    ) -> None:
        self._parts = parts
        self._store = store
        self._passwords = passwords
        self._conversations = conversations
        self._identities = identities
        self._expires_next_ms = 0

    async def sign_up(self, wish: SignUp, address: str) -> Account:
        """Make an account.

        Whether a name is taken cannot be hidden from those who want it. Which of name and
        address it is, is not said, and the password is hashed in either case.

        Raises:
            AppError: INVALID_REQUEST, ACCOUNT_EXISTS, RATE_LIMITED, UNAVAILABLE.
        """
        email = wish.email.strip()
        check_username(wish.username)
        check_email(email)
        check(wish.password)
        await self._spend("sign-up", address, self._parts.rates.sign_up)
        new = NewAccount(
            user_id=UserId(new_id()),
            username=wish.username,
            username_key=account_key(wish.username),
            email=email,
            email_key=account_key(email),
            display_name=wish.display_name.strip() or wish.username,
            password_hash=await self._passwords.hash(wish.password),
        )
        return await self._store.sign_up(new, self._now_ms())

    async def whoami(self, user: User) -> Whoami:
        """Whom a token names."""
        account = await self._store.account(user.user_id) if user.is_account else None
        return Whoami(user, account)

    async def change_password(self, user: User, current: str | None, new: str) -> None:
        """Change a password, and sign out all other devices.

        Args:
            current: Not needed of those who have just used up a temporary one.

        Raises:
            AppError: INVALID_CREDENTIALS; FORBIDDEN if it has none; INVALID_REQUEST,
                RATE_LIMITED, UNAVAILABLE.
        """
        account = await self._own(user)
        check(new)
        if account.password_hash is not None or not account.password_is_temporary:
            await self._prove(account, current or "")
        new_hash = await self._passwords.hash(new)
        done = await self._store.set_password(
            user.user_id, account.password_hash, new_hash, user.family_id, self._now_ms()
        )
        if not done:
            raise _wrong()
        await self._end(user.user_id, user.family_id)

    async def delete(
        self, user: User, password: str | None = None, id_token: str | None = None
    ) -> None:
        """Delete one's account for good; who shares a room with it is told that it has left.

        Args:
            id_token: Of the user for whom the account was made, instead of a password.

        Raises:
            AppError: INVALID_CREDENTIALS; UNAUTHENTICATED, TOKEN_EXPIRED of an identity token
                that is none; FORBIDDEN if such, or passwords, are not for this account;
                RATE_LIMITED, UNAVAILABLE.
        """
        account = await self._own(user)
        if id_token is None:
            await self._prove(account, password or "")
        else:
            await self._prove_by_issuer(account, id_token)
        room_ids = await self._conversations.rooms_of(user.user_id)
        if await self._store.delete(user.user_id, self._now_ms()):
            await self._end(user.user_id)
            await self._conversations.tell_left(room_ids)

    # --- devices ---

    async def devices(self, user: User) -> tuple[Device, ...]:
        """One's own devices, the oldest first."""
        _check_ours(user)
        return await self._store.devices(user.user_id)

    async def revoke_device(self, user: User, device_id: DeviceId) -> None:
        """End one of one's own devices for good.

        Raises:
            AppError: NOT_FOUND.
        """
        _check_ours(user)
        if not await self._store.revoke_device(user.user_id, device_id, self._now_ms()):
            raise AppError(Code.NOT_FOUND, "you have no such device")
        await self._parts.users.publish(DeviceRevoked(users=(user.user_id,), revoked=device_id))

    # --- blocks ---

    async def block(self, user: User, other: UserId) -> None:
        """Have somebody's messages refused.

        Raises:
            AppError: NOT_FOUND; LIMIT_REACHED; INVALID_REQUEST of oneself.
        """
        _check_ours(user)
        if other == user.user_id:
            raise AppError(Code.INVALID_REQUEST, "userId: nobody blocks themselves")
        limit = self._parts.bounds.blocks_per_user
        await self._store.block(user.user_id, other, limit, self._now_ms())

    async def unblock(self, user: User, other: UserId) -> None:
        _check_ours(user)
        await self._store.unblock(user.user_id, other)

    async def blocks(self, user: User) -> tuple[Block, ...]:
        """Whom one has blocked, the newest first."""
        _check_ours(user)
        return await self._store.blocks(user.user_id)

    async def blocked(self, user_id: UserId, others: list[UserId]) -> frozenset[UserId]:
        """Which of the others have blocked this one, or are blocked by it."""
        return await self._store.blocked(user_id, others)

    # --- for operators ---

    async def page(self, after: UserId | None, limit: int) -> AccountPage:
        """Accounts, in the order in which they signed up."""
        return await self._store.accounts(after, limit)

    async def named(self, name: str) -> AccountPage:
        """The account with this name, e-mail address or id, if there is one."""
        found = await self._store.find(account_key(name), b"", self._now_ms())
        account = found.account if found else await self._store.account(UserId(name))
        return AccountPage((account,) if account else (), None)

    async def set_banned(self, user_id: UserId, *, is_banned: bool) -> None:
        """Ban an account, which signs it out everywhere, or lift the ban.

        Raises:
            AppError: NOT_FOUND.
        """
        now_ms = self._now_ms()
        if not await self._store.set_banned(user_id, is_banned=is_banned, now_ms=now_ms):
            raise _nobody()
        if is_banned:
            await self._end(user_id)

    async def reset_password(self, user_id: UserId) -> str:
        """Give an account a password that signs in once, and sign it out everywhere.

        Raises:
            AppError: NOT_FOUND; FORBIDDEN if only an issuer signs it in; UNAVAILABLE.
        """
        password = new_password()
        password_hash = await self._passwords.hash(password)
        now_ms = self._now_ms()
        if not await self._store.set_temporary_password(user_id, password_hash, now_ms):
            raise _nobody()
        await self._end(user_id)
        return password

    async def set_operator(self, user_id: UserId, *, is_operator: bool) -> None:
        """Let an account do what operators may, or no more.

        Raises:
            AppError: NOT_FOUND.
        """
        now_ms = self._now_ms()
        if not await self._store.set_operator(user_id, is_operator=is_operator, now_ms=now_ms):
            raise _nobody()

    async def revoke_devices(
        self, user_id: UserId, device_id: DeviceId | None
    ) -> tuple[DeviceId, ...]:
        """End a device of an account for good, or all of them.

        Whoever has lost all devices signs in on a new one after that, with a new identity key.

        Returns:
            Which were ended.

        Raises:
            AppError: NOT_FOUND.
        """
        revoked = await self._store.revoke_devices(user_id, device_id, self._now_ms())
        if revoked is None:
            raise _nobody()
        for one in revoked:
            await self._parts.users.publish(DeviceRevoked(users=(user_id,), revoked=one))
        return revoked

    async def expire(self) -> None:
        """Forget what has run out; does so once a minute, however often it is called."""
        now_ms = self._now_ms()
        if now_ms >= self._expires_next_ms:
            self._expires_next_ms = now_ms + EXPIRY_INTERVAL_MS
            await self._store.expire(now_ms, AUDIT_KEPT_MS)

    # --- parts ---

    def _now_ms(self) -> int:
        return self._parts.clock.now_ms()

    async def _own(self, user: User) -> Account:
        _check_ours(user)
        account = await self._store.account(user.user_id)
        if account is None:
            raise AppError(Code.UNAUTHENTICATED, "this account was deleted")
        return account

    async def _prove(self, account: Account, password: str) -> None:
        """Refuse who has a token of an account and not its password."""
        if account.password_hash is None and not account.password_is_temporary:
            problem = (
                "this account has no password; identity tokens of its issuer prove whose it is"
            )
            raise AppError(Code.FORBIDDEN, problem)
        await self._spend("password of", account.user_id, self._parts.rates.sign_in)
        if not await self._passwords.matches(password, account.password_hash):
            raise _wrong()

    async def _prove_by_issuer(self, account: Account, id_token: str) -> None:
        """Refuse who has a token of an account, and has not just signed in with its issuer."""
        if self._identities is None:
            raise not_set_up()
        await self._spend("password of", account.user_id, self._parts.rates.sign_in)
        now_ms = self._now_ms()
        vouched = await self._identities.id_tokens.read(id_token, now_ms)
        if vouched.expires_ms <= now_ms:
            raise AppError(Code.TOKEN_EXPIRED, "the identity token has run out; get a new one")
        if vouched.issued_ms < now_ms - FRESH_MS:
            problem = "the identity token is older than five minutes; sign in with the issuer again"
            raise AppError(Code.INVALID_CREDENTIALS, problem)
        owner = await self._identities.store.user_of(vouched.issuer, vouched.subject)
        if owner != account.user_id:
            problem = "this account was not made for whom the identity token names"
            raise AppError(Code.INVALID_CREDENTIALS, problem)

    async def _spend(self, what: str, who: str, rate: Rate | None) -> None:
        await spend(self._parts.limiter, what, who, rate, self._now_ms())

    async def _end(self, user_id: UserId, kept: str | None = None) -> None:
        """Tell that all sign-ins of an account have ended, but perhaps for one."""
        await self._parts.users.publish(SignInsEnded(users=(user_id,), kept_family_id=kept))


def _check_ours(user: User) -> None:
    """Refuse guests and users of other systems, who may have the id of one of ours."""
    if not user.is_account:
        raise AppError(Code.FORBIDDEN, "this is for accounts of this server; sign in to one")


def _wrong() -> AppError:
    return AppError(Code.INVALID_CREDENTIALS, "that is not the password of this account")


def _nobody() -> AppError:
    return AppError(Code.NOT_FOUND, "there is no such account")
