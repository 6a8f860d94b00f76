"""What people can do with their accounts."""

from msgspec import Struct

from server.apis.secure_chat.requests.auth import (
    ChangePassword,
    DeleteAccount,
    LogIn,
    LogOut,
    Nothing,
    OfDevice,
    OfUser,
    Refresh,
    SignUp,
)
from server.core import accounts
from server.core.chat import Chat
from server.core.errors import AppError, Code
from server.core.ids import DeviceId, UserId, new_id
from server.core.logins import LoggedIn, TokenPair
from server.core.ports import Account, Block, Device, SignInDevice
from server.transports.api import Caller


class OwnDevices(Struct, frozen=True):
    """One's devices, and from which of them one asks."""

    devices: tuple[Device, ...]
    current: DeviceId | None


async def sign_up(chat: Chat, caller: Caller, request: SignUp) -> Account:
    wish = accounts.SignUp(
        request.username, request.email, request.password, request.display_name or ""
    )
    return await chat.accounts.sign_up(wish, caller.address)


async def log_in(chat: Chat, caller: Caller, request: LogIn) -> LoggedIn:
    name = request.email or request.username
    if name is None:
        raise AppError(Code.INVALID_REQUEST, "send the email, or the username")
    device = SignInDevice(
        request.device_id or DeviceId(new_id()),
        request.device_name or "",
        request.device_type or "",
    )
    return await chat.logins.log_in(name, request.password, device, caller.address)


async def refresh(chat: Chat, caller: Caller, request: Refresh) -> TokenPair:
    return await chat.logins.refresh(request.token, caller.address)


async def log_out(chat: Chat, caller: Caller, request: LogOut) -> None:
    await chat.logins.log_out(caller.user, request.refresh_token, caller.address, all=request.all)


async def change_password(chat: Chat, caller: Caller, request: ChangePassword) -> None:
    await chat.accounts.change_password(
        caller.signed_in(), request.current_password, request.new_password
    )


async def delete_account(chat: Chat, caller: Caller, request: DeleteAccount) -> None:
    await chat.accounts.delete(caller.signed_in(), request.password, request.id_token)


async def devices(chat: Chat, caller: Caller, _: Nothing) -> OwnDevices:
    user = caller.signed_in()
    return OwnDevices(await chat.accounts.devices(user), user.device_id)


async def revoke_device(chat: Chat, caller: Caller, request: OfDevice) -> DeviceId:
    await chat.accounts.revoke_device(caller.signed_in(), request.device_id)
    return request.device_id


async def blocks(chat: Chat, caller: Caller, _: Nothing) -> tuple[Block, ...]:
    return await chat.accounts.blocks(caller.signed_in())


async def block(chat: Chat, caller: Caller, request: OfUser) -> UserId:
    await chat.accounts.block(caller.signed_in(), request.user_id)
    return request.user_id


async def unblock(chat: Chat, caller: Caller, request: OfUser) -> UserId:
    await chat.accounts.unblock(caller.signed_in(), request.user_id)
    return request.user_id
