"""Sign-in: whom it lets in, what tokens are then good for, and when they end."""

import asyncio

import jwt
import pytest

from server.core.accounts import SignUp
from server.core.errors import AppError, Code
from server.core.events import SignedIn, SignInEnded
from server.core.ids import ConnectionId, DeviceId, UserId
from server.core.limits import Rate, Rates
from server.core.logins import REFRESH_LIFE_MS, LoginRules
from server.core.names import account_key
from server.core.passwords import Passwords, Strength
from server.core.ports import SignInDevice
from server.core.revocations import LOOK_INTERVAL_MS
from server.core.tokens import ACCESS_LIFE_S
from server.core.user_events import DeviceRevoked, SignInsEnded
from server.stores.sql.migrations import migrate
from tests.core.visitors import PASSWORD_THREADS, SIGNING_SECRET, Core, refused
from tests.issuers import by_secret

PASSWORD = "SecurePass123!"
PHONE, LAPTOP = (SignInDevice(DeviceId(name), name, "web") for name in ("phone", "laptop"))


@pytest.fixture
async def open_accounts(open_core):
    """Opens a core that has accounts, and alice's among them."""
    opened: list[Core] = []

    async def open_one(**limits):
        core = open_core(**limits)
        opened.append(core)
        await core.database.start()
        await migrate(core.database)
        core.ended = []
        core.users.subscribe(lambda user_id, event: core.ended.append(event), lambda: None)
        await core.accounts.sign_up(SignUp("alice", "alice@example.com", PASSWORD, ""), "home")
        return core

    yield open_one
    for core in opened:
        await core.database.close()


@pytest.fixture
async def core(open_accounts):
    return await open_accounts()


async def log_in(core, device=PHONE, password=PASSWORD, address="home", name="alice"):
    return await core.logins.log_in(name, password, device, address)


async def sign_in(core, device=PHONE, address="home"):
    """Log a new device in, and complete that."""
    token = (await log_in(core, device, address=address)).registration_token
    return await core.logins.claim_registration(token, device.device_id, address)


# --- logging in ---


@pytest.mark.parametrize("name", ["alice", "ALICE", " alice ", "Alice@Example.COM", "ＡＬＩＣＥ"])
async def test_an_account_is_known_by_its_name_and_its_address_however_written(name, core):
    logged_in = await log_in(core, name=name)
    assert (logged_in.username, logged_in.tokens) == ("alice", None)


@pytest.mark.parametrize("name", ["bob", "", "alice@", "alice\0x", "%", "x" * 300])
async def test_unknown_names_and_wrong_passwords_have_one_answer(name, core):
    wrong = await refused(log_in(core, password="wrong password"))
    unknown = await refused(log_in(core, name=name))
    assert (unknown.code, unknown.message) == (wrong.code, wrong.message)
    assert unknown.code is Code.INVALID_CREDENTIALS


async def test_a_new_device_has_no_tokens_until_its_registration_is_claimed(core):
    logged_in = await log_in(core)
    assert logged_in.tokens is None
    pair = await core.logins.claim_registration(
        logged_in.registration_token, DeviceId("phone"), "elsewhere"
    )
    user = await core.tokens.verify(pair.access)
    assert (user.user_id, user.login, user.device_id) == (logged_in.user_id, "alice", "phone")
    assert user.expires_ms == pair.expires_ms == core.clock.now_ms() + ACCESS_LIFE_S * 1000
    assert not user.is_guest
    assert not user.is_operator
    again = await log_in(core)
    assert again.registration_token is None
    assert (await core.tokens.verify(again.tokens.access)).device_id == "phone"


async def test_a_registration_token_signs_nobody_in(core):
    token = (await log_in(core)).registration_token
    assert (await refused(core.tokens.verify(token))).code is Code.UNAUTHENTICATED


async def test_a_bare_claim_is_good_unless_the_token_is_required(core, open_accounts):
    await log_in(core)
    await core.logins.claim_registration(None, DeviceId("phone"), "home")

    strict = await open_accounts(login_rules=LoginRules(require_registration_token=True))
    token = (await log_in(strict)).registration_token
    bare = strict.logins.claim_registration(None, DeviceId("phone"), "home")
    assert (await refused(bare)).code is Code.UNAUTHENTICATED
    await strict.logins.claim_registration(token, DeviceId("phone"), "home")


async def test_a_wrong_proof_is_not_taken_for_none(core):
    await log_in(core)
    wrong = core.logins.claim_registration("wrong", DeviceId("phone"), "home")
    assert (await refused(wrong)).code is Code.UNAUTHENTICATED


async def test_a_weaker_hash_is_made_anew_at_the_next_login(core):
    stronger = Passwords(PASSWORD_THREADS, Strength(rounds=2, memory_bytes=8192))
    core.logins._passwords = stronger
    await log_in(core)
    found = await core.logins._store.find(account_key("alice"), b"", core.clock.now_ms())
    assert not stronger.is_outdated(found.account.password_hash)
    await log_in(core)


# --- limits ---


async def test_whoever_tries_too_often_from_one_address_waits(open_accounts, clock):
    core = await open_accounts(rates=Rates(sign_in=Rate(6, 2)))
    for _ in range(2):
        await refused(log_in(core, password="wrong password"))
    limited = await refused(log_in(core))
    assert (limited.code, limited.retry_after_ms) == (Code.RATE_LIMITED, 10_000)
    assert (await refused(log_in(core, name="ALICE"))).code is Code.RATE_LIMITED
    clock.advance(seconds=10)
    await log_in(core)


async def test_unknown_names_are_limited_as_known_ones(open_accounts):
    core = await open_accounts(rates=Rates(sign_in=Rate(6, 2), account_sign_in=Rate(6, 3)))
    for name in ("alice", "nobody"):
        codes = [
            (await refused(log_in(core, name=name, password="wrong", address=f"a{n // 2}"))).code
            for n in range(6)
        ]
        assert codes == [Code.INVALID_CREDENTIALS] * 3 + [
            Code.INVALID_CREDENTIALS,
            Code.INVALID_CREDENTIALS,
            Code.RATE_LIMITED,
        ]


async def test_nobody_can_lock_the_owner_out(open_accounts):
    core = await open_accounts(rates=Rates(account_sign_in=Rate(1, 5)))
    await log_in(core)  # from home, which is known from now on, and was a try
    for n in range(40):
        await refused(log_in(core, password="wrong password", address=f"guesser {n}"))
    for n in range(40):
        again = await refused(log_in(core, password="wrong password", address=f"guesser {n}"))
        assert again.code is (Code.INVALID_CREDENTIALS if n < 4 else Code.RATE_LIMITED)

    for _ in range(4):
        await log_in(core)
    await log_in(core, address="a hotel")


async def test_one_address_has_so_many_tries_at_whatever_accounts(open_accounts):
    core = await open_accounts(rates=Rates(address_sign_in=Rate(1, 3)))
    codes = [
        (await refused(log_in(core, name=f"user{n}", address="guesser"))).code for n in range(4)
    ]
    assert codes == [Code.INVALID_CREDENTIALS] * 3 + [Code.RATE_LIMITED]


# --- tokens ---


@pytest.mark.parametrize("name", ["jti", "iat", "exp", "typ", "family", "device", "sub"])
async def test_an_access_token_that_lacks_something_is_forged(name, core):
    pair = await sign_in(core)
    claims = jwt.decode(pair.access, options={"verify_signature": False})
    await core.tokens.verify(by_secret(claims, SIGNING_SECRET))
    del claims[name]
    forged = await refused(core.tokens.verify(by_secret(claims, SIGNING_SECRET)))
    assert forged.code is Code.UNAUTHENTICATED


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "bob"},
        {"device": "laptop"},
        {"family": "another"},
        {"family": "a\0b"},
        {"family": 7},
        {"device": None},
        {"typ": "registration"},
    ],
    ids=str,
)
async def test_whoever_has_the_secret_still_cannot_be_an_account(changes, core):
    pair = await sign_in(core)
    claims = jwt.decode(pair.access, options={"verify_signature": False}) | changes
    forged = await refused(core.tokens.verify(by_secret(claims, SIGNING_SECRET)))
    assert forged.code is Code.UNAUTHENTICATED


async def test_a_partners_user_with_the_id_of_an_account_is_no_account(core):
    user_id = (await log_in(core)).user_id
    partner = await core.tokens.verify(by_secret({"sub": user_id, "device": "x"}, SIGNING_SECRET))
    assert (partner.device_id, partner.family_id) == (None, None)
    for forbidden in (
        core.accounts.devices(partner),
        core.accounts.blocks(partner),
        core.accounts.delete(partner, PASSWORD),
        core.accounts.change_password(partner, PASSWORD, "another password"),
        core.accounts.revoke_device(partner, DeviceId("phone")),
    ):
        assert (await refused(forbidden)).code is Code.FORBIDDEN


async def test_an_access_token_runs_out_and_the_refresh_token_goes_on(core, clock):
    pair = await sign_in(core)
    clock.advance(seconds=ACCESS_LIFE_S)
    assert (await refused(core.tokens.verify(pair.access))).code is Code.TOKEN_EXPIRED
    renewed = await core.logins.refresh(pair.refresh, "home")
    assert (await core.tokens.verify(renewed.access)).login == "alice"
    clock.advance(ms=REFRESH_LIFE_MS)
    late = await refused(core.logins.refresh(renewed.refresh, "home"))
    assert late.code is Code.UNAUTHENTICATED


async def test_a_refresh_token_that_comes_again_ends_the_sign_in_and_tells_it(core):
    pair = await sign_in(core)
    renewed = await core.logins.refresh(pair.refresh, "home")
    assert (await refused(core.logins.refresh(pair.refresh, "thief"))).code is Code.UNAUTHENTICATED

    for access in (pair.access, renewed.access):
        assert (await refused(core.tokens.verify(access))).code is Code.UNAUTHENTICATED
    assert (await refused(core.logins.refresh(renewed.refresh, "home"))).code
    (ended,) = core.ended
    user_id = (await log_in(core)).user_id
    assert (type(ended), ended.users) == (SignInsEnded, (user_id,))
    assert ended.family_id


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 10_000, "\udcff"])
async def test_other_texts_are_no_refresh_tokens(token, core):
    assert (await refused(core.logins.refresh(token, "home"))).code is Code.UNAUTHENTICATED


async def test_an_access_token_is_no_refresh_token_and_the_other_way_round(core):
    pair = await sign_in(core)
    assert (await refused(core.logins.refresh(pair.access, "home"))).code is Code.UNAUTHENTICATED
    assert (await refused(core.tokens.verify(pair.refresh))).code is Code.UNAUTHENTICATED


async def test_signing_out_ends_one_sign_in_or_all(core):
    phone, laptop = await sign_in(core, PHONE), await sign_in(core, LAPTOP)
    user = await core.tokens.verify(phone.access)
    await core.logins.log_out(user, None, "x", all=False)
    assert (await refused(core.tokens.verify(phone.access))).code is Code.UNAUTHENTICATED
    one = user.family_id
    user = await core.tokens.verify(laptop.access)
    phone = (await log_in(core)).tokens
    await core.logins.log_out(user, None, "x", all=True)
    for pair in (phone, laptop):
        assert (await refused(core.tokens.verify(pair.access))).code is Code.UNAUTHENTICATED
        assert (await refused(core.logins.refresh(pair.refresh, "x"))).code is Code.UNAUTHENTICATED
    assert core.ended == [
        SignInsEnded(users=(user.user_id,), family_id=family_id) for family_id in (one, None)
    ]


async def test_signing_out_needs_no_access_token_if_the_refresh_token_is_there(core):
    pair = await sign_in(core)
    await core.logins.log_out(None, pair.refresh, "x", all=False)
    assert (await refused(core.tokens.verify(pair.access))).code is Code.UNAUTHENTICATED
    (ended,) = core.ended
    assert ended.family_id
    nobody = core.logins.log_out(None, None, "x", all=False)
    assert (await refused(nobody)).code is Code.UNAUTHENTICATED


async def test_one_address_signs_out_by_refresh_tokens_only_so_often(open_accounts):
    core = await open_accounts(rates=Rates(refresh=Rate(1, 2)))
    for _ in range(2):
        await core.logins.log_out(None, "made up", "x", all=False)
    error = await refused(core.logins.log_out(None, "made up", "x", all=False))
    assert error.code is Code.RATE_LIMITED
    await core.logins.log_out(None, "made up", "y", all=False)


# --- what else ends a sign-in ---


async def test_a_changed_password_signs_the_others_out_and_oneself_not(core):
    phone, laptop = await sign_in(core, PHONE), await sign_in(core, LAPTOP)
    user = await core.tokens.verify(phone.access)
    wrong = core.accounts.change_password(user, "wrong password", "another password")
    assert (await refused(wrong)).code is Code.INVALID_CREDENTIALS
    missing = core.accounts.change_password(user, None, "another password")
    assert (await refused(missing)).code is Code.INVALID_CREDENTIALS

    await core.accounts.change_password(user, PASSWORD, "another password")

    await core.tokens.verify(phone.access)
    assert (await refused(core.tokens.verify(laptop.access))).code is Code.UNAUTHENTICATED
    assert (await refused(log_in(core))).code is Code.INVALID_CREDENTIALS
    await log_in(core, password="another password")
    (ended,) = core.ended
    assert ended.kept_family_id == user.family_id


async def test_tries_at_the_password_by_a_stolen_token_are_limited(open_accounts):
    core = await open_accounts(rates=Rates(sign_in=Rate(1, 3)))
    user = await core.tokens.verify((await sign_in(core)).access)
    codes = [(await refused(core.accounts.delete(user, f"guess {n}"))).code for n in range(4)]
    assert codes == [Code.INVALID_CREDENTIALS] * 3 + [Code.RATE_LIMITED]


async def test_a_one_time_password_signs_in_once_and_is_then_replaced(core):
    before = await sign_in(core)
    user = await core.tokens.verify(before.access)
    temporary = await core.accounts.reset_password(user.user_id)
    assert (await refused(core.tokens.verify(before.access))).code is Code.UNAUTHENTICATED
    assert (await refused(log_in(core))).code is Code.INVALID_CREDENTIALS

    logged_in = await log_in(core, password=temporary)
    assert logged_in.must_change_password
    again = await refused(log_in(core, password=temporary))
    assert again.code is Code.INVALID_CREDENTIALS
    user = await core.tokens.verify(logged_in.tokens.access)
    await core.accounts.change_password(user, None, "a password of her own")
    assert not (await log_in(core, password="a password of her own")).must_change_password
    unknown = core.accounts.reset_password(UserId("nobody"))
    assert (await refused(unknown)).code is Code.NOT_FOUND


async def test_a_banned_account_is_told_so_only_with_its_password(core):
    pair = await sign_in(core)
    user = await core.tokens.verify(pair.access)
    await core.accounts.set_banned(user.user_id, is_banned=True)
    assert (await refused(core.tokens.verify(pair.access))).code is Code.UNAUTHENTICATED
    assert (await refused(log_in(core))).code is Code.FORBIDDEN
    wrong = await refused(log_in(core, password="wrong password"))
    assert wrong.code is Code.INVALID_CREDENTIALS
    await core.accounts.set_banned(user.user_id, is_banned=False)
    assert (await log_in(core)).tokens


async def test_a_revoked_device_is_told_so_and_another_signs_in(core):
    user = await core.tokens.verify((await sign_in(core, PHONE)).access)
    await core.accounts.revoke_device(user, DeviceId("phone"))
    assert (await refused(log_in(core, PHONE))).code is Code.FORBIDDEN
    await sign_in(core, LAPTOP)
    assert core.ended == [DeviceRevoked(users=(user.user_id,), revoked=DeviceId("phone"))]


async def test_a_deleted_account_is_gone_and_its_tokens_with_it(core):
    pair = await sign_in(core)
    user = await core.tokens.verify(pair.access)
    await core.accounts.delete(user, PASSWORD)
    assert (await refused(core.tokens.verify(pair.access))).code is Code.UNAUTHENTICATED
    assert (await refused(log_in(core))).code is Code.INVALID_CREDENTIALS
    await core.accounts.sign_up(SignUp("Alice", "alice@example.com", PASSWORD, ""), "home")


# --- signing up ---

REFUSED = {
    "a short password": SignUp("bob", "bob@example.com", "ninechars", ""),
    "a name with a sign": SignUp("bob@x", "bob@example.com", PASSWORD, ""),
    "a name that looks like another": SignUp("аlice", "bob@example.com", PASSWORD, ""),
    "a short name": SignUp("al", "bob@example.com", PASSWORD, ""),
    "a long name": SignUp("a" * 33, "bob@example.com", PASSWORD, ""),
    "no address": SignUp("bob", "bob", PASSWORD, ""),
    "an address in two lines": SignUp("bob", "bob@exam\nple.com", PASSWORD, ""),
    "an address with NUL": SignUp("bob", "bob@exam\0ple.com", PASSWORD, ""),
    "a long address": SignUp("bob", "bob@" + "x" * 251, PASSWORD, ""),
}


@pytest.mark.parametrize("wish", REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_an_account_is_refused(wish, core):
    assert (await refused(core.accounts.sign_up(wish, "home"))).code is Code.INVALID_REQUEST


@pytest.mark.parametrize(
    "wish",
    [
        SignUp("ALICE", "other@example.com", PASSWORD, ""),
        SignUp("other", "Alice@EXAMPLE.com", PASSWORD, ""),
    ],
    ids=["name", "address"],
)
async def test_a_name_and_an_address_are_taken_however_they_are_written(wish, core):
    taken = await refused(core.accounts.sign_up(wish, "home"))
    assert taken.code is Code.ACCOUNT_EXISTS


async def test_one_address_makes_so_many_accounts(open_accounts):
    core = await open_accounts(rates=Rates(sign_up=Rate(1, 3)))
    wishes = [SignUp(f"user{n}", f"user{n}@example.com", PASSWORD, "") for n in range(3)]
    results = await asyncio.gather(
        *(core.accounts.sign_up(one, "home") for one in wishes), return_exceptions=True
    )
    codes = [one.code for one in results if isinstance(one, AppError)]
    assert codes == [Code.RATE_LIMITED]


async def test_what_has_run_out_is_forgotten_once_a_minute(core, clock):
    token = (await log_in(core)).registration_token
    await core.accounts.expire()
    clock.advance(seconds=59)
    await core.accounts.expire()
    await core.logins.claim_registration(token, DeviceId("phone"), "home")


# --- connections ---


async def test_who_goes_on_by_a_newer_sign_in_while_the_store_is_asked_of_the_first_stays(core):
    ended = []
    core.sign_ins.subscribe(lambda event: ended.append(type(event)))
    core.revocations.watch(core.sign_ins)
    first = await core.tokens.verify((await sign_in(core)).access)
    newer = await core.tokens.verify((await log_in(core)).tokens.access)
    await core.sign_ins.open(first, ConnectionId("tab"))
    await core.logins.log_out(first, None, "x", all=False)

    await asyncio.gather(core.revocations.expire(), core.sign_ins.renew(newer, ConnectionId("tab")))
    assert SignInEnded not in ended
    await core.logins.log_out(newer, None, "x", all=False)
    core.clock.advance(ms=LOOK_INTERVAL_MS)
    await core.revocations.expire()
    assert ended[-1] is SignInEnded


async def test_while_the_database_is_away_connections_stay_and_are_asked_about_later(core):
    ended = []
    core.revocations.watch(core.socket_sign_ins)
    core.socket_sign_ins.subscribe(lambda event: ended.append(type(event)))
    pair = await sign_in(core)
    user = await core.tokens.verify(pair.access)
    await core.socket_sign_ins.open(user, ConnectionId("tab"))
    await core.logins.log_out(user, None, "x", all=False)
    await core.database.close()
    assert (await refused(core.revocations.expire())).code is Code.UNAVAILABLE
    assert ended == [SignedIn]

    assert list(core.revocations._due) == ["tab"]
