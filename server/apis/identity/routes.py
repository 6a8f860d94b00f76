"""The REST routes of identity."""

from server.apis.identity import render
from server.apis.identity.requests import GetGuest, GetMe
from server.core.accounts import Whoami
from server.core.chat import Chat
from server.core.errors import Code
from server.core.tokens import Issued
from server.transports.api import Access, Caller, Route


async def get_guest(chat: Chat, caller: Caller, request: GetGuest) -> Issued:
    return await chat.tokens.issue_guest(caller.address, request.login)


async def get_me(chat: Chat, caller: Caller, request: GetMe) -> Whoami:
    return await chat.accounts.whoami(caller.signed_in())


ROUTES = (
    Route(
        "POST",
        "/api/auth/guest",
        GetGuest,
        get_guest,
        render.guest,
        "Get a token for a pseudonym, good for a day",
        statuses=(201,),
        refusals=(Code.FORBIDDEN,),
        example={"login": "Quiet Fox"},
    ),
    Route(
        "GET",
        "/api/auth/me",
        GetMe,
        get_me,
        render.me,
        "Ask whom the token names",
        access=Access.USER,
    ),
)
