"""Accounts: who has one, with which devices, and how these are signed in."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from server.core.ids import DeviceId, UserId


class Account(Struct, frozen=True, kw_only=True):
    """Somebody who has signed up.

    Attributes:
        password_hash: None if the one-time password was used and no new one is set yet.
        password_is_temporary: An operator gave it; it signs in once and must be changed.
    """

    user_id: UserId
    username: str
    email: str
    display_name: str
    password_hash: str | None
    password_is_temporary: bool
    is_operator: bool
    created_ms: int
    banned_ms: int | None


class NewAccount(Struct, frozen=True, kw_only=True):
    """What signs up.

    Attributes:
        username_key, email_key: The forms by which two names, or two addresses, are the same.
    """

    user_id: UserId
    username: str
    username_key: str
    email: str
    email_key: str
    display_name: str
    password_hash: str


class Device(Struct, frozen=True):
    """A device of an account, whose keys are known."""

    device_id: DeviceId
    name: str
    type: str
    created_ms: int
    seen_ms: int
    revoked_ms: int | None = None


class SignInDevice(Struct, frozen=True):
    """A device as it names itself at sign-in."""

    device_id: DeviceId
    name: str
    type: str


class NewTokens(Struct, frozen=True, kw_only=True):
    """A family of tokens that is about to begin.

    Attributes:
        refresh_hash: Of its first refresh token.
        expires_ms: When that runs out.
    """

    family_id: str
    refresh_hash: bytes
    expires_ms: int


class SignIn(Struct, frozen=True, kw_only=True):
    """A login whose password was right.

    Attributes:
        password_hash: Which was right: if the account has another by now, nothing is done.
        address_hash: Of the address, which is known from now on.
        tokens: To begin with if the device is known.
        registration_hash: Of the token by which a device that is not known registers its keys,
            until `registration_expires_ms`.
    """

    user_id: UserId
    password_hash: str
    device: SignInDevice
    address_hash: bytes
    tokens: NewTokens
    registration_hash: bytes
    registration_expires_ms: int


class SignInOutcome(StrEnum):
    SIGNED_IN = "signed in"
    NEEDS_KEYS = "needs keys"
    """A registration is pending, and no tokens were given."""
    DEVICE_REVOKED = "device revoked"
    """The device was revoked; its id never comes back."""
    BANNED = "banned"
    STALE = "stale"
    """The password was changed, or the account deleted, meanwhile."""


class Claim(Struct, frozen=True, kw_only=True):
    """What completes a pending login.

    Attributes:
        token_hash: Of the registration token; None for a bare claim, which must be for an
            account's first device and the only login that is pending for this device from this
            address.
        address_hash: Where the claim comes from.
        max_devices: That one account may have.
    """

    token_hash: bytes | None
    device_id: DeviceId
    address_hash: bytes
    tokens: NewTokens
    max_devices: int


class Claimed(Struct, frozen=True):
    """Whose login a claim has completed."""

    user_id: UserId
    username: str
    device_id: DeviceId


class AccountSession(Struct, frozen=True):
    """What a family of tokens that has not ended stands for, as it is now."""

    user_id: UserId
    username: str
    device_id: DeviceId
    is_operator: bool


class Rotated(Struct, frozen=True):
    """What came of a refresh token.

    Attributes:
        session: None if it was not good.
        family_id: Of the token; None if it is of none.
        ended: Whose family was ended, since the token was used before.
    """

    session: AccountSession | None
    family_id: str | None = None
    ended: AccountSession | None = None


class EndedFamily(Struct, frozen=True):
    """A sign-in that has ended."""

    user_id: UserId
    device_id: DeviceId
    family_id: str


class Block(Struct, frozen=True):
    user_id: UserId
    created_ms: int


class AccountPage(Struct, frozen=True):
    """Accounts in the order in which they signed up; `next` is where to go on, or None."""

    accounts: tuple[Account, ...]
    next: UserId | None


class Found(Struct, frozen=True):
    """An account, and whether it was signed in to from this address lately."""

    account: Account
    address_is_known: bool


class Sessions(Protocol):
    """Which sign-ins go on."""

    async def session(self, family_id: str) -> AccountSession | None:
        """What a family of tokens stands for; None if it has ended.

        What ended before this was called has ended for it, whichever node ended it.
        """
        ...

    async def standing(self, family_ids: Sequence[str]) -> frozenset[str]:
        """Which of these go on."""
        ...


class AccountStore(Sessions, Protocol):
    """Accounts, their devices, and their families of tokens.

    No two accounts that are not deleted have one name or one e-mail address. A device has tokens
    only while it is not revoked and its account is neither banned nor deleted: whatever says
    otherwise ends them in the same step. Only hashes of tokens come in here. Whatever changes
    who can sign in is noted in the audit, without content, in the same step.
    """

    # --- accounts ---

    async def sign_up(self, account: NewAccount, now_ms: int) -> Account:
        """Make an account.

        Raises:
            AppError: ACCOUNT_EXISTS if its name or its address is taken.
        """
        ...

    async def find(self, key: str, address_hash: bytes, now_ms: int) -> Found | None:
        """The account with this key of its name or of its e-mail address."""
        ...

    async def account(self, user_id: UserId) -> Account | None:
        """An account that is not deleted."""
        ...

    async def accounts(self, after: UserId | None, limit: int) -> AccountPage:
        """Those that are not deleted, in the order in which they signed up."""
        ...

    async def set_password(
        self, user_id: UserId, old_hash: str | None, new_hash: str, keep: str | None, now_ms: int
    ) -> bool:
        """Change a password, and end all families but `keep` and all pending logins.

        Returns:
            Whether it was done: not if the password is not the one of `old_hash` any more.
        """
        ...

    async def rehash(self, user_id: UserId, old_hash: str, new_hash: str) -> None:
        """Keep another hash of the same password, unless it was changed meanwhile."""
        ...

    async def set_temporary_password(self, user_id: UserId, new_hash: str, now_ms: int) -> bool:
        """Give an account a password for one sign-in, and end all its families.

        Logins by it that are never completed leave it as it is.

        Returns:
            Whether there is such an account.

        Raises:
            AppError: FORBIDDEN if it has no name to log in by, as one that an issuer signs in.
        """
        ...

    async def set_banned(self, user_id: UserId, *, is_banned: bool, now_ms: int) -> bool:
        """Ban, which ends everything, or lift it. Returns whether there is such an account."""
        ...

    async def set_operator(self, user_id: UserId, *, is_operator: bool, now_ms: int) -> bool:
        """Make an account an operator, or no more. Returns whether there is such an account."""
        ...

    async def delete(self, user_id: UserId, now_ms: int) -> bool:
        """Forget who an account was; its id stays taken, its name and address become free.

        Returns:
            Whether there was such an account.
        """
        ...

    # --- devices and tokens ---

    async def sign_in(self, sign_in: SignIn, now_ms: int) -> SignInOutcome:
        """Begin a family of a known device, or a pending login of another one.

        A temporary password is used up by the family.
        """
        ...

    async def complete_registration(self, claim: Claim, now_ms: int) -> Claimed:
        """Make the device of a pending login known, and begin its first family, once.

        That uses a temporary password up, and ends all else that it had begun.

        Raises:
            AppError: UNAUTHENTICATED if there is no such login, or not any more; ID_CONFLICT if
                the device is known already; LIMIT_REACHED; FORBIDDEN if the account is banned.
        """
        ...

    async def rotate(
        self, refresh_hash: bytes, new_hash: bytes, expires_ms: int, now_ms: int
    ) -> Rotated:
        """Put a new refresh token in the place of one that is good; each is used once.

        One that was used before ends its family: either use may have been a thief's.
        """
        ...

    async def end_family(self, family_id: str, now_ms: int) -> None:
        """Sign out one device."""
        ...

    async def end_family_of(self, refresh_hash: bytes, now_ms: int) -> EndedFamily | None:
        """End the family of a refresh token. Returns whose it was, if it had not ended."""
        ...

    async def end_families(self, user_id: UserId, now_ms: int) -> None:
        """Sign out all devices of an account, and forget its pending logins."""
        ...

    async def devices(self, user_id: UserId) -> tuple[Device, ...]:
        """Those that are not revoked, the oldest first."""
        ...

    async def revoke_device(self, user_id: UserId, device_id: DeviceId, now_ms: int) -> bool:
        """End a device for good. Returns whether there was one that was not revoked."""
        ...

    async def revoke_devices(
        self, user_id: UserId, device_id: DeviceId | None, now_ms: int
    ) -> tuple[DeviceId, ...] | None:
        """What operators do: end a device of an account, or all of them and its pending logins.

        Returns:
            Which were ended; None if there is no such account.
        """
        ...

    # --- blocks ---

    async def block(self, user_id: UserId, other: UserId, limit: int, now_ms: int) -> None:
        """Have somebody refused.

        Raises:
            AppError: NOT_FOUND if there is no such account; LIMIT_REACHED.
        """
        ...

    async def unblock(self, user_id: UserId, other: UserId) -> None: ...

    async def blocks(self, user_id: UserId) -> tuple[Block, ...]:
        """Whom one has blocked, the newest first."""
        ...

    async def blocked(self, user_id: UserId, others: list[UserId]) -> frozenset[UserId]:
        """Which of the others have blocked this one, or are blocked by it."""
        ...

    # --- time ---

    async def expire(self, now_ms: int, audit_kept_ms: int) -> int:
        """Forget what has run out, and audit entries older than that.

        Returns:
            How many tokens, pending logins and known addresses were forgotten.
        """
        ...
