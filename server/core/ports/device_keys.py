"""Keys of accounts and their devices: what goes into their store, and what comes out."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Protocol

from msgspec import Struct

from server.core.ids import DeviceId, UserId
from server.core.ports.accounts import Claim, Claimed


class IdentityType(Enum):
    """What an identity key was shown to be.

    ED25519: a signature of it was verified. X25519: it cannot sign; nobody can verify.
    """

    ED25519 = "ed25519"
    X25519 = "x25519"


class IdentityKey(Struct, frozen=True):
    """The long-term key of an account, the same on all of its devices; 32 bytes."""

    public_key: bytes
    type: IdentityType


class SignedPrekey(Struct, frozen=True, kw_only=True):
    """The prekey that does for many, 32 bytes, and a signature of 64.

    Attributes:
        verified: The signature is the identity key's, as Ed25519.
    """

    key_id: int
    public_key: bytes
    signature: bytes
    verified: bool


class Prekey(Struct, frozen=True):
    """A one-time prekey: 32 bytes, under a number that its device chose."""

    key_id: int
    public_key: bytes


class KeyOwner(Struct, frozen=True):
    """A device of a user."""

    user_id: UserId
    device_id: DeviceId


class Claimer(Struct, frozen=True):
    """Who asks for keys; a device is given none of its own prekeys."""

    user_id: UserId
    device_id: DeviceId | None


class NewKeys(Struct, frozen=True, kw_only=True):
    """The first keys of a device."""

    identity: IdentityKey
    public_key: bytes
    signed_prekey: SignedPrekey
    prekeys: tuple[Prekey, ...]


class Settled(Struct, frozen=True):
    """A device that has its first keys; and whether the account has another identity key now."""

    claimed: Claimed
    has_new_identity: bool


class Rotation(Struct, frozen=True, kw_only=True):
    """Keys that take the place of a device's former ones.

    Attributes:
        identity: By which the signed prekey was verified.
        public_key: None to keep it.
        prekeys: They take the place of all that nobody has claimed; None to keep those.
    """

    identity: IdentityKey
    public_key: bytes | None
    signed_prekey: SignedPrekey
    prekeys: tuple[Prekey, ...] | None


class PrekeyRules(Struct, frozen=True):
    """What holds for the prekeys of a device.

    Attributes:
        max_prekeys: That nobody has claimed.
        enough: With fewer, its owner is told.
        expires_ms: Until when new ones are good.
    """

    max_prekeys: int
    enough: int
    expires_ms: int


class KeptKeys(Struct, frozen=True, kw_only=True):
    """What a device has now.

    Attributes:
        version: From 1; rises with each change of its keys.
        available: Prekeys that can be claimed.
        accepted: How many of the prekeys that were just sent stand.
        skipped: The ids of the others, which were handed out before.
    """

    public_key: bytes
    version: int
    available: int
    accepted: int
    skipped: tuple[int, ...]


class ClaimedDevice(Struct, frozen=True, kw_only=True):
    """The keys of one device, for whoever begins a conversation.

    Attributes:
        one_time: For this claimer alone; None if there is none left.
        remaining: Prekeys that can still be claimed.
    """

    device_id: DeviceId
    public_key: bytes
    version: int
    signed_prekey: SignedPrekey
    signed_ms: int
    one_time: Prekey | None
    remaining: int


class Bundle(Struct, frozen=True):
    """What it takes to begin an encrypted conversation with all devices of a user.

    Attributes:
        since_ms: When the account began with this identity key, perhaps in place of another.
    """

    user_id: UserId
    identity: IdentityKey
    devices: tuple[ClaimedDevice, ...]
    since_ms: int


class PrekeyStats(Struct, frozen=True):
    """One-time prekeys of a device: to be claimed, ever claimed, and expired before that."""

    available: int
    used: int
    expired: int


class DeviceKeyStore(Protocol):
    """Public keys of accounts and of their devices.

    A one-time prekey is handed out at most once, the oldest first, and its id never again, also
    if the device uploads it anew. All devices of an account have its one identity key. Where
    that is ED25519, every signed prekey is verified. A device that is revoked has no keys, an
    account that is deleted has none.
    """

    async def register(
        self, claim: Claim, keys: NewKeys, rules: PrekeyRules, now_ms: int
    ) -> Settled:
        """Complete a pending login with the first keys of its device.

        The first device of an account brings the identity key; and so does one that comes when
        no other has keys any more.

        Raises:
            AppError: As `AccountStore.complete_registration`; IDENTITY_MISMATCH if the account
                has another identity key; INVALID_SIGNATURE if it is not verified and must be.
        """
        ...

    async def identity(self, user_id: UserId) -> IdentityKey | None:
        """The identity key of an account."""
        ...

    async def rotate(
        self, owner: KeyOwner, rotation: Rotation, rules: PrekeyRules, now_ms: int
    ) -> KeptKeys:
        """Change keys of a device; again with the same keys changes nothing.

        Raises:
            AppError: NOT_FOUND if it has none; IDENTITY_MISMATCH if the account has another
                identity key by now; INVALID_SIGNATURE, LIMIT_REACHED.
        """
        ...

    async def add_prekeys(
        self, owner: KeyOwner, prekeys: Sequence[Prekey], rules: PrekeyRules, now_ms: int
    ) -> KeptKeys:
        """Keep more one-time prekeys, behind those that there are; those known are left alone.

        Raises:
            AppError: NOT_FOUND if the device has no keys; ID_CONFLICT if an id stands for
                another key that nobody has claimed; LIMIT_REACHED.
        """
        ...

    async def claim_bundle(
        self, user_id: UserId, claimer: Claimer, *, one_time: bool, now_ms: int
    ) -> Bundle | None:
        """The keys of all devices of a user, with a one-time prekey of each.

        Args:
            one_time: False hands out no one-time prekeys.

        Returns:
            None if there is no such user or no device with keys, and if the user has blocked
            the claimer.
        """
        ...

    async def note_low(
        self, user_id: UserId, enough: int, now_ms: int
    ) -> tuple[tuple[DeviceId, int], ...]:
        """Note which devices have fewer prekeys than enough, and how many.

        Each is returned once, until it has had enough again.
        """
        ...

    async def few(self, owner: KeyOwner, enough: int, now_ms: int) -> int | None:
        """How many prekeys a device has; None if that is enough, or if it has no keys."""
        ...

    async def stats(self, owner: KeyOwner, now_ms: int) -> PrekeyStats:
        """How many prekeys a device has; NOT_FOUND if it has no keys."""
        ...

    async def sweep(self, owner: KeyOwner, now_ms: int) -> int:
        """Forget the prekeys of a device that were claimed or have expired; returns how many."""
        ...

    async def device_ids(self, user_ids: Sequence[UserId]) -> Mapping[UserId, tuple[DeviceId, ...]]:
        """The devices that have keys of each of these users, in order of id."""
        ...
