"""Accounts with devices, straight in a database, and keys that are told apart by a number."""

from server.core.ids import DeviceId, UserId
from server.core.ports.device_keys import (
    IdentityKey,
    IdentityType,
    KeyOwner,
    NewKeys,
    Prekey,
    PrekeyRules,
    Rotation,
    SignedPrekey,
)
from server.stores.sql.device_keys import SqlDeviceKeys, add_keys, leave_keys
from server.stores.sql.steps import run

NOW_MS = 1_800_000_000_000
LATER_MS = NOW_MS + 1_000_000
RULES = PrekeyRules(max_prekeys=100, enough=20, expires_ms=LATER_MS)


def key(number):
    return number.to_bytes(32, "big")


def identity(number=1, kind=IdentityType.ED25519):
    return IdentityKey(key(number), kind)


def signed(number=1, *, verified=True):
    return SignedPrekey(
        key_id=number, public_key=key(1000 + number), signature=key(number) * 2, verified=verified
    )


def prekeys(*key_ids):
    return tuple(Prekey(key_id, key(10_000 + key_id)) for key_id in key_ids)


def new_keys(*key_ids, of=None, **changed):
    keys = {
        "identity": of or identity(),
        "public_key": key(7),
        "signed_prekey": signed(),
        "prekeys": prekeys(*key_ids),
    }
    return NewKeys(**{**keys, **changed})


def rotation(number, *key_ids, **changed):
    keys = {
        "identity": identity(),
        "public_key": key(7 + number),
        "signed_prekey": signed(number),
        "prekeys": prekeys(*key_ids) if key_ids else None,
    }
    return Rotation(**{**keys, **changed})


def owner(user_id, device_id="phone"):
    return KeyOwner(UserId(user_id), DeviceId(device_id))


class KeyDesk(SqlDeviceKeys):
    """Gives keys to devices and takes them back, without logins and revocations."""

    async def add(self, owner, keys, rules, now_ms):
        await self._database.write(lambda: add_keys(owner, keys, rules, now_ms))

    async def forget(self, owner):
        await self._database.write(lambda: leave_keys(owner.user_id, owner.device_id, NOW_MS))


async def make_account(database, user_id, *device_ids):
    """An account with devices that have no keys yet."""

    def steps():
        yield from run(
            "INSERT INTO accounts (user_id, username, username_key, email, email_key,"
            " display_name, password_is_temporary, is_operator, created_ms)"
            " VALUES ($1, $1, $1, $1, $1, $1, false, false, $2)",
            user_id,
            NOW_MS,
        )
        for device_id in device_ids:
            yield from run(
                "INSERT INTO devices (user_id, device_id, name, type, created_ms, seen_ms)"
                " VALUES ($1, $2, '', 'web', $3, $3)",
                user_id,
                device_id,
                NOW_MS,
            )

    await database.write(steps)


async def run_sql(database, sql, *arguments):
    await database.write(lambda: run(sql, *arguments))
