"""What devices can do with their keys."""

from server.apis.secure_chat.requests.auth import registration_proof
from server.apis.secure_chat.requests.keys import (
    AddPreKeys,
    OfDevice,
    OfUser,
    Register,
    Rotate,
    prekeys,
)
from server.core.chat import Chat
from server.core.device_keys import Registered
from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import DeviceId
from server.core.ports.device_keys import Bundle, KeptKeys, PrekeyStats
from server.transports.api import Caller


async def register(chat: Chat, caller: Caller, request: Register) -> Registered:
    proof = registration_proof(caller, request.registration_token)
    return await chat.device_keys.register(
        proof, request.device_id, caller.address, request.offered()
    )


async def get_bundle(chat: Chat, caller: Caller, request: OfUser) -> Bundle:
    return await chat.device_keys.bundle(caller.signed_in(), request.user_id)


async def rotate(chat: Chat, caller: Caller, request: Rotate) -> KeptKeys:
    return await chat.device_keys.rotate(_user(caller, request.device_id), request.offered())


async def add_prekeys(chat: Chat, caller: Caller, request: AddPreKeys) -> KeptKeys:
    user = _user(caller, request.device_id)
    return await chat.device_keys.add_prekeys(user, prekeys(request.pre_keys))


async def get_stats(chat: Chat, caller: Caller, request: OfDevice) -> PrekeyStats:
    return await chat.device_keys.stats(_user(caller, request.device_id))


async def sweep(chat: Chat, caller: Caller, request: OfDevice) -> int:
    return await chat.device_keys.sweep(_user(caller, request.device_id))


def _user(caller: Caller, device_id: DeviceId | None) -> User:
    """Who calls, with the device of the token; what the payload says of it must be right."""
    user = caller.signed_in()
    if device_id not in (None, user.device_id):
        raise AppError(Code.FORBIDDEN, "this token is another device's")
    return user
