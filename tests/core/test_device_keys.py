"""Keys of devices: what is checked before they are kept, and how often they are handed out."""

import asyncio
import contextlib

import pytest
from msgspec import structs
from nacl.signing import SigningKey

from server.core.accounts import SignUp
from server.core.device_keys import (
    DeviceKeys,
    OfferedKeys,
    OfferedPrekey,
    OfferedRotation,
)
from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import DeviceId, UserId
from server.core.limits import Rate, Rates
from server.core.ports import SignInDevice
from server.core.ports.device_keys import IdentityType, Prekey
from server.core.user_events import PrekeysLow
from server.stores.sql.device_keys import SqlDeviceKeys
from server.stores.sql.migrations import migrate
from tests.core.visitors import refused

PASSWORD = "SecurePass123!"
ED25519, X25519 = IdentityType.ED25519, IdentityType.X25519


def public_key(number):
    return number.to_bytes(32, "big")


class Keyring:
    """What a device has at home."""

    def __init__(self, number=1):
        self._identity = SigningKey(public_key(number))

    @property
    def identity_key(self):
        return bytes(self._identity.verify_key)

    def signed(self, number=1, *, well=True):
        of = public_key(100 + number)
        signature = self._identity.sign(of if well else b"something else").signature
        return OfferedPrekey(number, of, signature)

    def first(self, count=0, *, kind=ED25519, **changed):
        keys = OfferedKeys(
            identity_key=self.identity_key,
            identity_type=kind,
            public_key=public_key(7),
            signed_prekey=self.signed(),
            prekeys=numbered(range(count)),
        )
        return structs.replace(keys, **changed)

    def next(self, number=2, *, well=True, **changed):
        rotation = OfferedRotation(
            identity_key=None,
            public_key=public_key(7 + number),
            signed_prekey=self.signed(number, well=well),
            prekeys=None,
        )
        return structs.replace(rotation, **changed)


def numbered(key_ids):
    return tuple(Prekey(one, public_key(1_000 + one)) for one in key_ids)


def visitor(user_id, device_id="phone", **user):
    return User(
        user_id=UserId(user_id),
        login=user_id,
        expires_ms=None,
        device_id=device_id and DeviceId(device_id),
        **{"family_id": "of a sign-in", **user},
    )


class Office:
    """Accounts and their keys, as one process has them.

    Attributes:
        told: Whom it has told that few prekeys are left, in order.
    """

    def __init__(self, core, store=SqlDeviceKeys):
        self.told: list[PrekeysLow] = []
        self._core = core
        core.parts.users.subscribe(lambda _, event: self.told.append(event), lambda: None)
        peers = core.conversations.acquaintances
        self.keys = DeviceKeys(core.parts, store(core.database), core.logins, peers)

    async def log_in(self, name, device_id="phone"):
        """A login that waits for its keys, of an account that is made if it is not there."""
        with contextlib.suppress(AppError):
            wish = SignUp(name, f"{name}@example.com", PASSWORD, "")
            await self._core.accounts.sign_up(wish, name)
        device = SignInDevice(DeviceId(device_id), "", "")
        return await self._core.logins.log_in(name, PASSWORD, device, name)

    async def register(self, name, offered, device_id="phone"):
        """Log in, and register these keys."""
        login = await self.log_in(name, device_id)
        proof = login.registration_token
        registered = await self.keys.register(proof, login.device_id, name, offered)
        return await self._core.tokens.verify(registered.tokens.access)


@pytest.fixture
async def open_office(open_core):
    """Opens an office: `open_office(rates=Rates(keys=None), store=SqlDeviceKeys)`."""
    cores = []

    async def open_one(store=SqlDeviceKeys, **limits):
        cores.append(open_core(**limits))
        await cores[-1].database.start()
        await migrate(cores[-1].database)
        return Office(cores[-1], store)

    yield open_one
    for core in cores:
        await core.database.close()


@pytest.fixture
async def office(open_office):
    return await open_office()


ALICES = Keyring()


# --- what is kept ---


@pytest.mark.parametrize("kind", [ED25519, None, X25519])
async def test_a_good_signature_is_verified_whatever_the_device_says_of_its_key(office, kind):
    alice = await office.register("alice", ALICES.first(kind=kind))
    bundle = await office.keys.bundle(visitor("bob"), alice.user_id)
    assert bundle.identity.type is ED25519
    assert bundle.devices[0].signed_prekey.verified


@pytest.mark.parametrize("kind", [None, X25519])
async def test_a_key_that_may_not_sign_is_taken_and_said_to_be_unverified(office, kind):
    weak = ALICES.first(kind=kind, signed_prekey=ALICES.signed(well=False))
    alice = await office.register("alice", weak)

    bundle = await office.keys.bundle(visitor("bob"), alice.user_id)

    assert bundle.identity.type is X25519
    assert not bundle.devices[0].signed_prekey.verified
    kept = await office.keys.rotate(alice, ALICES.next(well=False))
    assert kept.version == 2


async def test_a_wrong_signature_of_a_key_that_signs_is_refused(office):
    wrong = ALICES.first(signed_prekey=ALICES.signed(well=False))
    assert (await refused(office.register("alice", wrong))).code is Code.INVALID_SIGNATURE


async def test_a_signature_by_another_key_is_refused(office):
    alice = await office.register("alice", ALICES.first(kind=None))
    mallory = Keyring(66)

    for doing in (
        office.keys.rotate(alice, mallory.next()),
        office.register("alice", ALICES.first(kind=None, signed_prekey=mallory.signed()), "tv"),
    ):
        assert (await refused(doing)).code is Code.INVALID_SIGNATURE


async def test_the_identity_key_is_changed_neither_by_a_device_nor_by_a_rotation(office):
    alice, other = await office.register("alice", ALICES.first()), Keyring(2)

    for doing in (
        office.register("alice", other.first(), "laptop"),
        office.keys.rotate(alice, other.next(identity_key=other.identity_key)),
    ):
        assert (await refused(doing)).code is Code.IDENTITY_MISMATCH
    same = ALICES.next(identity_key=ALICES.identity_key)
    assert (await office.keys.rotate(alice, same)).public_key == public_key(9)


@pytest.mark.parametrize(
    "twice",
    [(Prekey(1, public_key(1)), Prekey(1, public_key(2))), (Prekey(1, b"k"), Prekey(2, b"k"))],
    ids=["id", "key"],
)
async def test_what_stands_twice_in_one_upload_is_refused(office, twice):
    alice = await office.register("alice", ALICES.first())
    for doing in (
        office.keys.add_prekeys(alice, twice),
        office.keys.rotate(alice, ALICES.next(prekeys=twice)),
        office.register("bob", Keyring(2).first(prekeys=twice)),
    ):
        assert (await refused(doing)).code is Code.INVALID_REQUEST


async def test_only_devices_of_accounts_have_keys_to_change(office):
    await office.register("alice", ALICES.first())
    elsewhere = visitor("partner", None)
    for doing in (
        office.keys.rotate(elsewhere, ALICES.next()),
        office.keys.add_prekeys(elsewhere, numbered([1])),
        office.keys.stats(elsewhere),
        office.keys.sweep(elsewhere),
    ):
        assert (await refused(doing)).code is Code.FORBIDDEN


# --- what is handed out ---


async def test_the_sixth_claim_in_a_row_of_one_user_by_one_is_given_no_one_time_prekey(
    office, clock
):
    alice = await office.register("alice", ALICES.first(30))

    async def claimed(who):
        bundle = await office.keys.bundle(visitor(who), alice.user_id)
        return bundle.devices[0].one_time is not None

    assert [await claimed("bob") for _ in range(7)] == [True] * 5 + [False] * 2
    assert await claimed("carol")
    clock.advance(minutes=60)
    assert [await claimed("bob") for _ in range(6)] == [True] * 5 + [False]


async def test_a_greedy_user_takes_nothing_from_a_hundred_others(office):
    alice = await office.register("alice", ALICES.first(105))

    async def claimed(who):
        bundle = await office.keys.bundle(visitor(who), alice.user_id)
        one_time = bundle.devices[0].one_time
        return one_time and one_time.key_id

    greedy = [await claimed("mallory") for _ in range(50)]
    others = await asyncio.gather(*(claimed(f"user {number}") for number in range(100)))

    assert greedy.count(None) == 45
    assert sorted([*filter(None, greedy), *others, 0]) == [*range(105)]


async def test_many_together_take_only_so_many_of_one_user_who_is_told(open_office, clock):
    office = await open_office(rates=Rates(claimed=Rate(per_minute=1, burst=3)))
    alice = await office.register("alice", ALICES.first(100))
    dora = await office.register("dora", ALICES.first(100))

    async def claimed(who, whose=alice):
        bundle = await office.keys.bundle(visitor(who), whose.user_id)
        return bundle.devices[0].one_time is not None

    assert [await claimed(f"user {number}") for number in range(6)] == [True] * 3 + [False] * 3
    low = PrekeysLow(users=(alice.user_id,), device_id=DeviceId("phone"), remaining=97)
    assert office.told == [low]
    assert await claimed("bob", dora)
    clock.advance(minutes=1)
    assert [await claimed(f"later {number}") for number in range(3)] == [True, False, False]
    assert office.told == [low]
    clock.advance(minutes=60)
    assert [await claimed(f"last {number}") for number in range(4)] == [True] * 3 + [False]
    assert len(office.told) == 2


async def test_who_is_greedy_does_not_use_up_what_others_may_take(open_office):
    office = await open_office(rates=Rates(claimed=Rate(per_minute=1, burst=10)))
    alice = await office.register("alice", ALICES.first(100))
    for _ in range(50):
        await office.keys.bundle(visitor("mallory"), alice.user_id)

    bundle = await office.keys.bundle(visitor("bob"), alice.user_id)
    assert bundle.devices[0].one_time


async def test_look_ups_have_a_rate_of_each_user(open_office):
    office = await open_office(rates=Rates(lookup=Rate(per_minute=60, burst=2)))
    alice = await office.register("alice", ALICES.first())
    for _ in range(2):
        await office.keys.bundle(visitor("bob"), alice.user_id)

    error = await refused(office.keys.bundle(visitor("bob"), alice.user_id))

    assert (error.code, error.retry_after_ms) == (Code.RATE_LIMITED, 1_000)
    await office.keys.bundle(visitor("carol"), alice.user_id)


async def test_changes_have_a_rate_of_each_device(open_office):
    office = await open_office(rates=Rates(keys=Rate(per_minute=60, burst=2)))
    phone = await office.register("alice", ALICES.first())
    laptop = await office.register("alice", ALICES.first(), "laptop")
    await office.keys.rotate(phone, ALICES.next())
    await office.keys.add_prekeys(phone, numbered([1]))

    assert (await refused(office.keys.sweep(phone))).code is Code.RATE_LIMITED
    await office.keys.sweep(laptop)


async def test_who_is_unknown_and_who_has_no_keys_are_not_told_apart(office):
    carol = await office.log_in("carol")
    for user_id in (carol.user_id, UserId("nobody")):
        error = await refused(office.keys.bundle(visitor("bob"), user_id))
        assert (error.code, error.message) == (
            Code.NOT_FOUND,
            "no keys are known of a user of that id",
        )


@pytest.mark.parametrize("is_guest", [False, True])
async def test_whoever_has_no_account_is_given_no_keys(office, is_guest):
    alice = await office.register("alice", ALICES.first(1))
    stranger = visitor("stranger", None, is_guest=is_guest, family_id=None)
    assert (await refused(office.keys.bundle(stranger, alice.user_id))).code is Code.FORBIDDEN


# --- few are left ---


async def test_a_device_is_told_once_when_fewer_than_twenty_are_left(office):
    alice = await office.register("alice", ALICES.first(22))

    async def claims(count):
        for number in range(count):
            await office.keys.bundle(visitor(f"user {number}"), alice.user_id)

    await claims(2)
    assert office.told == []
    await claims(2)
    low = PrekeysLow(users=(alice.user_id,), device_id=DeviceId("phone"), remaining=19)
    assert office.told == [low]
    await office.keys.add_prekeys(alice, numbered(range(100, 105)))
    await claims(5)
    assert office.told == [low, low]


async def test_of_many_who_claim_at_once_one_brings_it_below_and_it_is_told_once(office):
    alice = await office.register("alice", ALICES.first(50))
    bundles = [office.keys.bundle(visitor(f"user {one}"), alice.user_id) for one in range(45)]
    await asyncio.gather(*bundles)
    (low,) = office.told
    assert low.remaining < 20


class Forgetful(SqlDeviceKeys):
    """Loses the database just after a claim."""

    async def note_low(self, user_id, enough, now_ms):
        raise AppError(Code.UNAVAILABLE, "away")


async def test_a_claim_is_answered_even_if_the_owner_cannot_be_told(open_office):
    office = await open_office(store=Forgetful)
    alice = await office.register("alice", ALICES.first(3))
    assert (await office.keys.bundle(visitor("bob"), alice.user_id)).devices[0].one_time


async def test_the_stats_and_the_sweep_are_of_the_device_that_asks(office):
    alice = await office.register("alice", ALICES.first(3))
    await office.keys.bundle(visitor("bob"), alice.user_id)
    stats = await office.keys.stats(alice)
    assert (stats.available, stats.used) == (2, 1)
    assert await office.keys.sweep(alice) == 1
