"""What can be found."""

from server.apis.workspaces.requests.search import SearchMessages
from server.core.chat import Chat
from server.core.clock import to_ms
from server.core.ids import RoomId
from server.core.ports.conversations import FoundPlace
from server.core.workspaces.posts import Found
from server.core.workspaces.searching import SearchWish
from server.transports.api import Caller


async def search_messages(chat: Chat, caller: Caller, request: SearchMessages) -> Found:
    wish = SearchWish(
        text=request.q or request.query or "",
        workspace_id=request.workspace_id,
        room_id=request.conversation_id,
        sender=request.user_id,
        from_ms=to_ms(request.from_time),
        until_ms=to_ms(request.to_time),
    )
    before = _place(request.cursor)
    return await chat.posts.search(caller.signed_in(), wish, before, request.limit)


def _place(cursor: str | None) -> FoundPlace | None:
    if cursor is None:
        return None
    sent_ms, seq, room_id = cursor.split(".", 2)
    return FoundPlace(int(sent_ms), RoomId(room_id), int(seq))
