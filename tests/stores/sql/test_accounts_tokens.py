"""What every store of accounts promises: pending logins, devices, and tokens used once."""

import asyncio
import random

import pytest

from server.core.errors import AppError, Code
from server.core.ports import SignInOutcome
from server.stores.sql import account_steps
from server.stores.sql.sign_ins import MAX_PENDING
from server.stores.sql.steps import Steps, run, run_many, value
from server.stores.sql.tokens import KEPT_USED_MS, MAX_FAMILIES
from tests.stores.sql.accounts import (
    AWAY,
    DAY_MS,
    MINUTE_MS,
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
LATER_MS = NOW_MS + 30 * DAY_MS


# --- pending logins ---


async def test_a_device_is_known_once_its_login_is_completed(accounts, alice):
    request = sign_in(alice)
    assert await accounts.sign_in(request, NOW_MS) is SignInOutcome.NEEDS_KEYS
    assert await accounts.session(request.tokens.family_id) is None
    assert await accounts.devices(alice.user_id) == ()

    mine = claim(alice)
    claimed = await accounts.complete_registration(mine, NOW_MS)

    assert (claimed.user_id, claimed.device_id) == (alice.user_id, "phone")
    session = await accounts.session(mine.tokens.family_id)
    assert (session.user_id, session.username, session.device_id) == (
        alice.user_id,
        "alice",
        "phone",
    )
    (device,) = await accounts.devices(alice.user_id)
    assert (device.device_id, device.name, device.type) == ("phone", "Phone", "mobile")
    again = sign_in(alice)
    assert await accounts.sign_in(again, NOW_MS) is SignInOutcome.SIGNED_IN
    assert await accounts.session(again.tokens.family_id) == session


@pytest.mark.parametrize(
    "changes",
    [
        {"token_hash": hash_of("another")},
        {"device_id": "laptop", "token_hash": hash_of("registration alice phone")},
        {"token_hash": b""},
    ],
    ids=["token", "device", "empty"],
)
async def test_a_claim_must_fit_the_login(changes, accounts, alice):
    await accounts.sign_in(sign_in(alice), NOW_MS)
    wrong = accounts.complete_registration(claim(alice, **changes), NOW_MS)
    assert await refused(wrong) is Code.UNAUTHENTICATED
    assert await accounts.devices(alice.user_id) == ()


async def test_a_login_waits_for_its_keys_only_so_long(accounts, alice):
    await accounts.sign_in(sign_in(alice), NOW_MS)
    for proof in (alice, None):
        late = accounts.complete_registration(claim(proof), NOW_MS + 5 * MINUTE_MS)
        assert await refused(late) is Code.UNAUTHENTICATED


@pytest.mark.parametrize("is_bare", [False, True])
async def test_one_of_many_claims_of_one_login_completes_it(is_bare, two_nodes):
    alice = await two_nodes[0].sign_up(new_account("alice"), NOW_MS)
    await two_nodes[0].sign_in(sign_in(alice), NOW_MS)
    claims = [claim(None if is_bare else alice) for _ in range(MANY)]
    results = await asyncio.gather(
        *(two_nodes[n % 2].complete_registration(one, NOW_MS) for n, one in enumerate(claims)),
        return_exceptions=True,
    )
    codes = [one.code for one in results if isinstance(one, AppError)]
    assert codes == [Code.UNAUTHENTICATED] * (MANY - 1)
    sessions = [await two_nodes[0].session(one.tokens.family_id) for one in claims]
    assert sum(one is not None for one in sessions) == 1


async def test_a_bare_claim_is_for_the_only_login_of_this_device_from_this_address(
    accounts, alice, bob
):
    await accounts.sign_in(sign_in(alice), NOW_MS)
    elsewhere = accounts.complete_registration(claim(None, address_hash=AWAY), NOW_MS)
    assert await refused(elsewhere) is Code.UNAUTHENTICATED
    await accounts.sign_in(sign_in(bob), NOW_MS)
    ambiguous = accounts.complete_registration(claim(None), NOW_MS)
    assert await refused(ambiguous) is Code.UNAUTHENTICATED

    await accounts.complete_registration(claim(bob), NOW_MS)
    claimed = await accounts.complete_registration(claim(None), NOW_MS)
    assert claimed.user_id == alice.user_id


async def test_a_bare_claim_is_for_a_first_device_only(accounts, alice):
    await add_device(accounts, alice, "phone")
    await accounts.sign_in(sign_in(alice, "laptop"), NOW_MS)
    bare = accounts.complete_registration(claim(None, "laptop"), NOW_MS)
    assert await refused(bare) is Code.UNAUTHENTICATED
    await accounts.revoke_device(alice.user_id, "phone", NOW_MS)
    bare = accounts.complete_registration(claim(None, "laptop"), NOW_MS)
    assert await refused(bare) is Code.UNAUTHENTICATED
    await accounts.complete_registration(claim(alice, "laptop"), NOW_MS)


async def test_a_newer_login_of_the_same_device_takes_the_place_of_the_older(accounts, alice):
    await accounts.sign_in(sign_in(alice, registration_hash=hash_of("older")), NOW_MS)
    await accounts.sign_in(sign_in(alice), NOW_MS + 1)
    older = accounts.complete_registration(claim(alice, token_hash=hash_of("older")), NOW_MS)
    assert await refused(older) is Code.UNAUTHENTICATED
    await accounts.complete_registration(claim(None), NOW_MS + 2)


async def test_so_many_logins_wait_and_an_older_one_makes_room(accounts, alice):
    for n in range(MAX_PENDING + 1):
        await accounts.sign_in(sign_in(alice, f"device{n}"), NOW_MS + n)
    oldest = accounts.complete_registration(claim(alice, "device0"), NOW_MS)
    assert await refused(oldest) is Code.UNAUTHENTICATED
    for n in (1, MAX_PENDING):
        await accounts.complete_registration(claim(alice, f"device{n}"), NOW_MS)


async def test_an_account_has_so_many_devices(accounts, alice):
    await add_device(accounts, alice, "phone")
    await accounts.sign_in(sign_in(alice, "laptop"), NOW_MS)
    beyond = accounts.complete_registration(claim(alice, "laptop", max_devices=1), NOW_MS)
    assert await refused(beyond) is Code.LIMIT_REACHED
    await accounts.revoke_device(alice.user_id, "phone", NOW_MS)
    await accounts.complete_registration(claim(alice, "laptop", max_devices=1), NOW_MS)


async def test_a_banned_account_completes_no_login(accounts, alice):
    await accounts.sign_in(sign_in(alice), NOW_MS)
    await accounts.set_banned(alice.user_id, is_banned=True, now_ms=NOW_MS)
    assert await refused(accounts.complete_registration(claim(alice), NOW_MS)) in {
        Code.FORBIDDEN,
        Code.UNAUTHENTICATED,
    }


# --- devices ---


async def test_a_revoked_device_is_out_for_good_and_the_others_are_not(accounts, alice):
    phone = await add_device(accounts, alice, "phone", refresh="phone")
    laptop = await add_device(accounts, alice, "laptop")

    assert await accounts.revoke_device(alice.user_id, "phone", NOW_MS)

    assert await accounts.session(phone.family_id) is None
    rotated = await accounts.rotate(hash_of("phone"), hash_of("x"), LATER_MS, NOW_MS)
    assert rotated.session is None
    assert await accounts.sign_in(sign_in(alice, "phone"), NOW_MS) is SignInOutcome.DEVICE_REVOKED
    assert [one.device_id for one in await accounts.devices(alice.user_id)] == ["laptop"]
    assert await accounts.session(laptop.family_id)


async def test_nobody_revokes_the_device_of_somebody_else(accounts, alice, bob):
    tokens = await add_device(accounts, alice, "phone")
    assert not await accounts.revoke_device(bob.user_id, "phone", NOW_MS)
    assert await accounts.session(tokens.family_id)


# --- tokens ---


async def test_a_refresh_token_is_exchanged_for_the_next(accounts, alice):
    tokens = await add_device(accounts, alice, refresh="first")
    session = await accounts.session(tokens.family_id)
    for old, new in (("first", "second"), ("second", "third")):
        rotated = await accounts.rotate(hash_of(old), hash_of(new), LATER_MS, NOW_MS + 7)
        assert (rotated.session, rotated.family_id) == (session, tokens.family_id)
    (device,) = await accounts.devices(alice.user_id)
    assert device.seen_ms == NOW_MS + 7


async def test_a_refresh_token_that_comes_again_ends_its_family_and_no_other(accounts, alice):
    mine = await add_device(accounts, alice, "phone", refresh="first")
    other = await add_device(accounts, alice, "laptop")
    await accounts.rotate(hash_of("first"), hash_of("second"), LATER_MS, NOW_MS)

    again = await accounts.rotate(hash_of("first"), hash_of("stolen"), LATER_MS, NOW_MS)

    assert (again.session, again.ended.device_id) == (None, "phone")
    assert await accounts.session(mine.family_id) is None
    for token in ("first", "second", "stolen"):
        later = await accounts.rotate(hash_of(token), hash_of("x"), LATER_MS, NOW_MS)
        assert (later.session, later.ended) == (None, None)
    assert await accounts.session(other.family_id)


async def test_a_refresh_token_used_twice_at_once_is_good_once_and_ends_its_family(two_nodes):
    alice = await two_nodes[0].sign_up(new_account("alice"), NOW_MS)
    for n in range(10):
        tokens = await add_device(two_nodes[0], alice, "phone", refresh=f"r{n}")
        results = await asyncio.gather(
            *(
                node.rotate(hash_of(f"r{n}"), hash_of(f"n{n}{place}"), LATER_MS, NOW_MS)
                for place, node in enumerate(two_nodes)
            )
        )
        assert sum(one.session is not None for one in results) == 1
        assert sum(one.ended is not None for one in results) == 1
        assert await two_nodes[0].session(tokens.family_id) is None
        await two_nodes[0].delete(alice.user_id, NOW_MS)
        alice = await two_nodes[0].sign_up(new_account("alice"), NOW_MS)


@pytest.mark.parametrize("token", ["", "unknown", "first' OR 1=1 --"])
async def test_an_unknown_refresh_token_is_good_for_nothing(token, accounts, alice):
    await add_device(accounts, alice, refresh="first")
    rotated = await accounts.rotate(hash_of(token), hash_of("x"), LATER_MS, NOW_MS)
    assert (rotated.session, rotated.family_id, rotated.ended) == (None, None, None)


async def test_a_refresh_token_runs_out(accounts, alice):
    await add_device(accounts, alice, refresh="first")
    rotated = await accounts.rotate(hash_of("first"), hash_of("x"), LATER_MS, LATER_MS)
    assert rotated.session is None


async def test_signing_out_ends_one_family_or_all(accounts, alice):
    phone = await add_device(accounts, alice, "phone", refresh="phone")
    laptop = await add_device(accounts, alice, "laptop")
    tablet = await add_device(accounts, alice, "tablet")

    ended = await accounts.end_family_of(hash_of("phone"), NOW_MS)
    assert (ended.user_id, ended.device_id) == (alice.user_id, "phone")
    assert await accounts.end_family_of(hash_of("phone"), NOW_MS) is None
    assert await accounts.end_family_of(hash_of("nobody's"), NOW_MS) is None
    assert await accounts.session(phone.family_id) is None
    await accounts.end_family(laptop.family_id, NOW_MS)
    assert await accounts.session(laptop.family_id) is None
    assert await accounts.session(tablet.family_id)

    await accounts.end_families(alice.user_id, NOW_MS)
    assert await accounts.session(tablet.family_id) is None


async def test_a_device_has_so_many_families_and_the_oldest_makes_room(accounts, alice):
    first = await add_device(accounts, alice)
    begun = [sign_in(alice, tokens=new_tokens()) for _ in range(MAX_FAMILIES)]
    for n, one in enumerate(begun):
        await accounts.sign_in(one, NOW_MS + 1 + n)
    assert await accounts.session(first.family_id) is None
    alive = [await accounts.session(one.tokens.family_id) for one in begun]
    assert None not in alive


# --- time ---


async def test_what_has_run_out_is_forgotten_and_what_has_not_is_kept(accounts, database, alice):
    tokens = await add_device(accounts, alice, refresh="first")
    await accounts.rotate(hash_of("first"), hash_of("second"), LATER_MS, NOW_MS)
    await accounts.sign_in(sign_in(alice, "laptop"), NOW_MS)

    async def count(table):
        text = f"SELECT COUNT(*) FROM {table}"  # noqa: S608
        return await database.read(lambda: value(text))

    await accounts.expire(NOW_MS, DAY_MS)
    assert [await count("refresh_tokens"), await count("registrations")] == [2, 2]

    await accounts.expire(NOW_MS + KEPT_USED_MS, DAY_MS)
    assert [await count("refresh_tokens"), await count("registrations")] == [1, 0]
    assert await accounts.session(tokens.family_id)

    await accounts.expire(LATER_MS, DAY_MS)
    assert [await count("refresh_tokens"), await count("token_families")] == [0, 0]


async def test_of_many_at_once_nobody_harms_another(two_nodes):
    """Sign-ins, rotations, revocations and expiry of few accounts, in a random order."""
    people = [await two_nodes[0].sign_up(new_account(f"user{n}"), NOW_MS) for n in range(4)]
    families = [await add_device(two_nodes[0], one, refresh=one.username) for one in people]
    work = []
    for n in range(60):
        node, one = two_nodes[n % 2], people[n % 4]
        work += [
            node.sign_in(sign_in(one, tokens=new_tokens()), NOW_MS),
            node.sign_in(sign_in(one, "new", registration_hash=hash_of(f"{n}")), NOW_MS),
            node.end_family_of(hash_of(f"no {n}"), NOW_MS),
            node.block(one.user_id, people[(n + 1) % 4].user_id, 10, NOW_MS),
            node.expire(NOW_MS, DAY_MS),
        ]
    random.shuffle(work)
    results = await asyncio.gather(*work, return_exceptions=True)
    assert [one for one in results if isinstance(one, BaseException)] == []
    for one, first in zip(people, families, strict=True):
        assert await two_nodes[0].session(first.family_id) is None  # it made room
        assert len(await two_nodes[0].devices(one.user_id)) == 1


async def know_addresses(accounts, database, count: int) -> None:
    """So many addresses of one account, seen one after the other."""
    account = await accounts.sign_up(new_account("alice"), NOW_MS)
    await database.write(
        lambda: run_many(
            "INSERT INTO known_addresses (user_id, address_hash, seen_ms) VALUES ($1, $2, $3)",
            [(account.user_id, bytes([number]), number) for number in range(count)],
        )
    )


async def test_what_has_run_out_is_forgotten_some_at_a_time(accounts, database, monkeypatch):
    monkeypatch.setattr(account_steps, "MAX_FORGOTTEN", 2)
    await know_addresses(accounts, database, 5)
    later_ms = NOW_MS + account_steps.ADDRESS_KNOWN_MS
    assert [await accounts.expire(later_ms, DAY_MS) for _ in range(4)] == [2, 2, 1, 0]


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_by_no_plan_of_the_database_are_more_forgotten(accounts, database, monkeypatch):
    monkeypatch.setattr(account_steps, "MAX_FORGOTTEN", 2)
    await know_addresses(accounts, database, 5)

    def forgetting() -> Steps[int]:
        for way in ("hashagg", "hashjoin", "mergejoin", "material", "sort"):
            yield from run(f"SET LOCAL enable_{way} = off")
        key = "user_id, address_hash"
        return len((yield from account_steps.forget("known_addresses", key, "seen_ms", NOW_MS)))

    assert await database.write(forgetting) == 2
