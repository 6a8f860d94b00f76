"""Accounts in SQL."""

from collections.abc import Sequence

from server.core.ids import DeviceId, UserId
from server.core.ports.accounts import (
    Account,
    AccountPage,
    AccountSession,
    Block,
    Claim,
    Claimed,
    Device,
    EndedFamily,
    Found,
    NewAccount,
    Rotated,
    SignIn,
    SignInOutcome,
)
from server.stores.sql import account_steps, sign_ins, tokens
from server.stores.sql.database import Database
from server.stores.sql.sign_ins import Leave, claim_registration_steps
from server.stores.sql.steps import run


class SqlAccounts:
    """An `AccountStore`.

    Args:
        leaving: What else has to end in the same transaction when a device is revoked or an
            account deleted.
    """

    def __init__(self, database: Database, leaving: Sequence[Leave] = ()) -> None:
        self._database = database
        self._leaving = tuple(leaving)

    async def sign_up(self, account: NewAccount, now_ms: int) -> Account:
        return await self._database.write(lambda: account_steps.sign_up(account, now_ms))

    async def find(self, key: str, address_hash: bytes, now_ms: int) -> Found | None:
        return await self._database.read(lambda: account_steps.find(key, address_hash, now_ms))

    async def account(self, user_id: UserId) -> Account | None:
        return await self._database.look_up(lambda: account_steps.account(user_id))

    async def accounts(self, after: UserId | None, limit: int) -> AccountPage:
        return await self._database.read(lambda: account_steps.accounts(after, limit))

    async def set_password(
        self, user_id: UserId, old_hash: str | None, new_hash: str, keep: str | None, now_ms: int
    ) -> bool:
        return await self._database.write(
            lambda: account_steps.set_password(user_id, (old_hash, new_hash), keep, now_ms)
        )

    async def rehash(self, user_id: UserId, old_hash: str, new_hash: str) -> None:
        await self._database.write(lambda: account_steps.rehash(user_id, old_hash, new_hash))

    async def set_temporary_password(self, user_id: UserId, new_hash: str, now_ms: int) -> bool:
        return await self._database.write(lambda: account_steps.reset(user_id, new_hash, now_ms))

    async def set_banned(self, user_id: UserId, *, is_banned: bool, now_ms: int) -> bool:
        return await self._database.write(
            lambda: account_steps.set_banned(user_id, is_banned, now_ms)
        )

    async def set_operator(self, user_id: UserId, *, is_operator: bool, now_ms: int) -> bool:
        return await self._database.write(
            lambda: account_steps.set_operator(user_id, is_operator, now_ms)
        )

    async def delete(self, user_id: UserId, now_ms: int) -> bool:
        return await self._database.write(
            lambda: account_steps.delete(user_id, now_ms, self._leaving)
        )

    # --- devices and tokens ---

    async def sign_in(self, sign_in: SignIn, now_ms: int) -> SignInOutcome:
        return await self._database.write(lambda: sign_ins.sign_in(sign_in, now_ms))

    async def complete_registration(self, claim: Claim, now_ms: int) -> Claimed:
        return await self._database.write(lambda: claim_registration_steps(claim, now_ms))

    async def session(self, family_id: str) -> AccountSession | None:
        return await self._database.look_up(lambda: tokens.session(family_id))

    async def standing(self, family_ids: Sequence[str]) -> frozenset[str]:
        return await self._database.read(lambda: tokens.standing(family_ids))

    async def rotate(
        self, refresh_hash: bytes, new_hash: bytes, expires_ms: int, now_ms: int
    ) -> Rotated:
        return await self._database.write(
            lambda: tokens.rotate(refresh_hash, new_hash, expires_ms, now_ms)
        )

    async def end_family(self, family_id: str, now_ms: int) -> None:
        await self._database.write(lambda: tokens.end_family(family_id, now_ms))

    async def end_family_of(self, refresh_hash: bytes, now_ms: int) -> EndedFamily | None:
        return await self._database.write(lambda: tokens.end_family_of(refresh_hash, now_ms))

    async def end_families(self, user_id: UserId, now_ms: int) -> None:
        await self._database.write(lambda: account_steps.sign_out_everywhere(user_id, now_ms))

    async def devices(self, user_id: UserId) -> tuple[Device, ...]:
        return await self._database.read(lambda: sign_ins.devices(user_id))

    async def revoke_device(self, user_id: UserId, device_id: DeviceId, now_ms: int) -> bool:
        return await self._database.write(
            lambda: sign_ins.revoke_device(user_id, device_id, now_ms, self._leaving)
        )

    async def revoke_devices(
        self, user_id: UserId, device_id: DeviceId | None, now_ms: int
    ) -> tuple[DeviceId, ...] | None:
        return await self._database.write(
            lambda: sign_ins.revoke_devices(user_id, device_id, now_ms, self._leaving)
        )

    # --- blocks ---

    async def block(self, user_id: UserId, other: UserId, limit: int, now_ms: int) -> None:
        await self._database.write(lambda: account_steps.block(user_id, other, limit, now_ms))

    async def unblock(self, user_id: UserId, other: UserId) -> None:
        await self._database.write(
            lambda: run(
                "DELETE FROM account_blocks WHERE user_id = $1 AND blocked_id = $2",
                str(user_id),
                str(other),
            )
        )

    async def blocks(self, user_id: UserId) -> tuple[Block, ...]:
        return await self._database.read(lambda: account_steps.blocks(user_id))

    async def blocked(self, user_id: UserId, others: list[UserId]) -> frozenset[UserId]:
        return await self._database.read(lambda: account_steps.blocked(user_id, others))

    # --- time ---

    async def expire(self, now_ms: int, audit_kept_ms: int) -> int:
        return await self._database.write(lambda: account_steps.expire(now_ms, audit_kept_ms))
