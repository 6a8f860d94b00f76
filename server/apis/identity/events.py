"""The Socket.IO events about who a connection is."""

from collections.abc import Callable, Mapping
from operator import attrgetter

from server.apis.identity import render
from server.apis.identity.requests import Refresh
from server.core.chat import Chat
from server.core.errors import Code
from server.core.identity import User
from server.core.signins import SignIns
from server.transports.api import Action, Caller


def _actions(book: Callable[[Chat], SignIns]) -> Mapping[str, Action]:
    """Of a namespace whose connections are signed in by this book."""

    async def refresh(chat: Chat, caller: Caller, request: Refresh) -> User:
        user = await chat.tokens.verify(request.token)
        await book(chat).renew(user, caller.connection_id)
        return user

    return {
        "auth-refresh": Action(
            Refresh,
            refresh,
            render.refreshed,
            "Sign this connection in, or go on with a newer token",
            refusals=(Code.UNAUTHENTICATED, Code.TOKEN_EXPIRED, Code.FORBIDDEN),
            example={"token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"},
        ),
    }


ACTIONS = _actions(attrgetter("sign_ins"))

CHAT_ACTIONS = _actions(attrgetter("chat_sign_ins"))
