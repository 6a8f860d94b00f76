"""The Socket.IO events about who a connection is."""

from server.apis.identity import render
from server.apis.identity.requests import Refresh
from server.core.chat import Chat
from server.core.errors import Code
from server.core.identity import User
from server.transports.api import Action, Caller


async def refresh(chat: Chat, caller: Caller, request: Refresh) -> User:
    user = await chat.tokens.verify(request.token)
    await chat.sign_ins.renew(user, caller.connection_id)
    return user


ACTIONS = {
    "auth-refresh": Action(
        Refresh,
        refresh,
        render.refreshed,
        "Sign this connection in, or go on with a newer token",
        refusals=(Code.UNAUTHENTICATED, Code.TOKEN_EXPIRED, Code.FORBIDDEN),
        example={"token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"},
    ),
}
