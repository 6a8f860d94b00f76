"""Keys of devices: the first ones, one identity of an account, rotation, and bundles of them."""

import asyncio

import pytest
from msgspec import structs

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, UserId
from server.core.ports.device_keys import Claimer, IdentityType, KeyOwner
from server.stores.sql.accounts import SqlAccounts
from server.stores.sql.device_keys import leave_keys
from server.stores.sql.steps import rows
from tests.core.visitors import refused
from tests.stores.sql.accounts import claim, new_account, sign_in
from tests.stores.sql.keyrings import (
    NOW_MS,
    RULES,
    KeyDesk,
    identity,
    key,
    make_account,
    new_keys,
    owner,
    rotation,
    run_sql,
    signed,
)

ALICE, LAPTOP = owner("alice"), owner("alice", "laptop")
BOB = Claimer(UserId("bob"), DeviceId("phone"))


@pytest.fixture
async def store(database):
    """Alice has a phone and a laptop, Bob a phone; none of them has keys."""
    await make_account(database, "alice", "phone", "laptop")
    await make_account(database, "bob", "phone")
    return KeyDesk(database)


def bundle(store, claimer=BOB, one_time=True):
    return store.claim_bundle(ALICE.user_id, claimer, one_time=one_time, now_ms=NOW_MS)


async def test_a_bundle_has_the_keys_of_every_device_as_they_came(store):
    await store.add(ALICE, new_keys(5, 6), RULES, NOW_MS)
    await store.add(LAPTOP, new_keys(public_key=key(8), signed_prekey=signed(3)), RULES, NOW_MS + 5)

    found = await bundle(store)

    assert (found.user_id, found.identity) == ("alice", identity())
    laptop, phone = sorted(found.devices, key=lambda one: one.device_id)
    assert (phone.public_key, phone.signed_prekey, phone.version) == (key(7), signed(), 1)
    assert (phone.signed_ms, laptop.signed_ms) == (NOW_MS, NOW_MS + 5)
    assert (phone.one_time.key_id, phone.one_time.public_key) == (5, key(10_005))
    assert (phone.remaining, laptop.remaining, laptop.one_time) == (1, 0, None)
    assert (laptop.public_key, laptop.signed_prekey) == (key(8), signed(3))


async def test_keys_that_a_device_has_are_not_replaced_by_adding(store):
    await store.add(ALICE, new_keys(1), RULES, NOW_MS)

    error = await refused(store.add(ALICE, new_keys(2, public_key=key(99)), RULES, NOW_MS))

    assert error.code is Code.ID_CONFLICT
    (phone,) = (await bundle(store)).devices
    assert (phone.public_key, phone.one_time.key_id, phone.remaining) == (key(7), 1, 0)


async def test_a_device_that_is_unknown_or_revoked_gets_no_keys(store, database):
    await run_sql(database, "UPDATE devices SET revoked_ms = 1 WHERE device_id = 'laptop'")
    for one in (LAPTOP, owner("alice", "watch"), owner("nobody")):
        assert (await refused(store.add(one, new_keys(), RULES, NOW_MS))).code is Code.NOT_FOUND


async def test_another_device_does_not_change_the_identity_key(store):
    await store.add(ALICE, new_keys(), RULES, NOW_MS)

    error = await refused(store.add(LAPTOP, new_keys(of=identity(2)), RULES, NOW_MS))

    assert error.code is Code.IDENTITY_MISMATCH
    assert "revoke" in error.message
    assert await store.identity(ALICE.user_id) == identity()
    assert len((await bundle(store)).devices) == 1


async def test_one_of_two_first_devices_that_come_at_once_says_the_identity_key(store):
    results = await asyncio.gather(
        store.add(ALICE, new_keys(of=identity(1)), RULES, NOW_MS),
        store.add(LAPTOP, new_keys(of=identity(2)), RULES, NOW_MS),
        return_exceptions=True,
    )

    (error,) = [one for one in results if isinstance(one, AppError)]
    assert error.code is Code.IDENTITY_MISMATCH
    assert len((await bundle(store)).devices) == 1


async def test_an_account_without_devices_that_have_keys_begins_a_new_identity(store):
    await store.add(ALICE, new_keys(), RULES, NOW_MS)
    await store.forget(ALICE)

    await store.add(LAPTOP, new_keys(of=identity(2, IdentityType.X25519)), RULES, NOW_MS)

    assert await store.identity(ALICE.user_id) == identity(2, IdentityType.X25519)


async def test_one_of_two_that_begin_a_new_identity_at_once_does(store):
    for _ in range(5):
        await store.add(ALICE, new_keys(of=identity(9)), RULES, NOW_MS)
        await store.forget(ALICE)
        results = await asyncio.gather(
            store.add(ALICE, new_keys(of=identity(1)), RULES, NOW_MS),
            store.add(LAPTOP, new_keys(of=identity(2)), RULES, NOW_MS),
            return_exceptions=True,
        )
        assert [type(one) for one in results if one] == [AppError]
        for one in (ALICE, LAPTOP):
            await store.forget(one)


async def test_where_the_identity_key_was_verified_no_prekey_is_taken_unverified(store):
    unverified = signed(2, verified=False)
    weak = new_keys(of=identity(1, IdentityType.X25519), signed_prekey=unverified)
    await store.add(ALICE, new_keys(), RULES, NOW_MS)

    added = await refused(store.add(LAPTOP, weak, RULES, NOW_MS))
    change = rotation(2, identity=identity(1, IdentityType.X25519), signed_prekey=unverified)
    rotated = await refused(store.rotate(ALICE, change, RULES, NOW_MS))

    assert (added.code, rotated.code) == (Code.INVALID_SIGNATURE, Code.INVALID_SIGNATURE)
    assert (await bundle(store)).devices[0].signed_prekey == signed()


async def test_an_unverified_prekey_is_told_as_such(store):
    keys = new_keys(of=identity(1, IdentityType.X25519), signed_prekey=signed(verified=False))
    await store.add(ALICE, keys, RULES, NOW_MS)

    (phone,) = (await bundle(store)).devices
    assert phone.signed_prekey.verified is False


async def test_nothing_is_told_of_who_is_not_there_or_has_blocked_the_claimer(store, database):
    assert await bundle(store) is None  # no device has keys
    await store.add(ALICE, new_keys(1), RULES, NOW_MS)
    await run_sql(database, "INSERT INTO account_blocks VALUES ('alice', 'bob', 1)")
    assert await bundle(store) is None
    assert await bundle(store, one_time=False) is None
    await run_sql(database, "DELETE FROM account_blocks")
    for change in ("deleted_ms = $1", "banned_ms = $1"):
        await run_sql(database, f"UPDATE accounts SET {change}", 1)  # noqa: S608
        assert await bundle(store) is None
        await run_sql(database, f"UPDATE accounts SET {change}", None)  # noqa: S608

    assert (await bundle(store)).devices[0].one_time is not None


async def test_a_revoked_device_is_in_no_bundle_and_in_no_list(store, database):
    await store.add(ALICE, new_keys(1), RULES, NOW_MS)
    await store.add(LAPTOP, new_keys(1), RULES, NOW_MS)
    await run_sql(database, "UPDATE devices SET revoked_ms = 1 WHERE device_id = 'laptop'")

    assert [one.device_id for one in (await bundle(store)).devices] == ["phone"]
    found = await store.device_ids([ALICE.user_id])
    assert found == {"alice": ("phone",)}


async def test_the_devices_of_several_users_are_listed(store):
    await store.add(ALICE, new_keys(), RULES, NOW_MS)
    await store.add(LAPTOP, new_keys(), RULES, NOW_MS)

    found = await store.device_ids([UserId("bob"), UserId("alice"), UserId("nobody")])

    assert found == {"bob": (), "alice": ("laptop", "phone"), "nobody": ()}


async def test_what_is_forgotten_takes_its_prekeys_with_it(store, database):
    await store.add(ALICE, new_keys(1, 2), RULES, NOW_MS)
    await store.forget(ALICE)
    assert await bundle(store) is None
    assert (await refused(store.stats(ALICE, NOW_MS))).code is Code.NOT_FOUND

    await store.add(ALICE, new_keys(2), RULES, NOW_MS)
    assert (await bundle(store)).devices[0].one_time.key_id == 2
    await database.write(lambda: leave_keys(ALICE.user_id, None, NOW_MS))
    assert await store.identity(ALICE.user_id) is None


# --- with the accounts ---


@pytest.fixture
async def carol(store, database):
    """Who has just logged in on her phone, without keys; her accounts' store knows of keys."""
    accounts = SqlAccounts(database, [leave_keys])
    account = await accounts.sign_up(new_account("carol"), NOW_MS)
    await accounts.sign_in(sign_in(account), NOW_MS)
    return accounts, account


async def test_registering_completes_the_login_and_keeps_the_keys(store, carol):
    accounts, account = carol
    settled = await store.register(claim(account), new_keys(1), RULES, NOW_MS)

    claimed = settled.claimed
    assert not settled.has_new_identity
    assert (claimed.user_id, claimed.device_id) == (account.user_id, "phone")
    assert [one.device_id for one in await accounts.devices(account.user_id)] == ["phone"]
    found = await store.claim_bundle(account.user_id, BOB, one_time=True, now_ms=NOW_MS)
    assert found.devices[0].one_time.key_id == 1


async def test_keys_that_are_refused_leave_the_login_pending(store, carol):
    accounts, account = carol
    small = structs.replace(RULES, max_prekeys=1)

    error = await refused(store.register(claim(account), new_keys(1, 2), small, NOW_MS))

    assert error.code is Code.LIMIT_REACHED
    assert await accounts.devices(account.user_id) == ()
    await store.register(claim(account), new_keys(1, 2), RULES, NOW_MS)
    assert (await refused(store.register(claim(account), new_keys(1), RULES, NOW_MS))).code in (
        Code.UNAUTHENTICATED,
        Code.ID_CONFLICT,
    )


async def test_without_a_login_nothing_is_registered(store, carol):
    _, account = carol
    wrong = claim(account, token_hash=b"guessed")
    error = await refused(store.register(wrong, new_keys(1), RULES, NOW_MS))
    assert error.code is Code.UNAUTHENTICATED
    assert await store.identity(account.user_id) is None


async def test_who_has_lost_all_devices_begins_anew_once_they_are_revoked(store, carol, database):
    accounts, account = carol
    await store.register(claim(account), new_keys(1), RULES, NOW_MS)
    another = new_keys(1, of=identity(2))
    await accounts.sign_in(sign_in(account, "laptop"), NOW_MS)
    refusal = await refused(store.register(claim(account, "laptop"), another, RULES, NOW_MS))
    assert refusal.code is Code.IDENTITY_MISMATCH

    assert await accounts.revoke_devices(account.user_id, None, NOW_MS) == ("phone",)
    late = await refused(store.register(claim(account, "laptop"), another, RULES, NOW_MS))
    assert late.code is Code.UNAUTHENTICATED  # whoever has logged in before is no better
    await accounts.sign_in(sign_in(account, "laptop"), NOW_MS)
    settled = await store.register(claim(account, "laptop"), another, RULES, NOW_MS + 1)

    assert settled.has_new_identity
    found = await store.claim_bundle(account.user_id, BOB, one_time=True, now_ms=NOW_MS)
    assert (found.identity, found.since_ms) == (identity(2), NOW_MS + 1)
    noted = "SELECT user_id, device_id FROM audit WHERE action = 'identity_replaced'"
    assert [tuple(one) for one in await database.read(lambda: rows(noted))] == [
        (account.user_id, "laptop")
    ]


async def test_who_begins_anew_with_the_same_identity_has_no_new_one(store, carol):
    accounts, account = carol
    await store.register(claim(account), new_keys(1), RULES, NOW_MS)
    await accounts.revoke_devices(account.user_id, DeviceId("phone"), NOW_MS)
    await accounts.sign_in(sign_in(account, "laptop"), NOW_MS)
    settled = await store.register(claim(account, "laptop"), new_keys(1), RULES, NOW_MS + 1)

    assert not settled.has_new_identity
    found = await store.claim_bundle(account.user_id, BOB, one_time=True, now_ms=NOW_MS)
    assert found.since_ms == NOW_MS


async def test_a_device_that_is_revoked_loses_its_keys_and_a_deleted_account_all(store, carol):
    accounts, account = carol
    await store.register(claim(account), new_keys(1), RULES, NOW_MS)
    await accounts.sign_in(sign_in(account, "laptop"), NOW_MS)
    await store.register(claim(account, "laptop"), new_keys(1), RULES, NOW_MS)
    phone, laptop = (KeyOwner(account.user_id, DeviceId(one)) for one in ("phone", "laptop"))

    await accounts.revoke_device(account.user_id, phone.device_id, NOW_MS)
    assert (await refused(store.stats(phone, NOW_MS))).code is Code.NOT_FOUND
    assert (await store.stats(laptop, NOW_MS)).available == 1

    await accounts.delete(account.user_id, NOW_MS)
    assert (await refused(store.stats(laptop, NOW_MS))).code is Code.NOT_FOUND
    assert await store.identity(account.user_id) is None


# --- rotation ---


async def test_rotated_keys_take_the_place_of_the_former_ones(store):
    await store.add(ALICE, new_keys(1, 2), RULES, NOW_MS)

    kept = await store.rotate(ALICE, rotation(2), RULES, NOW_MS + 5)

    assert (kept.public_key, kept.version, kept.available) == (key(9), 2, 2)
    (phone,) = (await bundle(store)).devices
    assert (phone.public_key, phone.signed_prekey, phone.version) == (key(9), signed(2), 2)
    assert phone.signed_ms == NOW_MS + 5


async def test_the_signed_prekey_alone_is_rotated(store):
    await store.add(ALICE, new_keys(), RULES, NOW_MS)
    kept = await store.rotate(ALICE, rotation(2, public_key=None), RULES, NOW_MS)
    assert (kept.public_key, kept.version) == (key(7), 2)


async def test_the_same_rotation_again_changes_nothing(store):
    await store.add(ALICE, new_keys(1), RULES, NOW_MS)
    first = await store.rotate(ALICE, rotation(2, 5, 6), RULES, NOW_MS)
    await bundle(store)

    again = await store.rotate(ALICE, rotation(2, 5, 6), RULES, NOW_MS + 5)

    assert (first.version, again.version) == (2, 2)
    assert (again.available, again.skipped) == (1, (5,))
    (phone,) = (await bundle(store)).devices
    assert (phone.signed_ms, phone.one_time.key_id) == (NOW_MS, 6)


async def test_prekeys_that_come_with_a_rotation_take_the_place_of_all_unclaimed(store):
    await store.add(ALICE, new_keys(1, 2, 3), RULES, NOW_MS)
    await bundle(store)

    kept = await store.rotate(ALICE, rotation(2, 1, 2, 9), RULES, NOW_MS)

    assert (kept.available, kept.skipped) == (2, (1,))
    claimed = [(await bundle(store)).devices[0].one_time for _ in range(3)]
    assert [one and one.key_id for one in claimed] == [2, 9, None]


async def test_a_rotation_that_was_verified_by_a_former_identity_is_refused(store):
    await store.add(ALICE, new_keys(), RULES, NOW_MS)
    change = rotation(2, identity=identity(5))
    error = await refused(store.rotate(ALICE, change, RULES, NOW_MS))
    assert error.code is Code.IDENTITY_MISMATCH


async def test_without_keys_there_is_nothing_to_rotate_or_to_add_to(store):
    for doing in (
        store.rotate(ALICE, rotation(2), RULES, NOW_MS),
        store.add_prekeys(ALICE, (), RULES, NOW_MS),
        store.sweep(ALICE, NOW_MS),
    ):
        assert (await refused(doing)).code is Code.NOT_FOUND


async def test_a_refused_rotation_leaves_all_as_it_was(store):
    await store.add(ALICE, new_keys(1), RULES, NOW_MS)
    small = structs.replace(RULES, max_prekeys=2)

    error = await refused(store.rotate(ALICE, rotation(2, 4, 5, 6), small, NOW_MS))

    assert error.code is Code.LIMIT_REACHED
    (phone,) = (await bundle(store)).devices
    assert (phone.version, phone.one_time.key_id) == (1, 1)
