"""Accounts for tests of their store, without the cost of real passwords."""

import hashlib
import itertools
from collections.abc import Awaitable

import pytest

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, UserId, new_id
from server.core.ports import Claim, NewAccount, NewTokens, SignIn, SignInDevice
from server.core.ports.accounts import Account, SignInOutcome
from server.stores.sql.accounts import SqlAccounts

NOW_MS = 1_800_000_000_000
MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
HOME, AWAY = b"home", b"away"

_numbers = itertools.count()


def hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def new_account(name: str, **changes: str) -> NewAccount:
    email = f"{name}@example.com"
    values = {
        "username": name,
        "username_key": name.lower(),
        "email": email,
        "email_key": email.lower(),
        "display_name": name.title(),
        "password_hash": f"hash of {name}",
        **changes,
    }
    return NewAccount(user_id=UserId(new_id()), **values)


def new_tokens(refresh: str | None = None, *, life_ms: int = 30 * DAY_MS) -> NewTokens:
    refresh = refresh or f"refresh {next(_numbers)}"
    return NewTokens(family_id=new_id(), refresh_hash=hash_of(refresh), expires_ms=NOW_MS + life_ms)


def sign_in(account: Account, device_id: str = "phone", **changes) -> SignIn:
    values = {
        "user_id": account.user_id,
        "password_hash": account.password_hash or "",
        "device": SignInDevice(DeviceId(device_id), "Phone", "mobile"),
        "address_hash": HOME,
        "tokens": new_tokens(),
        "registration_hash": hash_of(f"registration {account.username} {device_id}"),
        "registration_expires_ms": NOW_MS + 5 * MINUTE_MS,
        **changes,
    }
    return SignIn(**values)


def claim(account: Account | None, device_id: str = "phone", **changes) -> Claim:
    token = account and hash_of(f"registration {account.username} {device_id}")
    values = {
        "token_hash": token,
        "device_id": DeviceId(device_id),
        "address_hash": HOME,
        "tokens": new_tokens(),
        "max_devices": 5,
        **changes,
    }
    return Claim(**values)


async def refused(awaitable: Awaitable[object]) -> Code:
    """Why it was."""
    with pytest.raises(AppError) as caught:
        await awaitable
    return caught.value.code


async def add_device(
    accounts: SqlAccounts, account: Account, device_id: str = "phone", refresh: str | None = None
) -> NewTokens:
    """Sign in a new device and claim its registration. Returns its tokens."""
    assert await accounts.sign_in(sign_in(account, device_id), NOW_MS) is SignInOutcome.NEEDS_KEYS
    tokens = new_tokens(refresh)
    await accounts.complete_registration(claim(account, device_id, tokens=tokens), NOW_MS)
    return tokens
