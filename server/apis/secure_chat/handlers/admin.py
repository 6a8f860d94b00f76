"""What operators can do with accounts."""

from msgspec import Struct

from server.apis.secure_chat.requests.admin import ListAccounts, OfAccount, RevokeDevices
from server.core.chat import Chat
from server.core.ids import DeviceId, UserId
from server.core.ports import AccountPage
from server.transports.api import Caller


class ResetPassword(Struct, frozen=True):
    """A password that signs in once."""

    user_id: UserId
    password: str


async def list_accounts(chat: Chat, caller: Caller, request: ListAccounts) -> AccountPage:
    if request.name is not None:
        return await chat.accounts.named(request.name)
    return await chat.accounts.page(request.after, request.limit)


async def ban(chat: Chat, caller: Caller, request: OfAccount) -> UserId:
    await chat.accounts.set_banned(request.user_id, is_banned=True)
    return request.user_id


async def unban(chat: Chat, caller: Caller, request: OfAccount) -> UserId:
    await chat.accounts.set_banned(request.user_id, is_banned=False)
    return request.user_id


async def promote(chat: Chat, caller: Caller, request: OfAccount) -> UserId:
    await chat.accounts.set_operator(request.user_id, is_operator=True)
    return request.user_id


async def demote(chat: Chat, caller: Caller, request: OfAccount) -> UserId:
    await chat.accounts.set_operator(request.user_id, is_operator=False)
    return request.user_id


async def revoke_devices(
    chat: Chat, caller: Caller, request: RevokeDevices
) -> tuple[DeviceId, ...]:
    return await chat.accounts.revoke_devices(request.user_id, request.device_id)


async def reset_password(chat: Chat, caller: Caller, request: OfAccount) -> ResetPassword:
    password = await chat.accounts.reset_password(request.user_id)
    return ResetPassword(request.user_id, password)
