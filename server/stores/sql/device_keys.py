"""Keys of accounts and their devices, in SQL."""

from collections.abc import Mapping, Sequence
from typing import Any

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, UserId
from server.core.ports.accounts import Claim
from server.core.ports.device_keys import (
    Bundle,
    ClaimedDevice,
    Claimer,
    IdentityKey,
    IdentityType,
    KeptKeys,
    KeyOwner,
    NewKeys,
    Prekey,
    PrekeyRules,
    PrekeyStats,
    Rotation,
    Settled,
    SignedPrekey,
)
from server.stores.sql import prekeys
from server.stores.sql.audit import Action, note
from server.stores.sql.database import Database
from server.stores.sql.sign_ins import claim_registration_steps
from server.stores.sql.steps import Row, Steps, row, rows, run, run_many, value

_ADD = """
    INSERT INTO device_keys (
        user_id, device_id, public_key, signed_key_id, signed_public_key, signature, verified,
        signed_ms, version, low_told, used
    ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, false, 0)
"""

_ROTATE = """
    UPDATE device_keys SET public_key = $3, signed_key_id = $4, signed_public_key = $5,
        signature = $6, verified = $7, signed_ms = $8, version = version + 1
    WHERE user_id = $1 AND device_id = $2
"""

_IDENTITY = "SELECT public_key, type FROM identity_keys WHERE user_id = $1"


def gives_keys_to(asker: str) -> str:
    """The condition under which the keys of an account `a` are given to a user; for a parameter.

    Nothing is told of an account that is gone or banned, nor to whom its owner has blocked.
    """
    return (  # the name of a parameter of ours
        "a.deleted_ms IS NULL AND a.banned_ms IS NULL AND NOT EXISTS "  # noqa: S608
        f"(SELECT 1 FROM account_blocks b WHERE b.user_id = a.user_id AND b.blocked_id = {asker})"
    )


_BUNDLE = f"""
    SELECT k.device_id, k.public_key, k.version, k.signed_ms, k.signed_key_id,
        k.signed_public_key, k.signature, k.verified, i.public_key, i.type, i.created_ms
    FROM identity_keys i
    JOIN accounts a ON a.user_id = i.user_id
    JOIN device_keys k ON k.user_id = i.user_id
    JOIN devices d ON d.user_id = k.user_id AND d.device_id = k.device_id
    WHERE i.user_id = $1 AND d.revoked_ms IS NULL AND {gives_keys_to("$2")}
    ORDER BY d.created_ms, k.device_id
"""  # noqa: S608 - as above

_DEVICE_IDS = """
    SELECT k.user_id, k.device_id
    FROM device_keys k
    JOIN devices d ON d.user_id = k.user_id AND d.device_id = k.device_id
    WHERE k.user_id = ANY($1::text[]) AND d.revoked_ms IS NULL
    ORDER BY k.user_id, k.device_id
"""


class SqlDeviceKeys:
    """A `DeviceKeyStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(
        self, claim: Claim, keys: NewKeys, rules: PrekeyRules, now_ms: int
    ) -> Settled:
        return await self._database.write(lambda: _register(claim, keys, rules, now_ms))

    async def identity(self, user_id: UserId) -> IdentityKey | None:
        return await self._database.read(lambda: _identity(user_id))

    async def rotate(
        self, owner: KeyOwner, rotation: Rotation, rules: PrekeyRules, now_ms: int
    ) -> KeptKeys:
        return await self._database.write(lambda: _rotate(owner, rotation, rules, now_ms))

    async def add_prekeys(
        self, owner: KeyOwner, more: Sequence[Prekey], rules: PrekeyRules, now_ms: int
    ) -> KeptKeys:
        return await self._database.write(lambda: _add_prekeys(owner, more, rules, now_ms))

    async def claim_bundle(
        self, user_id: UserId, claimer: Claimer, *, one_time: bool, now_ms: int
    ) -> Bundle | None:
        run_steps = self._database.write if one_time else self._database.read
        return await run_steps(lambda: _claim_bundle(user_id, claimer, one_time, now_ms))

    async def note_low(
        self, user_id: UserId, enough: int, now_ms: int
    ) -> tuple[tuple[DeviceId, int], ...]:
        return await self._database.write(lambda: _note_low(user_id, enough, now_ms))

    async def few(self, owner: KeyOwner, enough: int, now_ms: int) -> int | None:
        return await self._database.read(lambda: prekeys.few(owner, enough, now_ms))

    async def stats(self, owner: KeyOwner, now_ms: int) -> PrekeyStats:
        return await self._database.read(lambda: _stats(owner, now_ms))

    async def sweep(self, owner: KeyOwner, now_ms: int) -> int:
        return await self._database.write(lambda: _sweep(owner, now_ms))

    async def device_ids(self, user_ids: Sequence[UserId]) -> Mapping[UserId, tuple[DeviceId, ...]]:
        return await self._database.read(lambda: device_ids(user_ids))


# --- steps of other stores' transactions, too ---


def add_keys(owner: KeyOwner, keys: NewKeys, rules: PrekeyRules, now_ms: int) -> Steps[bool]:
    """Give a device its first keys; see `DeviceKeyStore.register`.

    Returns:
        Whether the identity key takes the place of another one.
    """
    device = yield from row(
        "SELECT revoked_ms FROM devices WHERE user_id = $1 AND device_id = $2 FOR UPDATE",
        owner.user_id,
        owner.device_id,
    )
    if device is None or device[0] is not None:
        raise _no_keys()
    if (yield from _device(owner)) is not None:
        raise AppError(Code.ID_CONFLICT, "this device has keys already; rotate them")
    has_new_identity = yield from _settle_identity(owner, keys, now_ms)
    yield from run(
        _ADD,
        owner.user_id,
        owner.device_id,
        keys.public_key,
        *_columns(keys.signed_prekey),
        now_ms,
    )
    yield from prekeys.add(owner, keys.prekeys, rules, now_ms)
    return has_new_identity


def device_ids(user_ids: Sequence[UserId]) -> Steps[dict[UserId, tuple[DeviceId, ...]]]:
    """The devices that have keys of each of these users; see `DeviceKeyStore.device_ids`."""
    found = yield from rows(_DEVICE_IDS, list(user_ids))
    named: dict[UserId, tuple[DeviceId, ...]] = dict.fromkeys(user_ids, ())
    for user_id, device_id in found:
        named[UserId(user_id)] += (DeviceId(device_id),)
    return named


def leave_keys(user_id: UserId, device_id: DeviceId | None, _now_ms: int) -> Steps[None]:
    """Forget the keys of a device that is revoked, or all of an account that is deleted."""
    if device_id is not None:
        yield from run(
            "DELETE FROM device_keys WHERE user_id = $1 AND device_id = $2", user_id, device_id
        )
        return
    yield from run(
        "SELECT 1 FROM device_keys WHERE user_id = $1 ORDER BY device_id FOR UPDATE", user_id
    )
    yield from run("DELETE FROM device_keys WHERE user_id = $1", user_id)
    yield from run("DELETE FROM identity_keys WHERE user_id = $1", user_id)


def _register(claim: Claim, keys: NewKeys, rules: PrekeyRules, now_ms: int) -> Steps[Settled]:
    claimed = yield from claim_registration_steps(claim, now_ms)
    owner = KeyOwner(claimed.user_id, claimed.device_id)
    return Settled(claimed, (yield from add_keys(owner, keys, rules, now_ms)))


# --- the identity key ---


def _identity(user_id: UserId, sql: str = _IDENTITY) -> Steps[IdentityKey | None]:
    found = yield from row(sql, user_id)
    return IdentityKey(found[0], IdentityType(found[1])) if found else None


def _settle_identity(owner: KeyOwner, keys: NewKeys, now_ms: int) -> Steps[bool]:
    """Take the identity key of the account's first device; compare that of any other.

    Returns:
        Whether there was another one, of devices that are gone.

    Raises:
        AppError: IDENTITY_MISMATCH, INVALID_SIGNATURE.
    """
    given = keys.identity
    # Of two first devices that come at the same time, one waits here for the other.
    yield from run(
        "INSERT INTO identity_keys (user_id, public_key, type, created_ms)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT (user_id) DO NOTHING",
        owner.user_id,
        given.public_key,
        given.type.value,
        now_ms,
    )
    kept = yield from _identity(owner.user_id, _IDENTITY + " FOR UPDATE")
    others = yield from value("SELECT COUNT(*) FROM device_keys WHERE user_id = $1", owner.user_id)
    if kept is None:
        raise RuntimeError("an identity key was kept and is not there")
    if not others and kept != given:
        yield from run(
            "UPDATE identity_keys SET public_key = $2, type = $3, created_ms = $4"
            " WHERE user_id = $1",
            owner.user_id,
            given.public_key,
            given.type.value,
            now_ms,
        )
    if others:
        _check_identity(kept, given, keys.signed_prekey)
    is_another = kept.public_key != given.public_key
    if is_another:
        yield from note(Action.IDENTITY_REPLACED, owner.user_id, now_ms, owner.device_id)
    return is_another


def _check_identity(kept: IdentityKey, given: IdentityKey, signed: SignedPrekey) -> None:
    if kept.public_key != given.public_key:
        raise AppError(
            Code.IDENTITY_MISMATCH,
            "this account has another identity key; bring that key to this device, or revoke "
            "all other devices first, which ends it",
        )
    if kept.type is IdentityType.ED25519 and not signed.verified:
        raise AppError(Code.INVALID_SIGNATURE, "sign the prekey with the account's identity key")


# --- the keys of a device ---


def _device(owner: KeyOwner) -> Steps[Row | None]:
    """Its keys, locked."""
    return (
        yield from row(
            "SELECT public_key, signed_key_id, signed_public_key, signature, version"
            " FROM device_keys WHERE user_id = $1 AND device_id = $2 FOR UPDATE",
            owner.user_id,
            owner.device_id,
        )
    )


def _rotate(
    owner: KeyOwner, rotation: Rotation, rules: PrekeyRules, now_ms: int
) -> Steps[KeptKeys]:
    device = yield from _device(owner)
    kept = yield from _identity(owner.user_id)
    if device is None or kept is None:
        raise _no_keys()
    signed = rotation.signed_prekey
    _check_identity(kept, rotation.identity, signed)
    public_key = rotation.public_key or device[0]
    wanted = (public_key, signed.key_id, signed.public_key, signed.signature)
    if wanted != (device[0], device[1], device[2], device[3]):
        names = owner.user_id, owner.device_id
        yield from run(_ROTATE, *names, public_key, *_columns(signed), now_ms)
    if rotation.prekeys is None:
        return (yield from _kept(owner, (), (), now_ms))
    yield from prekeys.drop_unclaimed(owner)
    skipped = yield from prekeys.add(owner, rotation.prekeys, rules, now_ms)
    return (yield from _kept(owner, rotation.prekeys, skipped, now_ms))


def _add_prekeys(
    owner: KeyOwner, more: Sequence[Prekey], rules: PrekeyRules, now_ms: int
) -> Steps[KeptKeys]:
    if (yield from _device(owner)) is None:
        raise _no_keys()
    skipped = yield from prekeys.add(owner, more, rules, now_ms)
    return (yield from _kept(owner, more, skipped, now_ms))


def _kept(
    owner: KeyOwner, sent: Sequence[Prekey], skipped: tuple[int, ...], now_ms: int
) -> Steps[KeptKeys]:
    public_key, *_, version = yield from _device_or_refuse(owner)
    counts = yield from prekeys.available(owner.user_id, now_ms)
    return KeptKeys(
        public_key=public_key,
        version=version,
        available=counts.get(owner.device_id, 0),
        accepted=len(sent) - len(skipped),
        skipped=skipped,
    )


def _sweep(owner: KeyOwner, now_ms: int) -> Steps[int]:
    yield from _device_or_refuse(owner)
    return (yield from prekeys.sweep(owner, now_ms))


def _device_or_refuse(owner: KeyOwner) -> Steps[Row]:
    device = yield from _device(owner)
    if device is None:
        raise _no_keys()
    return device


def _stats(owner: KeyOwner, now_ms: int) -> Steps[PrekeyStats]:
    swept = yield from value(
        "SELECT used FROM device_keys WHERE user_id = $1 AND device_id = $2",
        owner.user_id,
        owner.device_id,
    )
    if swept is None:
        raise _no_keys()
    counts = yield from prekeys.available(owner.user_id, now_ms)
    used = yield from prekeys.count_used(owner)
    expired = yield from prekeys.count_expired(owner, now_ms)
    return PrekeyStats(counts.get(owner.device_id, 0), swept + used, expired)


# --- bundles ---


def _claim_bundle(
    user_id: UserId, claimer: Claimer, one_time: bool, now_ms: int
) -> Steps[Bundle | None]:
    found = yield from rows(_BUNDLE, user_id, claimer.user_id)
    if not found:
        return None
    claimed: dict[DeviceId, Prekey | None] = {}
    for device_id in (DeviceId(one[0]) for one in found):
        is_own = claimer == Claimer(user_id, device_id)
        if one_time and not is_own:
            claimed[device_id] = yield from prekeys.claim(KeyOwner(user_id, device_id), now_ms)
    counts = yield from prekeys.available(user_id, now_ms)
    public_key, kind, since_ms = found[0][-3:]
    devices = tuple(_claimed_device(one, claimed, counts) for one in found)
    return Bundle(user_id, IdentityKey(public_key, IdentityType(kind)), devices, since_ms)


def _claimed_device(
    found: Row, claimed: Mapping[DeviceId, Prekey | None], counts: Mapping[DeviceId, int]
) -> ClaimedDevice:
    device_id, public_key, version, signed_ms, key_id, signed_key, signature, verified = found[:8]
    return ClaimedDevice(
        device_id=DeviceId(device_id),
        public_key=public_key,
        version=version,
        signed_prekey=SignedPrekey(
            key_id=key_id,
            public_key=signed_key,
            signature=signature,
            verified=bool(verified),
        ),
        signed_ms=signed_ms,
        one_time=claimed.get(device_id),
        remaining=counts.get(device_id, 0),
    )


def _note_low(user_id: UserId, enough: int, now_ms: int) -> Steps[tuple[tuple[DeviceId, int], ...]]:
    untold = yield from rows(
        "SELECT device_id FROM device_keys WHERE user_id = $1 AND NOT low_told"
        " ORDER BY device_id FOR UPDATE",
        user_id,
    )
    counts = yield from prekeys.available(user_id, now_ms)
    devices = [(DeviceId(one), counts.get(DeviceId(one), 0)) for (one,) in untold]
    low = tuple((device_id, count) for device_id, count in devices if count < enough)
    yield from run_many(
        "UPDATE device_keys SET low_told = true WHERE user_id = $1 AND device_id = $2",
        [(user_id, device_id) for device_id, _ in low],
    )
    return low


def _columns(signed: SignedPrekey) -> tuple[Any, ...]:
    return signed.key_id, signed.public_key, signed.signature, signed.verified


def _no_keys() -> AppError:
    return AppError(Code.NOT_FOUND, "this device has no keys here; sign in and register them")
