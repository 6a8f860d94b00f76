"""The REST routes of the session relay."""

from server.apis.session_relay import render
from server.apis.session_relay.requests import ListSessions, Reserve, room_and_key
from server.core.chat import Chat
from server.core.errors import Code
from server.core.ports import Reservation, RoomSummary
from server.transports.api import Access, Caller, Route


async def reserve(chat: Chat, caller: Caller, request: Reserve) -> Reservation:
    wanted = room_and_key(request.session_id, request.auth_key)
    return await chat.rooms.reserve(caller.address, wanted.room_id, wanted.key)


async def list_sessions(
    chat: Chat, caller: Caller, request: ListSessions
) -> tuple[RoomSummary, ...]:
    return await chat.rooms.summaries(request.after, request.limit)


ROUTES = (
    Route(
        "POST",
        "/api/reserve-session",
        Reserve,
        reserve,
        render.reserved,
        "Reserve a session, so that others may join before its creator does",
        statuses=(201, 200),
        refusals=(Code.ROOM_EXISTS, Code.SERVER_FULL, Code.INVALID_KEY),
        example={"sessionId": "Xb3kP9", "authKey": "a key that only the invited know"},
    ),
    Route(
        "GET",
        "/sessions",
        ListSessions,
        list_sessions,
        render.sessions,
        "List the live sessions, without keys",
        access=Access.OPERATOR,
    ),
)
