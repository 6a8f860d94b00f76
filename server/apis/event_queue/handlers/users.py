"""What can be done by people who sign in, and to find others."""

import msgspec

from server.apis.event_queue.requests.users import AskKeys, AskMyself, Register, SearchUsers
from server.core.chat import Chat
from server.core.identities import SignedIn, Wish
from server.core.ports.identities import Found, Profile
from server.transports.api import Caller


async def register(chat: Chat, caller: Caller, request: Register) -> SignedIn:
    wish = Wish(
        public_key=msgspec.json.encode(request.public_key.value),
        display_name=request.display_name,
        device_id=request.device_id,
        device_name=request.device_name,
    )
    return await chat.identities.register(request.id_token, request.nonce, wish, caller.address)


async def read_myself(chat: Chat, caller: Caller, request: AskMyself) -> Profile:
    return await chat.identities.profile(caller.account())


async def read_keys(chat: Chat, caller: Caller, request: AskKeys) -> tuple[Profile, ...]:
    return await chat.identities.public_keys(caller.account(), request.user_ids)


async def search_users(chat: Chat, caller: Caller, request: SearchUsers) -> tuple[Found, ...]:
    return await chat.identities.search(caller.account(), request.q)
