"""What every store of accounts promises: names, passwords, bans, deletion, blocks."""

import asyncio

import pytest

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, UserId
from server.core.ports import SignInOutcome
from server.stores.sql.accounts import SqlAccounts
from server.stores.sql.steps import rows
from tests.stores.sql.accounts import (
    AWAY,
    DAY_MS,
    HOME,
    NOW_MS,
    add_device,
    claim,
    hash_of,
    new_account,
    new_tokens,
    refused,
    sign_in,
)

MANY = 20


# --- names ---


async def test_an_account_is_found_by_its_name_and_by_its_address(accounts, alice):
    for key in ("alice", "alice@example.com"):
        found = await accounts.find(key, HOME, NOW_MS)
        assert (found.account, found.address_is_known) == (alice, False)
    for key in ("", "Alice", "alic", "%", "alice' OR ''='"):
        assert await accounts.find(key, HOME, NOW_MS) is None
    assert await accounts.account(alice.user_id) == alice
    assert await accounts.account(UserId("nobody")) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"email_key": "other@example.com"},
        {"username_key": "other"},
        {},
    ],
    ids=["name", "address", "both"],
)
async def test_a_name_and_an_address_are_taken_once(changes, accounts, alice):
    again = new_account("alice", **changes)
    assert await refused(accounts.sign_up(again, NOW_MS)) is Code.ACCOUNT_EXISTS
    assert (await accounts.accounts(None, 10)).accounts == (alice,)


async def test_one_of_many_who_sign_up_for_a_name_at_once_gets_it(two_nodes):
    results = await asyncio.gather(
        *(two_nodes[n % 2].sign_up(new_account("carol"), NOW_MS) for n in range(MANY)),
        return_exceptions=True,
    )
    codes = [one.code for one in results if isinstance(one, AppError)]
    assert codes == [Code.ACCOUNT_EXISTS] * (MANY - 1)
    assert len((await two_nodes[0].accounts(None, 100)).accounts) == 1


async def test_accounts_are_listed_in_pages(accounts):
    # Ids of one millisecond are in no order.
    made = sorted(
        [await accounts.sign_up(new_account(f"user{n}"), NOW_MS) for n in range(5)],
        key=lambda one: one.user_id,
    )
    first = await accounts.accounts(None, 3)
    assert (list(first.accounts), first.next) == (made[:3], made[2].user_id)
    rest = await accounts.accounts(first.next, 3)
    assert (list(rest.accounts), rest.next) == (made[3:], None)
    assert (await accounts.accounts(made[1].user_id, 3)).next is None


# --- passwords ---


async def test_changing_the_password_ends_all_other_families(accounts, alice):
    kept = await add_device(accounts, alice, "phone", refresh="kept")
    other = await add_device(accounts, alice, "laptop", refresh="other")
    await accounts.sign_in(sign_in(alice, "tablet"), NOW_MS)

    assert await accounts.set_password(
        alice.user_id, alice.password_hash, "new hash", kept.family_id, NOW_MS
    )

    assert await accounts.session(kept.family_id)
    assert await accounts.session(other.family_id) is None
    rotated = await accounts.rotate(hash_of("other"), hash_of("next"), NOW_MS + DAY_MS, NOW_MS)
    assert rotated.session is None
    completing = accounts.complete_registration(claim(alice, "tablet"), NOW_MS)
    assert await refused(completing) is Code.UNAUTHENTICATED


async def test_of_two_who_change_a_password_at_once_one_does(two_nodes):
    one, other = two_nodes
    alice = await one.sign_up(new_account("alice"), NOW_MS)
    done = await asyncio.gather(
        one.set_password(alice.user_id, alice.password_hash, "a", None, NOW_MS),
        other.set_password(alice.user_id, alice.password_hash, "b", None, NOW_MS),
    )
    assert sorted(done) == [False, True]


async def test_a_sign_in_by_a_password_that_has_changed_is_stale(accounts, alice):
    await accounts.set_password(alice.user_id, alice.password_hash, "new", None, NOW_MS)
    assert await accounts.sign_in(sign_in(alice), NOW_MS) is SignInOutcome.STALE


async def test_a_temporary_password_signs_in_once_and_ends_what_was(accounts, alice):
    before = await add_device(accounts, alice)
    assert await accounts.set_temporary_password(alice.user_id, "temporary", NOW_MS)
    assert await accounts.session(before.family_id) is None

    by_it = [sign_in(alice, password_hash="temporary", tokens=new_tokens()) for _ in range(2)]
    outcomes = await asyncio.gather(*(accounts.sign_in(one, NOW_MS) for one in by_it))
    assert sorted(outcomes) == [SignInOutcome.SIGNED_IN, SignInOutcome.STALE]
    now = await accounts.account(alice.user_id)
    assert (now.password_hash, now.password_is_temporary) == (None, True)

    assert await accounts.set_password(alice.user_id, None, "own", None, NOW_MS)
    now = await accounts.account(alice.user_id)
    assert (now.password_hash, now.password_is_temporary) == ("own", False)
    assert not await accounts.set_password(alice.user_id, None, "again", None, NOW_MS)
    assert not await accounts.set_temporary_password(UserId("nobody"), "x", NOW_MS)


async def test_a_temporary_password_is_used_up_by_the_login_that_is_completed(accounts, alice):
    await accounts.set_temporary_password(alice.user_id, "temporary", NOW_MS)
    for device_id in ("phone", "laptop"):
        by_it = sign_in(alice, device_id, password_hash="temporary")
        assert await accounts.sign_in(by_it, NOW_MS) is SignInOutcome.NEEDS_KEYS
        assert (await accounts.account(alice.user_id)).password_hash == "temporary"
    await accounts.complete_registration(claim(alice, "laptop"), NOW_MS)

    now = await accounts.account(alice.user_id)
    assert (now.password_hash, now.password_is_temporary) == (None, True)
    late = accounts.complete_registration(claim(alice, "phone"), NOW_MS)
    assert await refused(late) is Code.UNAUTHENTICATED


async def test_operators_end_a_device_or_all_of_an_account(accounts, alice):
    families = [await add_device(accounts, alice, one) for one in ("a", "b", "c")]
    assert await accounts.revoke_devices(alice.user_id, DeviceId("b"), NOW_MS) == ("b",)
    assert await accounts.revoke_devices(alice.user_id, DeviceId("b"), NOW_MS) == ()
    goes_on = [await accounts.session(one.family_id) is not None for one in families]
    assert goes_on == [True, False, True]
    assert await accounts.standing([one.family_id for one in families]) == {
        families[0].family_id,
        families[2].family_id,
    }

    assert await accounts.revoke_devices(alice.user_id, None, NOW_MS) == ("a", "c")
    assert await accounts.devices(alice.user_id) == ()
    assert await accounts.standing([one.family_id for one in families]) == frozenset()
    assert await accounts.revoke_devices(UserId("nobody"), None, NOW_MS) is None


async def test_an_operator_is_one_until_it_is_none(accounts, alice):
    tokens = await add_device(accounts, alice)
    for is_operator in (True, False):
        done = await accounts.set_operator(alice.user_id, is_operator=is_operator, now_ms=NOW_MS)
        assert done
        assert (await accounts.session(tokens.family_id)).is_operator is is_operator
    assert not await accounts.set_operator(UserId("nobody"), is_operator=True, now_ms=NOW_MS)


async def test_a_password_hashed_anew_signs_nobody_out(accounts, alice):
    tokens = await add_device(accounts, alice)
    await accounts.rehash(alice.user_id, alice.password_hash, "stronger")
    await accounts.rehash(alice.user_id, "of long ago", "wrong")
    assert (await accounts.account(alice.user_id)).password_hash == "stronger"
    assert await accounts.session(tokens.family_id)


# --- bans and deletion ---


async def test_a_ban_ends_everything_until_it_is_lifted(accounts, alice):
    tokens = await add_device(accounts, alice, refresh="first")
    await accounts.sign_in(sign_in(alice, "tablet"), NOW_MS)
    assert await accounts.set_banned(alice.user_id, is_banned=True, now_ms=NOW_MS)

    assert await accounts.session(tokens.family_id) is None
    assert await accounts.sign_in(sign_in(alice), NOW_MS) is SignInOutcome.BANNED
    assert (await accounts.account(alice.user_id)).banned_ms == NOW_MS

    assert await accounts.set_banned(alice.user_id, is_banned=False, now_ms=NOW_MS)
    assert await accounts.session(tokens.family_id) is None
    assert await accounts.sign_in(sign_in(alice), NOW_MS) is SignInOutcome.SIGNED_IN
    assert not await accounts.set_banned(UserId("nobody"), is_banned=True, now_ms=NOW_MS)


async def test_no_sign_in_beside_a_ban_outlives_it(two_nodes):
    one, other = two_nodes
    alice = await one.sign_up(new_account("alice"), NOW_MS)
    await add_device(one, alice)
    begun = [sign_in(alice, tokens=new_tokens()) for _ in range(8)]
    await asyncio.gather(
        *(one.sign_in(each, NOW_MS) for each in begun),
        other.set_banned(alice.user_id, is_banned=True, now_ms=NOW_MS),
    )
    alive = [await one.session(each.tokens.family_id) for each in begun]
    assert alive == [None] * 8


async def test_a_deleted_account_is_gone_and_its_name_is_free(accounts, database, alice, bob):
    tokens = await add_device(accounts, alice, refresh="hers")
    await accounts.block(bob.user_id, alice.user_id, 10, NOW_MS)

    assert await accounts.delete(alice.user_id, NOW_MS)

    assert not await accounts.delete(alice.user_id, NOW_MS)
    assert await accounts.account(alice.user_id) is None
    assert await accounts.find("alice", HOME, NOW_MS) is None
    assert (await accounts.accounts(None, 10)).accounts == (bob,)
    assert await accounts.session(tokens.family_id) is None
    assert await accounts.devices(alice.user_id) == ()
    assert await accounts.blocks(bob.user_id) == ()
    assert await accounts.sign_in(sign_in(alice), NOW_MS) is SignInOutcome.STALE
    left = await database.read(lambda: rows("SELECT * FROM accounts"))
    assert not any("alice" in str(value).lower() for one in left for value in tuple(one))

    again = await accounts.sign_up(new_account("alice"), NOW_MS)
    assert again.user_id != alice.user_id


async def test_what_else_is_of_an_account_or_a_device_ends_with_it(database, accounts, alice):
    told = []

    def leave(user_id, device_id, now_ms):
        yield from rows("SELECT 1")
        told.append((user_id, device_id, now_ms))

    accounts = SqlAccounts(database, [leave])
    await add_device(accounts, alice)
    assert await accounts.revoke_device(alice.user_id, "phone", NOW_MS)
    assert not await accounts.revoke_device(alice.user_id, "phone", NOW_MS)
    await accounts.delete(alice.user_id, NOW_MS + 1)
    assert told == [(alice.user_id, "phone", NOW_MS), (alice.user_id, None, NOW_MS + 1)]


# --- blocks ---


async def test_a_block_holds_both_ways_until_it_is_undone(accounts, alice, bob):
    await accounts.block(alice.user_id, bob.user_id, 10, NOW_MS)
    await accounts.block(alice.user_id, bob.user_id, 10, NOW_MS + 1)

    assert [(one.user_id, one.created_ms) for one in await accounts.blocks(alice.user_id)] == [
        (bob.user_id, NOW_MS)
    ]
    assert await accounts.blocks(bob.user_id) == ()
    others = [alice.user_id, bob.user_id, UserId("nobody")]
    assert await accounts.blocked(alice.user_id, others) == {bob.user_id}
    assert await accounts.blocked(bob.user_id, others) == {alice.user_id}

    await accounts.unblock(alice.user_id, bob.user_id)
    assert await accounts.blocked(bob.user_id, others) == frozenset()


async def test_blocks_are_bounded_and_of_accounts_that_there_are(accounts, alice, bob):
    carol = await accounts.sign_up(new_account("carol"), NOW_MS)
    await accounts.block(alice.user_id, bob.user_id, 1, NOW_MS)
    beyond = accounts.block(alice.user_id, carol.user_id, 1, NOW_MS)
    assert await refused(beyond) is Code.LIMIT_REACHED
    await accounts.block(alice.user_id, bob.user_id, 1, NOW_MS)
    assert len(await accounts.blocks(alice.user_id)) == 1
    unknown = accounts.block(alice.user_id, UserId("nobody"), 5, NOW_MS)
    assert await refused(unknown) is Code.NOT_FOUND


# --- addresses and audit ---


async def test_an_address_is_known_for_some_time_after_a_sign_in(accounts, alice):
    await accounts.sign_in(sign_in(alice, address_hash=HOME), NOW_MS)

    async def is_known(address_hash, now_ms):
        return (await accounts.find("alice", address_hash, now_ms)).address_is_known

    assert await is_known(HOME, NOW_MS + 89 * DAY_MS)
    assert not await is_known(HOME, NOW_MS + 91 * DAY_MS)
    assert not await is_known(AWAY, NOW_MS)


async def test_changes_are_noted_and_old_notes_forgotten(accounts, database, alice):
    await add_device(accounts, alice)
    await accounts.revoke_device(alice.user_id, "phone", NOW_MS + 1)
    await accounts.set_banned(alice.user_id, is_banned=True, now_ms=NOW_MS + 5)

    def noted():
        text = "SELECT action, user_id, device_id, subject_id FROM audit ORDER BY at_ms, action"
        return (yield from rows(text))

    assert [tuple(one) for one in await database.read(noted)] == [
        ("device_added", alice.user_id, "phone", None),
        ("signed_up", alice.user_id, None, None),
        ("device_revoked", alice.user_id, "phone", None),
        ("banned", None, None, alice.user_id),
    ]
    await accounts.expire(NOW_MS + 2, 0)
    assert [one[0] for one in await database.read(noted)] == ["banned"]
