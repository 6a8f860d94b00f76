"""Keys of devices: registered, rotated, and handed out to whoever begins a conversation.

The server sees public keys only. What it checks keeps mistakes and strangers out; that a key is
really somebody's, people compare by their safety numbers.
"""

import logging

from msgspec import Struct
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import DeviceId, UserId
from server.core.limits import CLAIM_COST, Rate
from server.core.logins import Logins, TokenPair
from server.core.parts import Parts
from server.core.ports.device_keys import (
    Bundle,
    Claimer,
    DeviceKeyStore,
    IdentityKey,
    IdentityType,
    KeptKeys,
    KeyOwner,
    NewKeys,
    Prekey,
    PrekeyRules,
    PrekeyStats,
    Rotation,
    SignedPrekey,
)
from server.core.presences import Acquaintances
from server.core.rates import spend
from server.core.user_events import IdentityChanged, PrekeysLow

log = logging.getLogger("hushwire.keys")

MAX_PREKEYS = 1_000
"""Of one device, which nobody has claimed."""

ENOUGH_PREKEYS = 20
"""With fewer its owner is told to send more."""

PREKEY_LIFE_MS = 90 * 24 * 60 * 60_000
"""For so long an uploaded prekey is handed out: its secret should not lie about for ever."""

HOURLY = Rate(per_minute=1, burst=60)
"""Of what costs all of it."""

_NEAR_ENOUGH = 2 * ENOUGH_PREKEYS
"""So few that those who claim at the same time may have brought them below."""


class OfferedPrekey(Struct, frozen=True):
    """A signed prekey as its device sends it: 32 bytes, and a signature of 64."""

    key_id: int
    public_key: bytes
    signature: bytes


class OfferedKeys(Struct, frozen=True, kw_only=True):
    """The first keys of a device, as it sends them.

    Attributes:
        identity_type: What the device says of its identity key; None if it says nothing.
    """

    identity_key: bytes
    identity_type: IdentityType | None
    public_key: bytes
    signed_prekey: OfferedPrekey
    prekeys: tuple[Prekey, ...]


class OfferedRotation(Struct, frozen=True, kw_only=True):
    """New keys of a device, as it sends them.

    Attributes:
        identity_key: Which the account must have; None if the device does not say.
        public_key: None to keep it.
        prekeys: Take the place of all that are unclaimed; None to keep those.
    """

    identity_key: bytes | None
    public_key: bytes | None
    signed_prekey: OfferedPrekey
    prekeys: tuple[Prekey, ...] | None


class Registered(Struct, frozen=True):
    """A device that has its keys now, and is signed in."""

    user_id: UserId
    device_id: DeviceId
    public_key: bytes
    tokens: TokenPair


class DeviceKeys:
    """Keys of all devices of an installation.

    Args:
        peers: Who is told that an account has another identity key.
    """

    def __init__(
        self, parts: Parts, store: DeviceKeyStore, logins: Logins, peers: Acquaintances
    ) -> None:
        self._parts = parts
        self._store = store
        self._logins = logins
        self._peers = peers

    async def register(
        self, proof: str | None, device_id: DeviceId, address: str, offered: OfferedKeys
    ) -> Registered:
        """Complete a login with the first keys of its device.

        Args:
            proof: The registration token of the login; None for a bare claim.

        Raises:
            AppError: INVALID_SIGNATURE, INVALID_REQUEST; see `Logins.prepare_claim` and
                `DeviceKeyStore.register`.
        """
        pending = await self._logins.prepare_claim(proof, device_id, address)
        _check_distinct(offered.prekeys)
        signed = _verified(offered.signed_prekey, offered.identity_key)
        _check_type(offered.identity_type, signed)
        kind = IdentityType.ED25519 if signed.verified else IdentityType.X25519
        keys = NewKeys(
            identity=IdentityKey(offered.identity_key, kind),
            public_key=offered.public_key,
            signed_prekey=signed,
            prekeys=offered.prekeys,
        )
        settled = await self._store.register(pending.claim, keys, self._rules(), self._now_ms())
        claimed = settled.claimed
        if settled.has_new_identity:
            await self._tell_peers(claimed.user_id)
        tokens = self._logins.tokens_of(pending, claimed)
        return Registered(claimed.user_id, claimed.device_id, keys.public_key, tokens)

    async def bundle(self, asker: User, user_id: UserId) -> Bundle:
        """What it takes to begin a conversation with all devices of a user.

        Who claims too many of one user's is given the signed prekeys alone, and so is everybody
        once too many were claimed of that user; then it is told, as if few were left.

        Raises:
            AppError: NOT_FOUND, whether there is no such user, none with keys, or one who has
                blocked the asker; FORBIDDEN to all others than accounts; RATE_LIMITED.
        """
        if not asker.is_account:
            raise AppError(Code.FORBIDDEN, "keys are for accounts of this server; sign up first")
        limiter, rates, now_ms = self._parts.limiter, self._parts.rates, self._now_ms()
        await spend(limiter, "lookup of", asker.user_id, rates.lookup, now_ms)
        pair = f"{len(asker.user_id)} {asker.user_id} {user_id}"  # no two share one
        is_greedy = await self._is_over("claim of", pair, rates.claim, CLAIM_COST)
        is_drained = not is_greedy and await self._is_over("claimed of", user_id, rates.claimed)
        bundle = await self._store.claim_bundle(
            user_id,
            Claimer(asker.user_id, asker.device_id),
            one_time=not (is_greedy or is_drained),
            now_ms=now_ms,
        )
        if bundle is None:
            raise AppError(Code.NOT_FOUND, "no keys are known of a user of that id")
        if any(one.remaining < _NEAR_ENOUGH for one in bundle.devices):
            await self._tell_low(user_id)
        if is_drained:
            await self._tell_drained(bundle)
        return bundle

    async def rotate(self, user: User, offered: OfferedRotation) -> KeptKeys:
        """Change the keys of the device that asks.

        Raises:
            AppError: INVALID_SIGNATURE; IDENTITY_MISMATCH, since a rotation does not change the
                identity key; INVALID_REQUEST, RATE_LIMITED; see `DeviceKeyStore.rotate`.
        """
        owner = await self._changing(user)
        _check_distinct(offered.prekeys or ())
        identity = await self._store.identity(owner.user_id)
        if identity is None:
            raise AppError(Code.NOT_FOUND, "this account has no keys; register them")
        if offered.identity_key not in (None, identity.public_key):
            problem = "the identity key of an account stays; rotate the others"
            raise AppError(Code.IDENTITY_MISMATCH, problem)
        signed = _verified(offered.signed_prekey, identity.public_key)
        rotation = Rotation(
            identity=identity,
            public_key=offered.public_key,
            signed_prekey=signed,
            prekeys=offered.prekeys,
        )
        return await self._store.rotate(owner, rotation, self._rules(), self._now_ms())

    async def add_prekeys(self, user: User, prekeys: tuple[Prekey, ...]) -> KeptKeys:
        """Keep more one-time prekeys of the device that asks.

        Raises:
            AppError: INVALID_REQUEST, RATE_LIMITED; see `DeviceKeyStore.add_prekeys`.
        """
        owner = await self._changing(user)
        _check_distinct(prekeys)
        return await self._store.add_prekeys(owner, prekeys, self._rules(), self._now_ms())

    async def stats(self, user: User) -> PrekeyStats:
        """How many prekeys the device that asks has."""
        return await self._store.stats(_owner(user), self._now_ms())

    async def standing(self, user: User) -> tuple[PrekeysLow, ...]:
        """What is still to be said to a device that connects: that few prekeys are left.

        They are used up while it is away, when it does not hear of it. Never fails.
        """
        try:
            owner = _owner(user)
            remaining = await self._store.few(owner, ENOUGH_PREKEYS, self._now_ms())
        except AppError as error:
            log.warning("prekeys_low_not_told", extra={"code": error.code.word})
            return ()
        if remaining is None:
            return ()
        return (PrekeysLow(users=(owner.user_id,), device_id=owner.device_id, remaining=remaining),)

    async def sweep(self, user: User) -> int:
        """Forget the prekeys of the device that asks that are used up; returns how many."""
        return await self._store.sweep(await self._changing(user), self._now_ms())

    # --- inside ---

    def _now_ms(self) -> int:
        return self._parts.clock.now_ms()

    def _rules(self) -> PrekeyRules:
        expires_ms = self._now_ms() + PREKEY_LIFE_MS
        return PrekeyRules(max_prekeys=MAX_PREKEYS, enough=ENOUGH_PREKEYS, expires_ms=expires_ms)

    async def _changing(self, user: User) -> KeyOwner:
        owner, rate = _owner(user), self._parts.rates.keys
        who = f"{owner.user_id} {owner.device_id}"
        await spend(self._parts.limiter, "keys of", who, rate, self._now_ms())
        return owner

    async def _is_over(self, what: str, who: str, rate: Rate | None, cost: int = 1) -> bool:
        if rate is None:
            return False
        return bool(await self._parts.limiter.take(f"{what}:{who}", rate, cost, self._now_ms()))

    async def _tell_drained(self, bundle: Bundle) -> None:
        """Tell that others are given no more prekeys for now, however many there are; hourly."""
        try:
            if await self._is_over("drained", bundle.user_id, HOURLY, HOURLY.burst):
                return
        except AppError as error:
            log.warning("prekeys_low_not_told", extra={"code": error.code.word})
            return
        for one in bundle.devices:
            event = PrekeysLow(
                users=(bundle.user_id,), device_id=one.device_id, remaining=one.remaining
            )
            await self._parts.users.publish(event)

    async def _tell_peers(self, user_id: UserId) -> None:
        """It is a hint: who does not hear it sees another key with the next message."""
        try:
            users = tuple(await self._peers(user_id))
        except AppError as error:
            log.warning("identity_not_told", extra={"code": error.code.word})
            return
        event = IdentityChanged(users=users, user_id=user_id, at_ms=self._now_ms())
        await self._parts.users.publish(event)

    async def _tell_low(self, user_id: UserId) -> None:
        """It is a hint: whoever has claimed is answered, whatever becomes of it."""
        try:
            low = await self._store.note_low(user_id, ENOUGH_PREKEYS, self._now_ms())
            for device_id, remaining in low:
                event = PrekeysLow(users=(user_id,), device_id=device_id, remaining=remaining)
                await self._parts.users.publish(event)
        except AppError as error:
            log.warning("prekeys_low_not_told", extra={"code": error.code.word})


def _owner(user: User) -> KeyOwner:
    if user.device_id is None:
        raise AppError(Code.FORBIDDEN, "sign in with an account, on a device")
    return KeyOwner(user.user_id, user.device_id)


def _verified(offered: OfferedPrekey, identity_key: bytes) -> SignedPrekey:
    """A signed prekey, and whether it is signed with this identity key."""
    try:
        VerifyKey(identity_key).verify(offered.public_key, offered.signature)
        verified = True
    except CryptoError:
        verified = False
    return SignedPrekey(
        key_id=offered.key_id,
        public_key=offered.public_key,
        signature=offered.signature,
        verified=verified,
    )


def _check_type(kind: IdentityType | None, signed: SignedPrekey) -> None:
    if kind is IdentityType.ED25519 and not signed.verified:
        raise AppError(
            Code.INVALID_SIGNATURE,
            "the signature is not the Ed25519 identity key's over the 32 bytes of the prekey",
        )


def _check_distinct(prekeys: tuple[Prekey, ...]) -> None:
    """What stands twice in one upload would be handed out twice."""
    for of_each in ({one.key_id for one in prekeys}, {one.public_key for one in prekeys}):
        if len(of_each) < len(prekeys):
            raise AppError(Code.INVALID_REQUEST, "preKeys: each keyId and publicKey only once")
