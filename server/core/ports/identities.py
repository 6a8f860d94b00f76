"""People for whom an issuer vouches: what goes into their store, and what comes out."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from server.core.ids import UserId
from server.core.ports.accounts import AccountSession, NewTokens, SignInDevice


class Vouched(Struct, frozen=True, kw_only=True):
    """What a good identity token says.

    Attributes:
        issuer, subject: Who vouches, and for whom: together nobody else's.
        email: That the issuer has verified; None if it has none.
        name: As the issuer calls somebody; empty if it does not.
        issued_ms, expires_ms: From when to when.
    """

    issuer: str
    subject: str
    email: str | None
    name: str
    issued_ms: int
    expires_ms: int


class Registration(Struct, frozen=True, kw_only=True):
    """Somebody who signs in by an identity token.

    Attributes:
        user_id: Taken if it is the first time.
        name: To be shown to others; None leaves it, or is that of the issuer.
        public_key: The text of a JSON value.
        tokens: Of the sign-in of its device.
        standing: Of whoever shows identity tokens as they are.
    """

    vouched: Vouched
    user_id: UserId
    name: str | None
    public_key: bytes
    device: SignInDevice
    tokens: NewTokens
    standing: NewTokens
    max_devices: int


class Profile(Struct, frozen=True, kw_only=True):
    """An account as it shows itself.

    Attributes:
        email: For its owner alone.
        public_key: The text of a JSON value; None if there is none.
        key_version: Rises with each other key.
    """

    user_id: UserId
    username: str
    display_name: str
    email: str
    created_ms: int
    public_key: bytes | None
    key_version: int
    key_ms: int | None


class Registered(Struct, frozen=True, kw_only=True):
    """What came of a registration.

    Attributes:
        is_new: The account was made.
        is_key_changed: There was another key; see `IdentityStore.rotate_due`.
    """

    profile: Profile
    session: AccountSession
    is_new: bool
    is_key_changed: bool


class Rotated(Struct, frozen=True, kw_only=True):
    """What came of key changes in groups.

    Attributes:
        rooms: That were looked at.
        told: Who is to look into queues.
    """

    rooms: int
    told: tuple[UserId, ...]


class Known(Struct, frozen=True):
    """Somebody who has registered, as the sign-in that identity tokens stand for."""

    session: AccountSession
    family_id: str
    valid_from_ms: int


class Found(Struct, frozen=True):
    """Somebody who was looked for."""

    user_id: UserId
    display_name: str


class IdentityStore(Protocol):
    """People for whom issuers vouch, and public keys that accounts show to all.

    An account is one person's: it is never joined to another that has the same address, since
    nobody has verified that one's.
    """

    async def register(self, registration: Registration, now_ms: int) -> Registered:
        """Make an account for whoever comes first, and sign its device in.

        Another public key than before takes its place. That all groups of the account get another
        epoch is noted with it, and done by `rotate_due`.

        Raises:
            AppError: FORBIDDEN if the account is banned, or the device was revoked;
                LIMIT_REACHED: it has too many devices.
        """
        ...

    async def rotate_due(self, user_id: UserId | None, limit: int, now_ms: int) -> Rotated:
        """Give groups another epoch in which a public key has changed, and tell their members.

        Each group by itself, so that others wait for no more than one; whatever is interrupted
        is done by the next call, once.

        Args:
            user_id: Whose key it is; None for anybody's.
            limit: Of groups; if as many were looked at, there may be more.
        """
        ...

    async def known(self, issuer: str, subject: str) -> Known | None:
        """Who has registered, unless that sign-in has ended."""
        ...

    async def user_of(self, issuer: str, subject: str) -> UserId | None:
        """For whom an account was made, whether its sign-ins have ended or not."""
        ...

    async def profile(self, user_id: UserId) -> Profile | None:
        """An account that is not deleted."""
        ...

    async def profiles(self, user_ids: Sequence[UserId]) -> tuple[Profile, ...]:
        """The same of several, without those that are not there."""
        ...

    async def search(
        self, user_id: UserId, prefix: str | None, email: str | None, limit: int
    ) -> tuple[Found, ...]:
        """Accounts whose names begin so, or whose verified address this is, by folded forms.

        Whoever is banned, or has blocked whoever searches, is not found.
        """
        ...
